"""metrics/aggregate.py: means, intervals, counts, and the checks that every metric shares."""

from math import isnan, nan

import numpy as np
import pytest

from harness.types import Clip, Measurement, Pair, Unscorable
from metrics.aggregate import (
    accuracy_score,
    deletion_groups,
    mean_score,
    measurement,
    require_frames,
    require_same_size,
)


def measured(values: list[float], speakers: list[str] | None = None) -> list[Measurement]:
    who = speakers or [None] * len(values)
    return [
        Measurement(f"c{i:03}", value=v, speaker=s) for i, (v, s) in enumerate(zip(values, who, strict=True))
    ]


def pair(frames: int, height: int = 8, width: int = 6, reference_width: int = 6) -> Pair:
    generated = np.zeros((frames, height, width, 3), np.uint8)
    reference = np.zeros((frames + 3, height, reference_width, 3), np.uint8)
    return Pair("clip", Clip(generated, None), Clip(reference, None), "1001", "happy", "high")


def test_measurement_carries_the_labels_of_its_pair() -> None:
    made = measurement(pair(2), 1.5, "note")
    assert (made.clip_id, made.value, made.speaker, made.emotion, made.level, made.detail) == (
        "clip",
        1.5,
        "1001",
        "happy",
        "high",
        "note",
    )


def test_a_score_that_is_not_finite_is_unscorable() -> None:
    with pytest.raises(Unscorable, match="nan"):
        measurement(pair(2), nan)


def test_checks_name_both_numbers() -> None:
    with pytest.raises(Unscorable, match=r"^4 frames.* 5 "):
        require_frames(pair(4), 5)
    require_frames(pair(5), 5)
    with pytest.raises(Unscorable, match="6x8 and 7x8"):
        require_same_size(pair(2, reference_width=7))
    require_same_size(pair(2))


def test_mean_counts_unscored_clips_and_never_averages_them_in() -> None:
    score = mean_score([*measured([1.0, 3.0]), Measurement("x", reason="no face")])
    assert (score.value, score.n, score.n_unscored) == (2.0, 2, 1)


def test_nothing_scored_is_nan_with_n_zero() -> None:
    score = mean_score([Measurement("x", reason="no face")])
    assert isnan(score.value) and isnan(score.ci_low) and (score.n, score.n_unscored) == (0, 1)
    assert mean_score([]).n == 0


def test_order_of_clips_does_not_matter() -> None:
    values = list(np.random.default_rng(0).normal(size=30))
    clips = measured(values, [f"s{i % 7}" for i in range(30)])
    assert mean_score(clips) == mean_score(clips[::-1])


def test_one_clip_has_no_interval() -> None:
    score = mean_score(measured([4.0]))
    assert score.value == 4.0 and isnan(score.ci_low) and isnan(score.ci_high)


def test_accuracy_is_in_percent_and_refuses_other_values() -> None:
    score = accuracy_score([*measured([100.0, 0.0, 100.0, 100.0]), Measurement("x", reason="no face")])
    assert (score.value, score.n, score.n_unscored) == (75.0, 4, 1)
    assert score.ci_low < 75.0 < score.ci_high <= 100.0
    with pytest.raises(ValueError, match=r"0 or 100, not 1\.0"):
        accuracy_score(measured([1.0]))


def test_groups_are_whole_speakers_and_no_more_than_ten() -> None:
    features = {"generated": np.zeros((2, 1), np.float32), "reference": np.zeros((2, 1), np.float32)}
    found = [Measurement(f"c{i:02}", features=features, speaker=f"s{i % 23:02}") for i in range(46)]
    masks = deletion_groups(found)
    assert masks.shape == (10, 92)
    assert ((~masks).sum(axis=0) == 1).all(), "every row is left out once"
    speakers = np.repeat([m.speaker for m in found], 2)
    assert sum(len(set(speakers[~mask])) for mask in masks) == 23, "no speaker is in two groups"
