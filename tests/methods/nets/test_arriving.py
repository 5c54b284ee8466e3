"""Mel windows of arriving sound: the whole recording's, whatever the pieces, and no later than promised."""

from collections.abc import Iterator

import numpy as np
import pytest

from harness.types import Audio
from methods.nets.arriving import AHEAD, arriving_mel, whole_mel
from methods.nets.sampling import generator_mel


def speech(samples: int) -> Audio:
    rng = np.random.default_rng(4)
    return (0.3 * np.sin(np.arange(samples) * 0.2) + 0.05 * rng.standard_normal(samples)).astype(np.float32)


def cut(sound: Audio, lengths: tuple[int, ...]) -> Iterator[Audio]:
    start = 0
    while start < len(sound):
        for length in lengths:
            yield sound[start : start + length]
            start += length


@pytest.mark.parametrize("lengths", [(1000,), (7, 0, 641), (320, 5000)])
def test_windows_do_not_depend_on_the_pieces(lengths: tuple[int, ...]) -> None:
    sound = speech(640 * 21 - 17)
    whole = np.stack(list(arriving_mel(iter([sound]))))
    assert whole.shape == (21, 80, 16)
    np.testing.assert_array_equal(np.stack(list(arriving_mel(cut(sound, lengths)))), whole)
    np.testing.assert_allclose(whole, generator_mel(np.pad(sound, (0, 17)), 21), atol=1e-5)


@pytest.mark.parametrize("samples", [1, 640, 641, 2000])
def test_as_many_frames_as_the_sound_begins(samples: int) -> None:
    windows = list(arriving_mel(iter([speech(samples)])))
    assert len(windows) == -(-samples // 640)
    padded = np.pad(speech(samples), (0, -samples % 640))
    np.testing.assert_allclose(np.stack(windows), generator_mel(padded, len(windows)), atol=1e-5)
    assert not list(arriving_mel(iter([])))


def test_a_window_comes_when_its_sound_is_there_and_no_earlier() -> None:
    heard = 0

    def sound() -> Iterator[Audio]:
        nonlocal heard
        for sample in speech(640 * 30).reshape(-1, 10):
            heard += 10
            yield sample

    behind = [heard - 640 * frame for frame, _ in zip(range(10), arriving_mel(sound()), strict=False)]
    assert max(behind) == AHEAD and min(behind) > AHEAD - 200  # a step lasts 200 samples


def test_a_whole_recording_may_be_shorter_or_longer_than_its_frames() -> None:
    sound = speech(640 * 9)
    parts = list(whole_mel(sound, 14, 4))
    assert [len(part) for part in parts] == [4, 4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(parts)[13], np.full((80, 16), -4, np.float32))
    longer = np.concatenate(list(whole_mel(sound, 5, 4)))
    np.testing.assert_array_equal(longer, np.concatenate(parts)[:5])  # what comes after is heard, too
