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


def test_a_step_lasts_from_the_first_call_of_its_models_to_the_next_steps() -> None:
    # Two calls a step; the first step takes 9, the others 1, 2 and the last is not looked at.
    steps = training.Steps(4, [0.0, 5.0, 9.0, 9.5, 10.0, 10.5, 12.0, 12.5])
    assert steps.rates() == [1.0, 0.5]
    with pytest.raises(BadInput, match="7 calls of models in 4 steps"):
        training.Steps(4, steps.stamps[:7]).rates()


def test_a_watched_model_tells_when_it_is_called() -> None:
    steps = training.Steps(3)
    model = steps.watch(torch.nn.Linear(2, 2))
    for _ in range(3):
        model(torch.zeros(1, 2))
    assert len(steps.stamps) == 3 and steps.stamps == sorted(steps.stamps)
