"""Orders as folders: several web replicas and generators agree on them through nothing but files.

    DEMO/<order>/order.json   what is asked for
                 picture.png, sound.wav
                 <n>.json     how far clip n is: waiting, making (with frames done of all), done or failed
                 <n>.mp4      the clip

An order's name is 128 random bits: who knows it may see it, and nobody can guess it.
"""

import json
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from harness.store import write_whole

KEPT_SECONDS = 3600.0
_NAME = re.compile(r"[A-Za-z0-9_-]{22}")

State = Literal["waiting", "making", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Order:
    """One clip of each of `models` (names of `making.models`). shown: the emotion that the picture shows."""

    models: tuple[str, ...]
    emotion: str | None
    level: str | None
    text: str | None
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a clip is; reason: why it failed, in plain words."""

    state: State
    frames: int = 0
    of: int = 0
    reason: str | None = None


class Orders:
    """The orders below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def begin(self) -> str:
        """Return the name of a new order's folder, made."""
        name = secrets.token_urlsafe(16)
        self.folder(name).mkdir()
        return name

    def folder(self, name: str) -> Path:
        """Return an order's folder. Raises KeyError for what cannot be a name."""
        if not _NAME.fullmatch(name):
            raise KeyError(name)
        return self.root / name

    def place(self, name: str, order: Order) -> None:
        """Write what is asked for; its clips are waiting."""
        for index in range(len(order.models)):
            self.tell(name, index, Progress("waiting"))
        _write(self.folder(name) / "order.json", asdict(order))

    def read(self, name: str) -> Order:
        """Return what was asked for. Raises KeyError when there is no such order."""
        found = _read(self.folder(name) / "order.json")
        return Order(**{**found, "models": tuple(found["models"])})

    def tell(self, name: str, index: int, progress: Progress) -> None:
        """Write how far a clip is."""
        _write(self.folder(name) / f"{index}.json", asdict(progress))

    def progress(self, name: str, index: int) -> Progress:
        """Return how far a clip is. Raises KeyError when there is no such clip."""
        return Progress(**_read(self.folder(name) / f"{index}.json"))

    def waiting(self) -> int:
        """Return how many clips are not made yet."""
        return sum(_state(path) in ("waiting", "making") for path in self.root.glob("*/[0-9].json"))

    def sweep(self) -> None:
        """Delete the orders in which nothing was written for `KEPT_SECONDS`."""
        for folder in self.root.iterdir():
            try:
                old = time.time() - folder.stat().st_ctime > KEPT_SECONDS
            except FileNotFoundError:
                continue  # another replica was at it
            if old and _NAME.fullmatch(folder.name):
                shutil.rmtree(folder, ignore_errors=True)  # likewise


def _write(path: Path, fields: Mapping[str, Any]) -> None:
    def build(private: Path) -> None:
        private.write_text(json.dumps(fields), encoding="utf-8")

    write_whole(path, build)


def _state(path: Path) -> str | None:
    """Return a clip's state, None where the order was deleted meanwhile."""
    try:
        return str(_read(path)["state"])
    except KeyError:
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise KeyError(path.name) from error
    return found
