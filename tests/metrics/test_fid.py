"""metrics/fid.py: the set metric from clips to score."""

from math import isnan

import numpy as np
import pytest

from harness.contracts import Setup
from harness.types import Measurement, Unscorable
from harness.weights import Weights
from metrics.features.frechet import frechet_distance
from metrics.fid import FID
from metrics.kid import KID
from tests.metrics.frames import moving_frames, noisy, pair


@pytest.fixture(scope="module")
def metric() -> FID:
    return FID(Setup("embedded", Weights(), fid_min_frames=2))


def clip_features(
    clips: int, shift: float, speakers: int = 6, rows: int = 4, dimensions: int = 8
) -> list[Measurement]:
    random = np.random.default_rng(0)
    made = []
    for i in range(clips):
        reference = random.normal(size=(rows, dimensions)).astype(np.float32)
        generated = (random.normal(size=(rows, dimensions)) + shift).astype(np.float32)
        features = {"generated": generated, "reference": reference}
        made.append(Measurement(f"c{i:02}", features=features, speaker=f"s{i % speakers}"))
    return made


def test_more_noise_is_more_and_identity_is_zero(metric: FID) -> None:
    reals = [moving_frames(15, seed=s) for s in range(3)]
    scores = [
        metric.aggregate([metric.measure(pair(noisy(r, s), r, f"c{i}")) for i, r in enumerate(reals)]).value
        for s in (0, 8, 32)
    ]
    assert scores[0] == pytest.approx(0, abs=1e-6)
    assert scores[0] < scores[1] < scores[2]


def test_score_is_the_distance_over_all_frames_whatever_the_order(metric: FID) -> None:
    found = clip_features(12, 0.5)
    expected = frechet_distance(
        np.concatenate([m.features["generated"] for m in found if m.features]),
        np.concatenate([m.features["reference"] for m in found if m.features]),
    )
    unscored = Measurement("x", reason="too short")
    score = metric.aggregate([*found[::-1], unscored])
    assert score == metric.aggregate([unscored, *found])
    assert score.value == pytest.approx(expected, rel=1e-9)
    assert (score.n, score.n_unscored) == (12, 1)
    assert 0 <= score.ci_low < score.value < score.ci_high


def test_interval_covers_the_truth_it_is_made_for(metric: FID) -> None:
    wide = metric.aggregate(clip_features(10, 1.0))
    narrow = metric.aggregate(clip_features(200, 1.0))
    assert narrow.ci_high - narrow.ci_low < wide.ci_high - wide.ci_low
    assert narrow.ci_low < 8.0 < narrow.ci_high + 0.5, "a shift of 1 in 8 dimensions is a distance of 8"


def test_short_clip_and_nothing_scored(metric: FID) -> None:
    with pytest.raises(Unscorable, match=r"^9 frames.* 10 "):
        metric.measure(pair(moving_frames(9), moving_frames(20)))
    score = metric.aggregate([Measurement("x", reason="too short")])
    assert isnan(score.value) and (score.n, score.n_unscored) == (0, 1)
    one = metric.aggregate(clip_features(1, 0.5))
    assert one.n == 1 and not isnan(one.value) and isnan(one.ci_low)


def test_too_few_frames_are_refused_with_both_numbers_and_the_way_round() -> None:
    found = [*clip_features(12, 0.5), Measurement("x", reason="too short")]
    for setup in (Setup("embedded", Weights()), Setup("embedded", Weights(), fid_min_frames=49)):
        score = FID(setup).aggregate(found)
        assert isnan(score.value) and isnan(score.ci_low) and isnan(score.ci_high)
        assert (score.n, score.n_unscored, score.detail) == (12, 1, "48 frames a side")
        assert score.reason is not None and score.reason.startswith("48 frames a side, fewer than the ")
        assert f"the {setup.fid_min_frames} asked for" in score.reason
        assert score.reason.endswith("fid_min_frames: 48 (--fid-min-frames) scores it all the same")
    enough = FID(Setup("embedded", Weights(), fid_min_frames=48)).aggregate(found)
    assert enough.value > 0 and enough.reason is None and enough.detail == "48 frames a side"
    assert KID(Setup("embedded", Weights())).aggregate(found).detail == "48 frames a side"


def test_measurement_has_labels_frames_and_counts(metric: FID) -> None:
    found = metric.measure(pair(noisy(moving_frames(12), 5), moving_frames(14)))
    assert (found.speaker, found.emotion, found.detail) == ("1001", "happy", "3 frames")
    assert found.features is not None and found.features["generated"].shape == (3, 1280)
    assert found.features["generated"].dtype == np.float32


def test_embedded_never_bears_the_reference_names() -> None:
    weights = Weights()
    for card, title in (
        (FID(Setup("embedded", weights)).card, "FD-"),
        (KID(Setup("embedded", weights)).card, "KD-"),
    ):
        assert card.title.startswith(title) and not card.comparable
        assert "every 5th frame" in card.variant and card.backbone == "efficientnet-lite0"
