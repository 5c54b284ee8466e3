"""Writes the embedded corpus's clips in the layouts of the real corpora: their names, containers, codecs."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from harness import media
from harness.types import FPS, SAMPLE_RATE, Audio, Frames, Sample

FACE = 64
"""Side of a drawn clip's pictures, pixels."""

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@dataclass(frozen=True)
class Drawn:
    """One drawn clip, decoded: what every layout is written from."""

    sample: Sample
    frames: Frames
    audio: Audio


def decoded(sample: Sample) -> Drawn:
    """Read a drawn clip."""
    audio = media.read_audio(sample.video, sample.audio)
    assert audio is not None
    return Drawn(sample, np.stack(list(media.frames_25fps(sample.video))), audio)


def write_crema_d(root: Path, clips: list[Drawn]) -> None:
    """Write Flash video with MP3 sound, and the WAV beside it."""
    for clip in clips:
        name = clip.sample.id
        write_flv(made(root / "VideoFlash" / f"{name}.flv"), clip.frames, clip.audio)
        media.write_wav(made(root / "AudioWAV" / f"{name}.wav"), clip.audio)


def write_mead(root: Path, clip: Drawn, actor: str, place: str, view: str = "front") -> None:
    """Write one clip of the released folders, MP4 with AAC and M4A; `place` is such as angry/level_1/001."""
    media.encode(made(root / actor / "video" / view / f"{place}.mp4"), clip.frames, clip.audio)
    write_m4a(made(root / actor / "audio" / f"{place}.m4a"), clip.audio)


def write_flv(path: Path, frames: Frames, audio: Audio) -> None:
    """Write Sorenson video and MP3 sound, as CREMA-D has them."""
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("flv", rate=FPS)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt, video.bit_rate = "yuv420p", 4_000_000
        sound: Any = container.add_stream("libmp3lame", rate=44_100, layout="mono")
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        _mux_sound(container, sound, audio)


def write_m4a(path: Path, audio: Audio) -> None:
    """Write AAC alone, as MEAD has it."""
    with av.open(str(path), "w", format="ipod") as container:
        _mux_sound(container, container.add_stream("aac", rate=48_000, layout="mono"), audio)


def made(path: Path) -> Path:
    """Return a path whose folder exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _mux_sound(container: Any, stream: Any, audio: Audio) -> None:
    frame = av.AudioFrame.from_ndarray(media.to_int16(audio)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
    context = stream.codec_context
    resampler = av.AudioResampler(
        context.format, context.layout, context.sample_rate, frame_size=context.frame_size
    )
    for piece in (*resampler.resample(frame), *resampler.resample(None)):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))
