"""A method for the tests here: keeps the scenes of its training, and demands one where it had some."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from harness.contracts import MethodCard, Training
from harness.types import Clip, Request
from tests.toys import Config, Toy


class Listener(Toy):
    card: ClassVar[MethodCard] = MethodCard("listener", "Listener", "none", ("reference", "scene"))
    Config: ClassVar[type[Any]] = Config
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    scenes: tuple[str | None, ...] = ()

    def fit(self, training: Training) -> None:
        assert len(training.data.scenes) == len(training.data.texts) == len(training.data.clips)
        assert all(training.data.texts)
        self.scenes = training.data.scenes

    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "scenes.txt").write_text("\n".join(scene or "" for scene in self.scenes))

    def load(self, folder: Path) -> None:
        super().load(folder)
        self.scenes = tuple((folder / "scenes.txt").read_text().splitlines())

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        for request in requests:
            assert bool(request.scene) == any(self.scenes), request.scene
            assert request.text
        return super().generate(requests)


METHOD = Listener
