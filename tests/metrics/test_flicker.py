"""metrics/flicker.py: closed forms, a loop that says the same, and motion beside flicker."""

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.contracts import Setup
from harness.measure import measure_pair
from harness.types import Clip, Pair, Unscorable
from harness.weights import Weights
from metrics.flicker import Flicker, resting_change
from tests.metrics.frames import moving_frames, noisy

Frames = NDArray[np.uint8]


def grey(values: NDArray[np.integer]) -> Frames:
    """Return (T, H, W) grey levels as RGB."""
    return np.repeat(values[..., None], 3, axis=-1).astype(np.uint8)


def by_hand(frames: Frames) -> float:
    """The definition, pixel by pixel."""
    luma = frames.astype(np.float64) @ (0.299, 0.587, 0.114)
    values = []
    for before, now, after in zip(luma, luma[1:], luma[2:], strict=False):
        moved = np.abs(after - before).ravel()
        change = np.abs(before - 2 * now + after).ravel() / 4
        middle = np.median(moved)
        values.append(np.mean([c for c, m in zip(change, moved, strict=True) if m <= middle + 1e-5]))
    return float(np.mean(values))


def test_a_still_has_none() -> None:
    assert resting_change(np.repeat(moving_frames(1), 8, axis=0)) == pytest.approx(0, abs=1e-5)


def test_an_alternating_picture_flickers_by_half_its_swing() -> None:
    swing = np.broadcast_to(100 + 6 * (np.arange(9) % 2)[:, None, None], (9, 8, 8))
    # |100 - 2 * 106 + 100| / 4: what alternates about its mean by 3 to either side.
    assert resting_change(grey(swing)) == pytest.approx(3, rel=1e-5)
    ramp = np.broadcast_to(50 + 4 * np.arange(9)[:, None, None], (9, 8, 8))
    assert resting_change(grey(ramp)) == pytest.approx(0, abs=1e-4)


def test_it_is_the_definition() -> None:
    frames = noisy(moving_frames(6, 16), 5)
    assert resting_change(frames) == pytest.approx(by_hand(frames), rel=1e-4)


def test_it_grows_with_noise() -> None:
    base = np.repeat(moving_frames(1), 12, axis=0)
    found = [resting_change(noisy(base, s)) for s in (0.0, 1.0, 2.0, 4.0, 8.0)]
    assert sorted(found) == found
    # White noise of deviation s has a second difference of s * sqrt(6) / 4; luma's s is 0.67 of a channel's.
    luma = np.sqrt(0.299**2 + 0.587**2 + 0.114**2)
    assert found[-1] == pytest.approx(8 * luma * np.sqrt(6) / 4 * np.sqrt(2 / np.pi), rel=0.05)


def test_a_moving_part_counts_little_where_the_rest_stands_still() -> None:
    frames = np.full((12, 32, 32), 90)
    for t in range(12):
        frames[t, 4:12, (3 * t) % 24 : (3 * t) % 24 + 8] = 200
    assert resting_change(grey(frames)) < 0.5
    assert np.abs(np.diff(frames, n=2, axis=0)).mean() / 4 > 2.5
    assert resting_change(noisy(grey(frames), 4)) > 1.2


def test_drawn_clips_are_steadier_than_their_noisy_copies(drawn_pairs: list[Pair]) -> None:
    frames = drawn_pairs[0].generated.frames
    assert resting_change(noisy(frames, 1)) > 5 * resting_change(frames)


def test_two_frames_are_too_few_and_the_card_looks_at_one_clip() -> None:
    metric = Flicker(Setup("embedded", Weights()))
    assert not metric.card.paired and metric.card.higher_is_better is False
    short = Clip(moving_frames(2), None)
    with pytest.raises(Unscorable, match="2 frames; flicker needs 3"):
        measure_pair(metric, Pair("short", short, short))
    long = Clip(moving_frames(3), None)
    found = measure_pair(metric, Pair("long", long, long))
    assert found.value == resting_change(long.frames)
    assert metric.aggregate([found]).value == found.value
