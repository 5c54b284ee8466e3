"""The table of training's speed: both loops are the same training, and another one has no speed."""

import pytest
import torch

from harness.contracts import TrainingData
from harness.fit import Curve
from harness.types import BadInput
from methods.bench import training


def test_our_loop_and_the_plain_one_come_to_the_same_losses(
    corpus: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "STEPS", 3)
    monkeypatch.setattr(training, "ROUNDS", 2)
    threads = torch.get_num_threads()
    try:
        row = training._beside_plain(corpus)
    finally:
        torch.set_num_threads(threads)
    assert row.n == 2 and row.ratio is not None and 0 < row.low <= row.ratio <= row.high


def test_another_training_has_no_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "STEPS", 11)
    curve = Curve("made up", points=[(10, {"total": 5.5}), (11, {"total": 11.0})])
    training._check(curve, [float(i) for i in range(1, 12)])
    with pytest.raises(BadInput, match="not the same training"):
        training._check(curve, [float(i) for i in range(2, 13)])
