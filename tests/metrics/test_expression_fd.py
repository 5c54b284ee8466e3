"""metrics/expression_fd.py: identity, a closed form, scipy's matrix root, what it is blind to, bad input."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from harness.contracts import Setup
from harness.types import Clip, Measurement, Pair, Unscorable
from harness.weights import Weights
from metrics.expression_fd import ExpressionFrechetDistance
from metrics.features.au import AUExtractor, with_presence

Float32 = NDArray[np.float32]
UNITS = ("AU1", "AU12", "AU26")
METRIC: Any = ExpressionFrechetDistance(Setup("embedded", Weights()))


def toy_metric(**sides: Float32) -> Any:
    """Return a metric that finds the intensities given, by side, whatever the frames."""
    metric = ExpressionFrechetDistance(Setup("embedded", Weights()))
    metric.extractor = AUExtractor(
        "toy", "toy", "", "", "any", UNITS, UNITS, "", 1.0, lambda pair, side: with_presence(sides[side])
    )
    return metric


def toy(generated: Float32, reference: Float32, clip_id: str = "one") -> Measurement:
    made, real = (Clip(np.zeros((len(rows), 4, 4, 3), np.uint8), None) for rows in (generated, reference))
    metric = toy_metric(generated=generated, reference=reference)
    found: Measurement = metric.measure(Pair(clip_id, made, real))
    return found


def shares(frames: int, seed: int, shift: float = 0.0) -> Float32:
    return np.random.default_rng(seed).uniform(0.2, 0.6, (frames, 3)).astype(np.float32) + np.float32(shift)


def distance(measurements: list[Measurement]) -> float:
    return float(toy_metric().aggregate(measurements).value)


def test_the_same_expressions_are_at_no_distance_whenever_they_are_shown() -> None:
    rows = shares(40, 0)
    assert distance([toy(rows, rows)]) == pytest.approx(0, abs=1e-9)
    assert distance([toy(rows[::-1].copy(), rows)]) == pytest.approx(0, abs=1e-9)


def test_a_stronger_expression_in_closed_form() -> None:
    rows = shares(40, 0)
    # Equal covariances: what is left is the squared distance of the means, of three units.
    assert distance([toy(rows + np.float32(0.1), rows)]) == pytest.approx(3 * 0.01, rel=1e-4)
    found = [distance([toy(rows + np.float32(s), rows)]) for s in (0, 0.05, 0.1, 0.2)]
    assert sorted(found) == found
    # Half the swing about the same mean: the traces of S, S / 4 and twice S / 2.
    halved = (rows.mean(axis=0) + (rows - rows.mean(axis=0)) / 2).astype(np.float32)
    trace = np.trace(np.cov(rows.astype(np.float64).T))
    assert distance([toy(halved, rows)]) == pytest.approx(trace / 4, rel=1e-4)


def test_it_is_the_formula_by_a_matrix_root() -> None:
    a, b = shares(30, 1), shares(30, 2, 0.1)
    s1, s2 = np.cov(a.astype(np.float64).T), np.cov(b.astype(np.float64).T)
    means = ((a.mean(axis=0, dtype=np.float64) - b.mean(axis=0, dtype=np.float64)) ** 2).sum()
    expected = means + np.trace(s1 + s2 - 2 * np.real(sqrtm(s1 @ s2)))
    assert distance([toy(a, b)]) == pytest.approx(expected, rel=1e-6)


def test_clips_are_one_set_in_any_order_with_an_interval() -> None:
    clips = [toy(shares(20, i, 0.05), shares(20, 50 + i), f"clip{i}") for i in range(6)]
    metric = toy_metric()
    score = metric.aggregate(clips)
    assert score == metric.aggregate(clips[::-1])
    assert score.ci_low < score.value < score.ci_high
    assert (score.n, score.n_unscored, score.detail) == (6, 0, "120 frames a side")


def test_frames_without_a_face_are_left_out_and_too_few_have_a_reason() -> None:
    rows = shares(10, 0)
    holed = rows.copy()
    holed[2:4] = np.nan
    measured = toy(holed, rows)
    assert measured.detail == "2 frames without a face left out"
    assert measured.features is not None and len(measured.features["reference"]) == 8
    with pytest.raises(Unscorable, match="no face in both clips in any of 10 frames"):
        toy(np.full_like(rows, np.nan), rows)
    score = toy_metric().aggregate([toy(rows[:3], rows[:3])])
    assert (
        np.isnan(score.value) and score.reason == "3 frames a side, fewer than the 4 that a covariance needs"
    )
    none = toy_metric().aggregate([Measurement("one", reason="no face")])
    assert np.isnan(none.value) and (none.n, none.n_unscored) == (0, 1)


def test_its_card_can_not_be_taken_for_e_fid(drawn_pairs: list[Pair]) -> None:
    card = METRIC.card
    assert card.title == "AU FD-17" and not card.comparable and "not E-FID" in card.variant
    assert card.higher_is_better is False and card.domain == "embedded-corpus"
    own = METRIC.aggregate([METRIC.measure(pair) for pair in drawn_pairs])
    assert own.value == pytest.approx(0, abs=1e-6)
    happy = next(pair for pair in drawn_pairs if pair.emotion == "happy")
    sad = next(pair for pair in drawn_pairs if pair.emotion == "sad")
    other = METRIC.aggregate([METRIC.measure(Pair("one", happy.generated, sad.generated))])
    assert other.value > 0.1
