"""Writes small films for tests: a flash and a click at one known time, in any container and frame rate."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

CODECS = {
    "mp4": ("libx264", "yuv420p", "aac", 48_000),
    "mkv": ("libx264", "yuv420p", "pcm_s16le", 44_100),
    "avi": ("mpeg4", "yuv420p", "pcm_s16le", 16_000),
    "mpg": ("mpeg1video", "yuv420p", "mp2", 44_100),
    "flv": ("flv", "yuv420p", "libmp3lame", 44_100),
    "webm": ("libvpx", "yuv420p", "libopus", 48_000),
}
DEPTH: dict[str, tuple[int, type]] = {
    "s16": (2**15 - 1, np.int16),
    "s32": (2**31 - 1, np.int32),
    "flt": (1, np.float32),
}
SIDE = 32
FLASH_SECONDS = 0.3


@dataclass(frozen=True)
class Film:
    """When each stream starts on the file's clock, and what the film shows: a flash centred on a click."""

    rate: Fraction
    seconds: float = 2.0
    video_start: float = 0.0
    audio_start: float = 0.0
    b_frames: int | None = None

    @property
    def flash(self) -> tuple[int, int]:
        """First and last bright frame."""
        first = round(1.0 * self.rate)
        return first, first + max(1, round(FLASH_SECONDS * self.rate)) - 1

    @property
    def event(self) -> float:
        """The middle of the flash, and the click, in seconds after the first video frame."""
        return float(Fraction(sum(self.flash), 2) / self.rate)

    @property
    def first_pts(self) -> int:
        """The first video frame's timestamp, in frames."""
        return round(self.video_start * self.rate)


def write(path: Path, film: Film, side: int = SIDE) -> None:
    """Write the film; the container is the suffix."""
    codec, pixels, sound_codec, rate = CODECS[path.suffix[1:]]
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(codec, rate=film.rate)
        video.width = video.height = side
        video.pix_fmt = pixels
        if film.b_frames is not None:
            video.codec_context.max_b_frames = film.b_frames
        sound: Any = container.add_stream(sound_codec, rate=rate, layout="mono")
        packets = [*_video(video, film), *_sound(sound, film, rate)]
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * p.time_base)):
            container.mux(packet)


def write_audio(path: Path, rate: int, click: float, codec: str, seconds: float = 2.0) -> None:
    """Write a sound file with a click."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate, layout="mono")
        for packet in _sound(stream, Film(Fraction(25), seconds), rate, click):
            container.mux(packet)


def click_time(audio: np.ndarray) -> float:
    """Return where the click is, in seconds: the energy's centre round its peak."""
    energy = np.convolve(audio.astype(np.float64) ** 2, np.ones(80), "same")
    peak = int(energy.argmax())
    near = np.arange(max(0, peak - 160), min(len(audio), peak + 160))
    weight = audio[near].astype(np.float64) ** 2
    return float((near * weight).sum() / weight.sum() / 16_000)


def flash_time(frames: list[np.ndarray]) -> float:
    """Return the middle of the bright frames, in seconds."""
    bright = [i for i, frame in enumerate(frames) if frame.mean() > 128]
    return (bright[0] + bright[-1]) / 2 / 25


def _video(stream: Any, film: Film) -> list[Any]:
    packets = []
    for index in range(round(film.seconds * film.rate)):
        value = 235 if film.flash[0] <= index <= film.flash[1] else 20
        frame = av.VideoFrame.from_ndarray(
            np.full((stream.height, stream.width, 3), value, np.uint8), format="rgb24"
        )
        frame.pts, frame.time_base = film.first_pts + index, 1 / film.rate
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]


def _sound(stream: Any, film: Film, rate: int, click: float | None = None) -> list[Any]:
    begin = round(film.audio_start * rate)
    at = click if click is not None else film.event + float(film.first_pts / film.rate)
    times = (begin + np.arange(round(film.seconds * rate))) / rate
    tone = np.sin(2 * np.pi * 2000 * times) * np.exp(-(((times - at) / 0.001) ** 2))
    block = stream.codec_context.frame_size or 1024
    kind = stream.codec_context.format.name
    packets = []
    for start in range(0, len(tone), block):
        piece = 0.8 * tone[None, start : start + block]
        scale, kept = DEPTH[kind.rstrip("p")]
        samples = (piece * scale).astype(kept)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), kind, "mono")
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), begin + start
        packets += stream.encode(frame)
    return [*packets, *stream.encode(None)]
