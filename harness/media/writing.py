"""Writes clips: H.264 with AAC in an mp4, and sound as wav."""

import wave
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from harness.types import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Audio, BadInput, Frames

# Near-lossless at a few kB a frame: a ground-truth clip written and read again keeps about 45 dB.
CRF = 10


def encode(
    path: Path,
    frames: Frames | Iterable[NDArray[np.uint8]],
    audio: Audio | Callable[[], Audio] | None,
    fps: int = FPS,
    crf: int = CRF,
) -> None:
    """Write an mp4 that plays anywhere: H.264 yuv420p and AAC, the same bytes every time.

    frames: (T, H, W, 3) uint8 RGB with even H and W, or its pictures one by one, at least one; audio: (N,)
    float32 16 kHz in [-1, 1] or None, or what returns it, asked when the last picture is written.
    crf: H.264's constant rate factor, 0 (lossless) to 51 (worst).
    """
    pictures = iter(frames)
    first = next(pictures)
    height, width = first.shape[:2]
    if height % 2 or width % 2:
        raise BadInput(f"{path}: H.264 needs even sides, not {width}x{height}; choose an even size")
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.thread_count = 1
        video.options = {"crf": str(crf), "preset": "veryfast"}
        sound = None if audio is None else container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for image in chain([first], pictures):
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            audio = audio() if callable(audio) else audio
            for start in range(0, len(audio), 1024):
                block = audio[None, start : start + 1024].astype(np.float32)
                piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", "mono")
                piece.sample_rate, piece.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
                # With timestamps the muxer notes AAC's 1024 priming samples in an edit list;
                # without them every reader hears the sound 64 ms late.
                piece.pts = start
                container.mux(sound.encode(piece))
            container.mux(sound.encode(None))


def write_wav(path: Path, audio: Audio) -> None:
    """Write mono 16 kHz signed 16-bit PCM."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(to_int16(audio).tobytes())


def to_int16(audio: Audio) -> NDArray[np.int16]:
    """Return float samples in [-1, 1] as the int16 values that 16-bit PCM holds."""
    return np.asarray(np.clip(np.rint(audio * 32768.0), -32768, 32767), np.int16)


def fit_audio(audio: Audio, frames: int) -> Audio:
    """Cut or zero-pad the end of `audio` to exactly `frames` video frames."""
    wanted = frames * SAMPLES_PER_FRAME
    return np.pad(audio[:wanted], (0, max(0, wanted - len(audio))))
