"""What strangers send: a picture and a sound, bounded and decoded before anything else looks at them.

A file is what its first bytes say, never what its name says, and only that one decoder sees it. Both are
written again from their decoded samples, so nothing of the file itself goes any further.
"""

import warnings
from collections.abc import AsyncIterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import av.error
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from harness import media
from harness.store import write_whole
from harness.types import SAMPLE_RATE, Audio, BadInput

PICTURE_BYTES = 12_000_000
SOUND_BYTES = 12_000_000
MOST_PIXELS = 40_000_000
MOST_SECONDS = 30.0
_LEAST_SECONDS = 0.2
_LEAST_SIDE = 48
_LONGEST_SIDE = 1280
"""A face crop is at most 512 px wide, so what is larger is scaled down at once."""

_PICTURES = ("PNG", "JPEG", "WEBP")


async def received(parts: AsyncIterator[bytes], most: int) -> bytes:
    """Return an upload's bytes; BadInput as soon as there are more than `most`."""
    held = bytearray()
    async for part in parts:
        held += part
        if len(held) > most:
            raise BadInput(f"larger than {most // 1_000_000} MB; send a smaller file")
    return bytes(held)


def keep_picture(content: bytes, path: Path) -> None:
    """Write an uploaded picture as an upright RGB PNG. Raises BadInput, in plain words, for what is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(content), formats=_PICTURES)
        if image.width * image.height > MOST_PIXELS:
            raise BadInput(
                f"{image.width}x{image.height} pixels; send at most {MOST_PIXELS // 1_000_000} million"
            )
        upright = ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput("not a PNG, JPEG or WebP picture of usual size; send one of these") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise BadInput("a broken picture; save it again and send that") from error
    if min(upright.size) < _LEAST_SIDE:
        raise BadInput(f"{upright.width}x{upright.height} pixels; a face needs at least {_LEAST_SIDE}")
    upright.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
    write_whole(path, lambda private: upright.save(private, "PNG"))


def keep_sound(content: bytes, path: Path) -> None:
    """Write an uploaded sound as a mono 16 kHz wav. Raises BadInput, in plain words, for what is none."""
    kind = _sound_kind(content)
    if kind is None:
        raise BadInput("not a WAV, MP3, OGG, FLAC, M4A or WebM recording; send one of these")
    try:
        audio = _decoded(content, kind)
    except (av.error.FFmpegError, ValueError) as error:
        raise BadInput("a broken recording; save it again and send that") from error
    if len(audio) < _LEAST_SECONDS * SAMPLE_RATE:
        raise BadInput(f"shorter than {_LEAST_SECONDS} s; send some speech")
    write_whole(path, lambda private: media.write_wav(private, audio))


def _sound_kind(content: bytes) -> str | None:
    """Return FFmpeg's name of a sound's container by its first bytes."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "wav"
    if content[:3] == b"ID3" or (content[:1] == b"\xff" and content[1:2] >= b"\xe0"):
        return "mp3"
    if content[4:8] == b"ftyp":
        return "mov"
    return {b"OggS": "ogg", b"fLaC": "flac", b"\x1aE\xdf\xa3": "matroska"}.get(content[:4])


def _decoded(content: bytes, kind: str) -> Audio:
    """Return (N,) float32 16 kHz; BadInput beyond `MOST_SECONDS`, without decoding the rest."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    pieces: list[Audio] = []
    with av.open(BytesIO(content), format=kind, metadata_errors="replace") as container:
        if not container.streams.audio:
            raise BadInput("no sound in it; send a recording of speech")
        for frame in container.decode(container.streams.audio[0]):
            frame.pts, frame.time_base = None, Fraction(1, frame.sample_rate)
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
            if sum(map(len, pieces)) > MOST_SECONDS * SAMPLE_RATE:
                raise BadInput(f"longer than {MOST_SECONDS:.0f} s; send a shorter recording")
        pieces += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    audio = np.concatenate([np.zeros(0, np.float32), *pieces])
    return np.asarray(np.clip(np.nan_to_num(audio), -1, 1), np.float32)
