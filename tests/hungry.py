"""The toy method, eating memory in its training where it is asked to."""

import time
from dataclasses import replace

from harness.contracts import Training
from tests.toys import Config as ToyConfig
from tests.toys import Toy

BLOCK = 50 << 20
"""Bytes eaten at once."""


class Config(ToyConfig):
    eats: int = 0
    """MiB, which the training takes before its first step and holds for a while."""


class Hungry(Toy):
    card = replace(Toy.card, name="hungry")
    Config = Config

    def fit(self, training: Training) -> None:
        kept = []
        for _ in range((self.config.eats << 20) // BLOCK):
            kept.append(b"x" * BLOCK)
            time.sleep(0.01)
        time.sleep(5 if kept else 0)
        super().fit(training)


METHOD = Hungry
