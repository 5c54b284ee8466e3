"""A toy method and a toy metric for the engine's tests, reached by dotted name as a user's own would be."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from harness.contracts import MethodCard, Training
from harness.types import Clip, Measurement, Pair, Request
from metrics.psnr import PSNR


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    alpha: float = 0.0
    steps: int = 4
    seconds: float = 0.0
    """How long each step and each clip takes."""


class Toy:
    """Learns one number, the mean brightness, in plain Python; alpha adds to it."""

    card: ClassVar[MethodCard] = MethodCard("toy", "Toy", "none", ("reference",))
    Config: ClassVar[type[BaseModel]] = Config
    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {"mean": ()}

    def __init__(self, config: Config) -> None:
        self.config = config
        self.value = 0.0

    def stage_config(self, stage: str) -> Mapping[str, Any]:
        return {"steps": self.config.steps}

    def run_stage(self, stage: str, training: Training, out: Path) -> None:
        training.report(1, {"recon": 1.0})
        (out / "mean.json").write_text("100")

    def fit(self, training: Training) -> None:
        start = float((training.artefacts["mean"] / "mean.json").read_text())
        step = json.loads((training.resume / "step.json").read_text()) if training.resume else 0
        while step < self.config.steps:
            step += 1
            time.sleep(self.config.seconds)
            if self.config.alpha < 0:
                training.report(step, {"recon": float("nan")})
            training.report(step, {"recon": 1 / step}, lambda folder, s=step: self._checkpoint(folder, s))
        self.value = start + self.config.alpha

    def _checkpoint(self, folder: Path, step: int) -> None:
        (folder / "step.json").write_text(str(step))

    def save(self, folder: Path) -> None:
        (folder / "toy.json").write_text(str(self.value))

    def load(self, folder: Path) -> None:
        self.value = float((folder / "toy.json").read_text())

    def generate(self, requests: Sequence[Request]) -> list[Clip]:
        time.sleep(self.config.seconds)
        return [
            Clip(np.full((r.frames, *r.reference.shape[1:]), int(self.value), np.uint8), r.audio)
            for r in requests
        ]


METHOD = Toy


class SlowPSNR(PSNR):
    """PSNR that takes its time, so that a test can come between."""

    card = replace(PSNR.card, name="slow_psnr")

    def measure(self, pair: Pair) -> Measurement:
        time.sleep(0.2)
        return super().measure(pair)


METRIC = SlowPSNR
