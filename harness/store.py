"""Content-addressed artefacts: what was made from what is its name, so nothing is made twice or mixed up.

An artefact's id hashes its inputs, its config and the code that makes it. It is written under a private
name and renamed when complete: a folder or file that exists is whole, whenever the writer was killed.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_PRIVATE = re.compile(r"\.[0-9a-f]{32}\.(?P<host>[^@]*)@(?P<pid>\d+)(\.|$)")
_DAY = 86_400.0


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
    private = path.with_name(f"{private_name()}.{path.name}")
    try:
        build(private)
        if private.is_dir() and path.exists():
            return  # another worker made the same meanwhile
        os.replace(private, path)
    finally:
        _remove(private)


@contextmanager
def scratch(parent: Path | None = None) -> Iterator[Path]:
    """Give an empty folder, on this machine's own disk if no parent is named.

    It is removed with the block, or by `sweep_up` where its process was killed.
    """
    folder = (parent or Path(tempfile.gettempdir())) / private_name()
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        _remove(folder)


def sweep_up(*roots: Path) -> int:
    """Remove what writers that were killed left under `roots` and among scratch folders; return how many.

    A file of this machine goes when its process is no more, one of another machine after a day.
    """
    left = [p for root in roots for p in _privates(root, deep=True)]
    left += _privates(Path(tempfile.gettempdir()), deep=False)
    gone = [p for p in left if _abandoned(p)]
    for path in gone:
        _remove(path)
    return len(gone)


def private_name() -> str:
    """Return a name that nobody else takes, and that tells whose it is."""
    return f".{uuid.uuid4().hex}.{socket.gethostname()}@{os.getpid()}"


def _privates(root: Path, deep: bool) -> list[Path]:
    """Return the private files and folders under a root; what is in a private folder goes with it."""
    found = []
    folders = [root] if root.is_dir() else []
    while folders:
        with suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:  # another run may remove it
            for entry in entries:
                if _PRIVATE.match(entry.name):
                    found.append(Path(entry.path))
                elif deep and entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
    return found


def _abandoned(path: Path) -> bool:
    """Return whether nobody writes a private file any more."""
    whose = _PRIVATE.match(path.name)
    if whose is None:
        return False
    try:
        if whose["host"] != socket.gethostname():
            return time.time() - path.stat().st_mtime > _DAY
        os.kill(int(whose["pid"]), 0)
    except ProcessLookupError:
        return True
    except (FileNotFoundError, PermissionError):
        return False
    return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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
