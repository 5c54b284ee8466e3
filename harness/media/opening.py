"""Opens media files, refuses what is broken or cut short, and hands out decoded frames with their times."""

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.error

from harness.media.promises import promised_size
from harness.types import BadInput

Cut = tuple[float, float]
"""An interval of a video: start and end in seconds after its first frame."""

# A longer jump between timestamps, in seconds, is damage: it would become hours of stills or silence.
_LONGEST_JUMP = 60.0
# Decoding starts this long before a cut, so that what codecs carry over from frame to frame has settled.
_PREROLL = 2.0
_LFS_POINTER = b"version https://git-lfs"
_SKIPPED = {"video": {"mp4", "matroska"}, "audio": {"mp4"}}


def open_media(path: Path) -> av.container.InputContainer:
    """Open a file for reading; BadInput, naming it, when it is missing, no media file or cut short."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    size = path.stat().st_size
    if size == 0:
        raise BadInput(f"{path}: an empty file; copy it again")
    with path.open("rb") as file:
        pointer = file.read(len(_LFS_POINTER)) == _LFS_POINTER
    if pointer:
        raise BadInput(f"{path}: a Git LFS pointer, not the file itself; run git lfs pull where it came from")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise BadInput(f"{path}: not a readable media file ({error.strerror})") from error
    for stream in container.streams:
        if stream.codec_context is not None:
            stream.codec_context.thread_count = 1  # workers are the parallelism
    promised = max((e.pos + e.size for s in container.streams for e in s.index_entries), default=0)
    promised = max(promised, promised_size(path))
    if promised > size:
        container.close()
        raise BadInput(f"{path}: cut short: {size} bytes of at least {promised}; copy it again")
    return container


def video_stream(container: av.container.InputContainer, path: Path) -> Any:
    """Return the first video stream; BadInput without one."""
    if not container.streams.video:
        raise BadInput(f"{path}: no video stream in it")
    return container.streams.video[0]


def decoded(container: av.container.InputContainer, stream: Any, path: Path) -> Iterator[Any]:
    """Yield the stream's frames from where the container stands; BadInput where it is broken."""
    if stream.codec_context is None:
        raise BadInput(
            f"{path}: {stream.type} in a coding that is not known here; convert it to H.264 and AAC"
        )
    try:
        for packet in container.demux():  # all streams: where a file is cut short, any one may show it
            if packet.is_corrupt:
                raise BadInput(f"{path}: damaged or cut short at byte {packet.pos}; copy it again")
            if packet.stream.index == stream.index:
                yield from stream.decode(packet)
    except av.error.FFmpegError as error:
        raise BadInput(f"{path}: broken {stream.type} stream ({error.strerror})") from error


def decoded_before(
    container: av.container.InputContainer,
    stream: Any,
    path: Path,
    frames: Iterator[Any],
    first: Any,
    begin: float,
) -> Iterator[Any]:
    """Yield the stream's frames from some time before `begin`, seconds of the file's clock, on.

    `frames` are the stream's, of which `first` has been taken. The file is skipped through only where its
    container gives exact times in its middle: mp4 and mov; Matroska's are a millisecond's, fine for pictures.
    """
    target = begin - _PREROLL
    if target > frame_time(first, path) and set(container.format.name.split(",")) & _SKIPPED[stream.type]:
        container.seek(math.floor(target / stream.time_base), stream=stream)
        rest = decoded(container, stream, path)
        landed = next(rest, None)
        if landed is not None and frame_time(landed, path) <= target + _PREROLL / 2:
            return itertools.chain([landed], rest)
        container.seek(0)
        return decoded(container, stream, path)
    return itertools.chain([first], frames)


def frame_time(frame: Any, path: Path) -> float:
    """Return a frame's presentation time in seconds on the file's clock; BadInput without one."""
    if frame.time is None:
        raise BadInput(f"{path}: frames without timestamps; re-mux the file")
    return float(frame.time)


def check_jump(seconds: float, path: Path) -> None:
    """Refuse timestamps that jump further than any pause does."""
    if abs(seconds) > _LONGEST_JUMP:
        raise BadInput(f"{path}: timestamps jump by {seconds:.0f} s; re-mux the file or cut it there")


def interval(cut: Cut | None, path: Path) -> Cut:
    """Return a cut's start and end in seconds, the whole timeline for None; BadInput if it is no interval."""
    begin, end = cut or (0.0, math.inf)
    if not 0 <= begin < end:
        raise BadInput(f"{path}: cut {begin} to {end} s is no interval; 0 <= start < end is")
    return begin, end
