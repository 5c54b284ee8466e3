"""Mel windows of sound that is still arriving, one video frame after another.

A window's numbers depend on the samples alone, never on the pieces in which they came: every step of the
spectrogram is made by the same call on the same samples, whoever asks. So a method that hears through
`arriving_mel` both whole recordings and live sound hears the same.
"""

from collections.abc import Iterator
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray

from harness.audio import MEL_BANDS, MEL_STEPS_PER_SECOND, MEL_WINDOW, mel_spectrogram
from harness.types import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Audio

_HOP = SAMPLE_RATE // MEL_STEPS_PER_SECOND
_REACH = 2  # hops that a step looks to each side
_MARGIN = 3  # hops before a step that it depends on: its reach, and pre-emphasis

AHEAD = (MEL_WINDOW - 1 + _REACH) * _HOP - SAMPLES_PER_FRAME
"""Samples from a frame's own first one to the last that its window hears: 2760, 172.5 ms."""

Float32 = NDArray[np.float32]


def arriving_mel(sound: Iterator[Audio]) -> Iterator[Float32]:
    """Yield (80, 16), each frame's `sampling.generator_mel` to 1e-5, as soon as AHEAD samples are there.

    sound: (n,) float32 16 kHz pieces of any length, all the sound. As many frames as it begins are answered,
    the last one's rest being silence.
    """
    held = _Held(sound)
    window = np.zeros((MEL_BANDS, 0), np.float32)
    made = 0
    for frame in count():
        first = frame * MEL_STEPS_PER_SECOND // FPS
        last = first + MEL_WINDOW
        if not held.reaches((last - 1 + _REACH) * _HOP) and held.end <= (frame + 1) * SAMPLES_PER_FRAME:
            return
        window = np.concatenate([window, held.steps(made, last)], axis=1)[:, -MEL_WINDOW:]
        made = last
        held.forget(last - _MARGIN)
        yield window


def whole_mel(audio: Audio, frames: int, chunk: int) -> Iterator[Float32]:
    """Yield `arriving_mel` of `frames` frames of a whole recording, (t, 80, 16) at a time, t at most chunk.

    Silence stands past the recording's end, and what it has past the last frame's own is heard, too.
    """
    rest = frames * SAMPLES_PER_FRAME - len(audio)
    windows = islice(arriving_mel(iter([np.pad(audio, (0, max(0, rest)))])), frames)
    while part := list(islice(windows, chunk)):
        yield np.stack(part)


class _Held:
    """The sound behind one frame of silence, with which every first window begins; what is past is dropped.

    Places are counted in samples from that silence on; `end` is where the sound ends as far as it is known.
    """

    def __init__(self, sound: Iterator[Audio]) -> None:
        self._sound = sound
        self._samples = np.zeros(SAMPLES_PER_FRAME, np.float32)
        self._start = 0
        self._ended = False

    @property
    def end(self) -> int:
        """Samples that came, silence in front included."""
        return self._start + len(self._samples)

    def reaches(self, place: int) -> bool:
        """Wait until the sound reaches `place`; return whether it does. Its last frame is filled up."""
        while self.end < place and not self._ended:
            piece = next(self._sound, None)
            if piece is None:
                self._ended = True
                piece = np.zeros(-self.end % SAMPLES_PER_FRAME, np.float32)
            self._samples = np.concatenate([self._samples, piece])
        return self.end >= place

    def steps(self, first: int, last: int) -> Float32:
        """Return (80, last - first) steps of the spectrogram, silence past the sound's end."""
        begin = max(0, first - _MARGIN)
        heard = self._samples[begin * _HOP - self._start : (last - 1 + _REACH) * _HOP - self._start]
        steps = np.full((MEL_BANDS, last - first), -4.0, np.float32)
        if len(heard):
            made = mel_spectrogram(heard)[:, first - begin : last - begin]
            steps[:, : made.shape[1]] = made
        return steps

    def forget(self, step: int) -> None:
        """Drop the sound before a step."""
        place = min(step * _HOP, self.end)
        self._samples = self._samples[place - self._start :]
        self._start = place
