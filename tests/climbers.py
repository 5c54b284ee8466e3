"""A method whose weights tell their own history: each step adds `rate` to them and writes it down."""

import errno
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from harness.contracts import MethodCard, Training
from harness.types import Clip, Request


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rate: float = 1.0
    steps: int = 20
    fault: str = ""
    begun: Path | None = None
    """A file that gets a line whenever a training begins."""


class Climber:
    """Its losses are how far it is from 1000, and its rate: the one is low where the other is high."""

    card: ClassVar[MethodCard] = MethodCard("climber", "Climber", "none", ("reference",))
    Config: ClassVar[type[BaseModel]] = Config
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, config: Config) -> None:
        self.config = config
        self.rates: list[float] = []

    def stage_config(self, stage: str) -> Mapping[str, Any]:
        return {}

    def run_stage(self, stage: str, training: Training, out: Path) -> None: ...

    def fit(self, training: Training) -> None:
        if training.resume:
            self.load(training.resume)
        if self.config.begun is not None:
            with self.config.begun.open("a") as begun:
                begun.write(f"{len(self.rates)}\n")
        while len(self.rates) < self.config.steps:
            if len(self.rates) == 2:
                self._fail(self.config.fault, first=training.resume is None)
            self.rates.append(self.config.rate)
            losses = {"recon": 1000 - sum(self.rates), "effort": self.config.rate}
            training.report(len(self.rates), losses, self.save)

    def _fail(self, fault: str, first: bool) -> None:
        if fault == "raise":
            raise KeyError("a bug")
        if fault == "memory":
            raise MemoryError
        if fault == "room":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model.safetensors")
        if fault == "die" or (fault == "die once" and first):
            time.sleep(0.5)  # a report is on its way
            os._exit(1)

    def save(self, folder: Path) -> None:
        (folder / "rates.json").write_text(json.dumps(self.rates))

    def load(self, folder: Path) -> None:
        self.rates = json.loads((folder / "rates.json").read_text())

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        raise AssertionError("a climber is trained only")


METHOD = Climber
