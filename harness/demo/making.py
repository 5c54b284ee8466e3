"""Makes the clips of an order with a run's trained models; what goes wrong is told in plain words."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import portrait, results
from harness.contracts import Method
from harness.demo.orders import Order, Orders, Progress
from harness.disclosure import encode_generated, marked
from harness.faces import FILES, PolicyName
from harness.store import write_whole
from harness.types import BadInput, Frames, Request
from harness.weights import Weights

_LOADED = 4
"""Models that one generator keeps in memory."""


@dataclass(frozen=True, slots=True)
class Model:
    """One trained model of a run. name: `TITLE/TRIAL`; emotions: what it can be asked for, if anything."""

    name: str
    label: str
    method: str
    folder: Path
    emotions: tuple[str, ...]
    paper: str
    conditions: tuple[str, ...]


def models(run: Path) -> list[Model]:
    """Return the models that a sweep trained, as its run.json names them. Raises BadInput without one."""
    record = results.read_json(run / "run.json")
    entries = record.get("config", {}).get("methods", [])  # an evaluation of clips trained nothing
    named = {entry["label"] or entry["name"]: entry["name"] for entry in entries}
    found = []
    for trial in record.get("trials", []):
        folder = (run / trial["model"]).resolve() if trial.get("model") else None
        if folder is not None and trial["method"] in named:
            found.append(_model(trial, named[trial["method"]], folder, record["methods"]))
    if not found:
        raise BadInput(f"{run}: no trained model in it, so no demo; run a sweep that trains a method")
    return found


def face_policy(weights: Weights) -> PolicyName:
    """Return how faces are found here: `face-v1` where its file is, else what knows drawn faces only."""
    try:
        weights.path(FILES["mediapipe"])
    except BadInput:
        return "face-v1-embedded"
    return "face-v1"


class Maker:
    """Makes clips, one at a time; keeps the models that it used last.

    seconds: the longest that a clip may take. mark: whether its pictures say that they are generated.
    """

    def __init__(
        self, run: Path, orders: Orders, weights: Weights, seconds: float, mark: bool = False
    ) -> None:
        self.orders, self.weights, self.seconds, self.mark = orders, weights, seconds, mark
        self.faces = face_policy(weights)
        self._known = {model.name: model for model in models(run)}
        self._loaded: dict[str, tuple[Method, int]] = {}

    def __call__(self, name: str, index: int) -> None:
        """Make clip `index` of an order; its progress file ends as done or failed, whatever happens."""
        try:
            self._make(name, index, self.orders.read(name))
        except BadInput as error:
            self.orders.tell(name, index, Progress("failed", reason=self._plain(str(error), name)))
        except BaseException:
            self.orders.tell(name, index, Progress("failed", reason="an error on our side; it is in the log"))
            raise

    def _make(self, name: str, index: int, order: Order) -> None:
        folder = self.orders.folder(name)
        self.orders.tell(name, index, Progress("making"))
        method, size = self._method(order.models[index])
        source = portrait.shown(folder / "picture.png", self.faces, size, self.weights, whole=False)
        wish = portrait.Wish(order.emotion, order.level, order.text, order.shown)
        request = portrait.asked("clip", source, portrait.voice(folder / "sound.wav"), wish)
        made = self._watched(method, request, name, index)
        pictures = marked(made) if self.mark else made
        target, maker = folder / f"{index}.mp4", self._known[order.models[index]].method
        write_whole(target, lambda private: encode_generated(private, pictures, request.audio, maker))
        self.orders.tell(name, index, Progress("done", request.frames, request.frames))

    def _watched(
        self, method: Method, request: Request, name: str, index: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield a clip's pictures, telling how many there are after each part."""
        done, until = 0, time.monotonic() + self.seconds
        part: Frames
        for part in portrait.frames_of(method, request):
            if time.monotonic() > until:
                raise BadInput(f"took longer than {self.seconds:.0f} s; send a shorter recording")
            done += len(part)
            self.orders.tell(name, index, Progress("making", done, request.frames))
            yield from part

    def _method(self, name: str) -> tuple[Method, int]:
        if name not in self._loaded:
            model = self._known[name]
            method, size = portrait.trained(model.method, model.folder)
            if len(self._loaded) >= _LOADED:
                del self._loaded[next(iter(self._loaded))]
            self._loaded[name] = method, size or 0
        return self._loaded[name]

    def _plain(self, message: str, name: str) -> str:
        """Return an error's message without this server's paths."""
        folder = self.orders.folder(name)
        for path, word in ((folder / "picture.png", "the picture"), (folder / "sound.wav", "the recording")):
            message = message.replace(str(path), word)
        return message.removeprefix("clip: ")


def _model(trial: dict[str, Any], method: str, folder: Path, cards: dict[str, Any]) -> Model:
    saved = results.read_json(folder / "config.json")
    title, varied = trial["method"], ", ".join(f"{k} {v}" for k, v in trial["params"].items())
    return Model(
        name=f"{title}/{trial['trial']}",
        label=f"{title} ({varied})" if varied else title,
        method=method,
        folder=folder,
        emotions=_emotions(saved),
        paper=cards[title]["paper"],
        conditions=tuple(cards[title]["conditions"]),
    )


def _emotions(saved: dict[str, Any]) -> tuple[str, ...]:
    """Return what a model can be asked for: its own list, or the targets of its pairs."""
    if "pairs" in saved:
        return tuple(dict.fromkeys(pair.partition("->")[2] for pair in saved["pairs"]))
    return tuple(saved.get("emotions", ()))
