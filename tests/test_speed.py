"""What generating costs: the peak of memory, how long a first frame is waited for, and the cards."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness import arriving, speed
from harness.types import Audio, Frames, Request

HARDWARE = {"machine": "x86_64", "cores": 2}


def request(seconds: float) -> Request:
    frames = round(25 * seconds)
    nothing = np.zeros((frames, 4, 4, 3), np.uint8)
    return Request(
        id="x",
        reference=nothing[:1],
        context=nothing,
        mask=nothing[..., 0].astype(bool),
        eyes=np.zeros((frames, 2, 2), np.float32),
        reference_eyes=np.zeros((1, 2, 2), np.float32),
        reference_landmarks=np.zeros((1, 68, 2), np.float32),
        audio=np.zeros(frames * 640, np.float32),
        frames=frames,
        emotion=None,
        level=None,
        text=None,
        seed=0,
    )


class Answers:
    """Answers when 1600 samples are there, and would fail if more were asked for."""

    ahead = 1600

    def live(self, request: Request, sound: Iterator[Audio]) -> Iterator[Frames]:
        assert request.frames == len(request.context) == 1
        assert len(next(sound)) == self.ahead
        yield np.zeros((1, 4, 4, 3), np.uint8)
        raise AssertionError("one frame was asked for")


def test_a_first_frame_waits_for_its_sound_or_for_the_whole_recording() -> None:
    live = arriving.waited(Answers(), request(3), 0.5)  # type: ignore[arg-type]
    assert 100 <= live < 130
    short = arriving.waited(Answers(), request(0.04), 0.5)  # type: ignore[arg-type]
    assert 100 <= short < 130
    assert arriving.waited(object(), request(3), 0.5) == 3500  # type: ignore[arg-type]


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells a peak")
def test_the_peak_is_that_of_the_call_alone() -> None:
    def many() -> int:
        return int(np.ones(200_000_000, np.uint8)[::4096].sum())

    _, before = speed.with_peak(lambda: None)
    made, peak = speed.with_peak(many)
    _, after = speed.with_peak(lambda: None)
    assert made == -(-200_000_000 // 4096) and before is not None and peak is not None and after is not None
    assert 190 < peak - before < 260 and after < peak - 150


def test_a_system_without_it_has_no_peak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(speed, "_CLEAR", tmp_path / "no" / "such")
    assert speed.with_peak(lambda: 7) == (7, None)


def test_cards_name_protocol_and_machine_and_are_not_comparable() -> None:
    found = speed.cards(HARDWARE)
    assert tuple(found) == speed.NAMES
    for name, card in found.items():
        assert card.name == name and "x86_64, 2 cores" in card.variant and not card.comparable
    assert found["fps"].higher_is_better and not found["peak_mb"].higher_is_better
