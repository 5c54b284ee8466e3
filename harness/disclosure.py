"""Generated films say so: a comment in the mp4's metadata, and a visible mark where it is asked for.

The comment names the method and this harness, so that a clip that has left its folder still tells what it is
(`ffprobe`, a player's "media information"). Recorded footage, as the controls show, carries none, and what
participants of a study see has no metadata at all.
It is a courtesy to honest readers and no protection: whoever encodes a clip again removes it.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from harness import media
from harness.types import Audio, Frames

PACKAGE = "talking-face-harness"
WORD = "generated"
_LEAST_PX = 9
_SHARE = 18


def comment(method: str) -> str:
    """Return what a generated film says of itself."""
    return f"Generated video, not a recording: made by {method} with {PACKAGE} {_version()}"


def encode_generated(
    path: Path,
    frames: Frames | Iterable[NDArray[np.uint8]],
    audio: Audio | Callable[[], Audio] | None,
    method: str,
) -> None:
    """Write an mp4 as `media.encode` does, with the comment in it; pictures and sound are the same."""
    plain = path.with_name(path.name + ".plain")
    try:
        media.encode(plain, frames, audio)
        tag(plain, path, comment(method))
    finally:
        plain.unlink(missing_ok=True)


def tag(source: Path, target: Path, words: str) -> None:
    """Copy an mp4 packet by packet, without decoding, with `words` as its comment."""
    with av.open(str(source)) as read, av.open(str(target), "w", format="mp4") as write:
        write.metadata["comment"] = words
        streams = {stream.index: write.add_stream_from_template(stream) for stream in read.streams}
        for packet in read.demux():
            if packet.dts is None:
                continue  # the demuxer's end mark
            packet.stream = streams[packet.stream.index]
            write.mux(packet)


def told(path: Path) -> str | None:
    """Return the comment that a film carries, None without one."""
    with av.open(str(path)) as film:
        words: str | None = film.metadata.get("comment")
        return words


def marked(frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Yield pictures (H, W, 3) uint8 with the word "generated" in the lower left corner."""
    stamp: tuple[NDArray[np.uint8], NDArray[np.float32]] | None = None
    for picture in frames:
        stamp = stamp or _stamp(*picture.shape[:2])
        colour, alpha = stamp
        yield np.rint(picture * (1 - alpha) + colour * alpha).astype(np.uint8)


def _stamp(height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the mark's colour and its opacity for pictures of a size: white words on a dark band."""
    size = max(_LEAST_PX, min(height, width) // _SHARE)
    font = ImageFont.load_default(size)
    box = font.getbbox(WORD)
    pad = max(1, size // 4)
    band = (0, height - int(box[3]) - 2 * pad, int(box[2]) + 2 * pad, height)
    colour, alpha = Image.new("RGB", (width, height)), Image.new("L", (width, height))
    ImageDraw.Draw(alpha).rectangle(band, fill=150)
    ImageDraw.Draw(colour).text((pad, band[1] + pad), WORD, font=font, fill="white")
    ImageDraw.Draw(alpha).text((pad, band[1] + pad), WORD, font=font, fill=255)
    return np.asarray(colour), np.asarray(alpha, np.float32)[..., None] / np.float32(255)


@cache
def _version() -> str:
    try:
        return version(PACKAGE)
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "(not installed)"
