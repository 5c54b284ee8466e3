"""Content-addressed artefacts: what was made from what is its name, so nothing is made twice or mixed up.

An artefact's id hashes its inputs, its config and the code that makes it. It is written under a private
name and renamed when complete: a folder or file that exists is whole, whenever the writer was killed.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Store:
    """Artefacts under `root`, one folder a kind."""

    root: Path

    def path(self, kind: str, inputs: Any, suffix: str = "") -> Path:
        """Return where the artefact made from `inputs` (plain JSON values) is or will be."""
        return self.root / kind / (digest(inputs) + suffix)

    def make(self, path: Path, build: Callable[[Path], None]) -> Path:
        """Return `path`, first made by `build(private path)` if it is not there."""
        if not path.exists():
            write_whole(path, build)
        return path


def write_whole(path: Path, build: Callable[[Path], None]) -> None:
    """Let `build` write a file or folder under a private name beside `path`, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    private = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    try:
        build(private)
        if private.is_dir() and path.exists():
            return  # another worker made the same meanwhile
        os.replace(private, path)
    finally:
        if private.is_dir():
            shutil.rmtree(private)
        else:
            private.unlink(missing_ok=True)


def digest(inputs: Any) -> str:
    """Return 20 hex digits of the SHA-256 of plain JSON values, independent of key order."""
    canonical = json.dumps(inputs, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:20]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


@cache
def code_version(*modules: str) -> str:
    """Return a digest of modules and packages, every file below but caches, the code part of an id."""
    found = hashlib.sha256()
    for name in sorted(modules):
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"no module {name} to take the code version of")
        origin = Path(spec.origin)
        package = origin.name == "__init__.py"
        files = sorted(p for p in origin.parent.rglob("*") if p.is_file()) if package else [origin]
        for file in files:
            if "__pycache__" in file.parts:
                continue
            found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]
