"""The embedded judges' weights: safetensors files, described and pinned by judges.json beside them.

judges.json says of each judge its SHA-256, the corpus version and seeds that it was trained on, and what it
reached on speakers of a seed that no training saw. `python -m metrics.features.train_judges` writes both.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

from harness.types import BadInput

FOLDER = Path(__file__).parent / "weights"
DESCRIPTION = "judges.json"
_RETRAIN = "run python -m metrics.features.train_judges (or train_identity), or reinstall"


def describe(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Return what judges.json says of a judge. BadInput when it says nothing."""
    path = folder / DESCRIPTION
    known: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else {}
    if name not in known:
        raise BadInput(f"{path}: no judge {name!r} in it; {_RETRAIN}")
    return known[name]


def load_into(net: nn.Module, name: str, folder: Path = FOLDER) -> None:
    """Fill `net` with a judge's weights and put it in evaluation mode. BadInput when the file is another."""
    net.load_state_dict(load_file(verified(name, folder)))
    net.eval()


def names_in(name: str, folder: Path = FOLDER) -> tuple[str, ...]:
    """Return the names of a judge's outputs, from its file's header. BadInput when the file is another."""
    with safe_open(verified(name, folder), "pt") as stored:
        return tuple(stored.metadata()["outputs"].split(","))


def verified(name: str, folder: Path = FOLDER) -> Path:
    """Return a judge's file; BadInput when it is missing or not the one that judges.json describes."""
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        raise BadInput(f"{path}: no such file; {_RETRAIN}")
    found, expected = file_sha256(path), describe(name, folder)["sha256"]
    if found != expected:
        raise BadInput(f"{path}: SHA-256 {found}, not {expected} as {DESCRIPTION} says; {_RETRAIN}")
    return path


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
