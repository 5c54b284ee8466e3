"""Sound as mono float32 at 16 kHz, placed on a timeline by its own timestamps."""

import math
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from harness.media.opening import (
    Cut,
    check_jump,
    decoded,
    decoded_before,
    frame_time,
    interval,
    open_media,
)
from harness.media.pictures import video_start
from harness.types import SAMPLE_RATE, Audio, BadInput

# A jump longer than this is missing sound; a smaller one is jitter of the clock that wrote the timestamps,
# unless so many packets on end agree that the sound is off by more than containers round.
_SOUND_GAP, _SOUND_OFF, _AGREEING = 0.02, 0.005, 8
# Decoding goes on this long after a cut: a resampler gives its last samples late.
_POSTROLL = 0.5

_Piece = tuple[int, Audio]
"""Some sound, and the sample of the timeline that it begins at."""


def read_audio(video: Path, audio: Path | None = None, cut: Cut | None = None) -> Audio | None:
    """Return the sound that belongs to a video, on the video's timeline; None for a silent video.

    audio: a sound file of its own, whose sample 0 belongs to the first frame. cut: (start, end) in seconds
    after the first frame; sample i is then the one at start + i/16000. See `audio_16k`.
    """
    if audio is not None:
        samples = audio_16k(audio, cut=cut)
        if samples is None:
            raise BadInput(f"{audio}: no sound in it")
        return samples
    return audio_16k(video, video_start(video), cut)


def audio_16k(path: Path, start: float | None = None, cut: Cut | None = None) -> Audio | None:
    """Return the first sound track, mono float32 at 16 kHz, from `start` seconds of the file's clock on.

    `start` None is the track's own first sample. cut: (start, end) in seconds of that timeline to keep. The
    array ends where the track does, which may be before the cut does. None is returned where the file has
    no sound track. Raises BadInput, naming the file, when it cannot be decoded.
    """
    begin, end = interval(cut, path)
    with open_media(path) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        frames = decoded(container, stream, path)
        first = next(frames, None)
        if first is None:
            raise BadInput(f"{path}: the sound track holds no samples")
        begun = frame_time(first, path)
        origin = begun if start is None else start
        check_jump(begun - origin, path)
        frames = decoded_before(container, stream, path, frames, first, origin + begin)
        pieces = _pieces(_on_grid(frames, begun), path, begun, origin + end + _POSTROLL)
        shift = round((begun - origin) * SAMPLE_RATE)
        last = sys.maxsize if math.isinf(end) else round(end * SAMPLE_RATE)
        return _timeline(pieces, round(begin * SAMPLE_RATE) - shift, last - shift)


def _on_grid(frames: Iterable[Any], begun: float) -> Iterator[Any]:
    """Cut samples off the first frame until it lies a whole number of 16 kHz samples after `begun`.

    Sound that is decoded from the middle of a file is then resampled to the very samples that the whole is.
    """
    frames = iter(frames)
    for frame in frames:
        step = frame.sample_rate // math.gcd(frame.sample_rate, SAMPLE_RATE)
        late = -round((frame.time - begun) * frame.sample_rate) % step
        if 0 < late < frame.samples:
            base, due = frame.time_base, frame.pts + round(late / frame.sample_rate / frame.time_base)
            fifo, frame.pts = av.AudioFifo(), None  # it takes no times but its own
            fifo.write(frame)
            fifo.read(late)
            frame = fifo.read()
            frame.time_base, frame.pts = base, due
        yield frame
        break
    yield from frames


def _pieces(frames: Iterable[Any], path: Path, begun: float, until: float) -> Iterator[_Piece]:
    """Yield mono sound at 16 kHz, placed in samples after `begun`, until `until` seconds of the clock."""
    run: _Run | None = None
    for frame in frames:
        # Some coders cut a packet into several pieces, of which only the first has a time.
        time = frame_time(frame, path) if run is None or frame.time is not None else run.due
        if run is not None:
            check_jump(time - run.due, path)
        if run is None or run.broken_at(time):
            if run is not None:
                yield from run.resampled(None)
            run = _Run(time, round((time - begun) * SAMPLE_RATE))
        if time > until:
            break
        yield from run.resampled(frame)
    if run is not None:
        yield from run.resampled(None)


class _Run:
    """Sound without a gap in it: `due` is when it goes on, in seconds; `place` where, in 16 kHz samples."""

    def __init__(self, due: float, place: int) -> None:
        self.due, self.place = due, place
        self._off: deque[float] = deque(maxlen=_AGREEING)
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def broken_at(self, time: float) -> bool:
        """Return whether sound with this timestamp does not go on where the run ends."""
        self._off.append(time - self.due)
        lasting = min(map(abs, self._off)) if len(self._off) == _AGREEING else 0.0
        return abs(time - self.due) > _SOUND_GAP or lasting > _SOUND_OFF

    def resampled(self, frame: Any) -> Iterator[_Piece]:
        """Yield what is ready after one more frame; None is the run's end."""
        if frame is not None:
            self.due += frame.samples / frame.sample_rate
        for piece in self._resampler.resample(frame):
            samples = piece.to_ndarray()[0].astype(np.float32)
            yield self.place, samples
            self.place += len(samples)


def _timeline(pieces: Iterable[_Piece], first: int, last: int) -> Audio:
    """Return the samples `first` to `last`, zero where there is no piece; it ends where the pieces do."""
    kept = []
    for place, samples in pieces:
        begin = max(place, first)
        inside = samples[begin - place : max(0, last - place)]
        if len(inside):
            kept.append((begin - first, inside))
    timeline = np.zeros(max((place + len(samples) for place, samples in kept), default=0), np.float32)
    for place, samples in kept:
        timeline[place : place + len(samples)] = samples
    return timeline
