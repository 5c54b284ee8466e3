"""Writes films whose content says its own time, so that sync can be read off whatever was done to a file.

Every picture carries a bar code: the milliseconds since the first one. The sound is a chirp whose pitch
at any moment is that moment's: where a piece of it fits into the whole says when it belongs.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from scipy.signal import correlate

BITS, BAR, HEIGHT = 14, 8, 64
SECONDS = 3.0
FAST = {"libx264": {"preset": "veryfast"}, "libvpx": {"deadline": "realtime", "cpu-used": "8"}}
LEAD = 0.5
"""How long before the first picture the chirp is defined."""
DEPTH: dict[str, tuple[float, type]] = {
    "s16": (32_000, np.int16),
    "s32": (2e9, np.int32),
    "flt": (0.9, np.float32),
}


@dataclass(frozen=True)
class Coding:
    """What a file is written with."""

    video: str
    audio: str
    rate: int
    b_frames: int = 0


def write(
    path: Path, coding: Coding, times: Sequence[Fraction], video_start: Fraction, audio_start: float
) -> None:
    """Write pictures shown at `times` after the first; the starts are the streams' on the file's clock."""
    with av.open(str(path), "w") as container:
        frame_rate = 1 / (times[1] - times[0])
        video: Any = container.add_stream(coding.video, rate=frame_rate)
        video.width, video.height, video.pix_fmt = BITS * BAR, HEIGHT, "yuv420p"
        video.bit_rate = 2_000_000
        video.options = FAST.get(coding.video, {})
        video.codec_context.max_b_frames = coding.b_frames
        steady = len({b - a for a, b in itertools.pairwise(times)}) == 1
        base = 1 / frame_rate if steady else Fraction(1, 1000)
        video.codec_context.time_base = base
        sound: Any = container.add_stream(coding.audio, rate=coding.rate, layout="mono")
        sound.bit_rate = 96_000
        packets = [
            *_video(video, times, round(video_start / base), base),
            *_audio(sound, coding.rate, audio_start, float(round(video_start / base) * base)),
        ]
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            container.mux(packet)


def picture(milliseconds: int) -> np.ndarray:
    """Return the bar code of a time, (64, 112, 3), on grain: frames as large as those of real footage."""
    bits = [(milliseconds >> bit) & 1 for bit in range(BITS)]
    bars = np.repeat(np.array(bits) * 150 + 50, BAR)[None, :, None]
    grain = np.random.default_rng(milliseconds).integers(-30, 31, (HEIGHT, BITS * BAR, 1))
    return np.repeat((bars + grain).astype(np.uint8), 3, axis=2)


def read_picture(image: np.ndarray) -> float:
    """Return the time that a picture's bar code says, in seconds."""
    levels = image.mean(axis=(0, 2)).reshape(BITS, BAR)[:, 2:-2].mean(axis=1)
    assert np.abs(levels - 125).min() > 30, "a blurred bar code"
    return float(((levels > 125) * 2 ** np.arange(BITS)).sum()) / 1000


def chirp(times: np.ndarray) -> np.ndarray:
    """Return the sound at `times` seconds: 300 Hz at -0.5 s, 1200 Hz more every second."""
    after = times + LEAD
    return np.sin(2 * np.pi * (300 * after + 600 * after**2)) * (after >= 0) * (times < SECONDS)


def read_sound(audio: np.ndarray, at: float) -> float:
    """Return which moment's sound the half second of `audio` (16 kHz) at `at` seconds is, in seconds."""
    first = round(at * 16_000)
    piece = audio[first : first + 8000].astype(np.float64)
    whole = chirp(np.arange(round(-LEAD * 16_000), round(SECONDS * 16_000)) / 16_000)
    match = correlate(whole, piece, "valid", "fft")
    best = int(match.argmax())
    assert match[best] > 0.6 * np.linalg.norm(piece) * np.linalg.norm(whole[best : best + 8000]), "no chirp"
    return best / 16_000 - LEAD


def _video(stream: Any, times: Sequence[Fraction], start: int, base: Fraction) -> list[Any]:
    packets = []
    for time in times:
        frame = av.VideoFrame.from_ndarray(picture(round(time * 1000)), format="rgb24")
        frame.pts, frame.time_base = start + round(time / base), base
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _audio(stream: Any, rate: int, start: float, zero: float) -> list[Any]:
    begin, kind = round(start * rate), stream.codec_context.format.name
    tone = chirp((begin + np.arange(round(SECONDS * rate))) / rate - zero)
    block = stream.codec_context.frame_size or 1024
    scale, kept = DEPTH[kind.rstrip("p")]
    packets = []
    for first in range(0, len(tone), block):
        samples = (0.7 * scale * tone[None, first : first + block]).astype(kept)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), kind, "mono")
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), begin + first
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]
