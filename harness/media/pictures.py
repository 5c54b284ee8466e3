"""Pictures at 25 frames/s: which source frame is shown when, converted to RGB only where asked for."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from harness.media.opening import (
    Cut,
    check_jump,
    decoded,
    decoded_before,
    frame_time,
    interval,
    open_media,
    video_stream,
)
from harness.types import FPS, BadInput

# Corpora give intervals in whole seconds: one may end this much after the video does.
_CUT_SLACK = 1.0
# Containers round timestamps to a millisecond or so.
_ROUNDING = 0.002
# Pixels more oblong than this are damage, not a format.
_MOST_OBLONG = 4

Frame = NDArray[np.uint8]
"""One picture, (H, W, 3) RGB."""


class Picture:
    """One decoded source frame; `time` is its presentation time in seconds after the first frame."""

    def __init__(self, frame: Any, time: float, shape: Fraction, converter: "_Converter") -> None:
        self.time = time
        self._frame, self._converter = frame, converter
        self._width = max(1, round(frame.width * shape))
        self._turns = frame.rotation // 90
        self._rgb: dict[tuple[int, int], Frame] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, upright and with square pixels."""
        coded = (self._width, self._frame.height)
        return coded[::-1] if self._turns % 2 else coded

    def rgb(self, longest: int | None = None) -> Frame:
        """Return (H, W, 3) uint8 RGB, upright; not to be written to: equal calls share it.

        longest: the picture is scaled down so that its longer side is at most this many pixels, in the same
        step as its colours are converted; None, or a side that is shorter, leaves it at its full size.
        """
        width, height = self._width, self._frame.height
        scale = min(1.0, (longest or math.inf) / max(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        if size not in self._rgb:
            image = self._converter(self._frame, *size)
            # Telephones store portraits on their side.
            self._rgb[size] = np.ascontiguousarray(np.rot90(image, self._turns)) if self._turns else image
        return self._rgb[size]

    def region(self, left: int, top: int, width: int, height: int) -> Frame:
        """Return (height, width, 3) uint8 RGB, a part of the upright picture at full size, to be read only.

        Of the usual pictures (8 bit, 4:2:0, upright, even sides) only that part is converted.
        """
        plain = self._frame.format.name == "yuv420p" and not self._turns and self._width == self._frame.width
        if plain and not any(value % 2 for value in (left, top, width, height)):
            return self._converter(_part(self._frame, left, top, width, height), width, height)
        return self.rgb()[top : top + height, left : left + width]


def pictures_25fps(path: Path, cut: Cut | None = None) -> Iterator[Picture]:
    """Yield the pictures of a video at 25 frames/s, the same one again where it stays on screen.

    cut: (start, end) in seconds after the first frame; picture i is then the one nearest to start + i/25.
    Raises BadInput, naming the file, when it is missing, not a video, or broken in the middle; when its
    pictures change their size; when the cut is no interval or ends more than a second after the video.
    """
    begin, end = interval(cut, path)
    with open_media(path) as container:
        stream = video_stream(container, path)
        previous: Picture | None = None
        due, gap = 0, 1.0 / FPS
        wanted = math.inf if cut is None else round((end - begin) * FPS)
        for picture in _pictures(container, stream, path, begin):
            if previous is not None:
                gap = picture.time - previous.time
                _check_follows(picture, previous, path)
                # Every output time nearer to the previous frame than to this one is the previous frame's.
                while due < wanted and begin + due / FPS < previous.time + gap / 2:
                    yield previous
                    due += 1
            if due >= wanted:
                return
            previous = picture
        if previous is None:
            raise BadInput(f"{path}: the video stream holds no frame")
        # The last frame stays on screen as long as the one before it did.
        length = previous.time + gap
        if cut is not None and (end > length + _CUT_SLACK or begin >= length):
            raise BadInput(f"{path}: cut {begin} to {end} s of a video that is {length:.2f} s long")
        while due < min(wanted, round((length - begin) * FPS)):
            yield previous
            due += 1


def frames_25fps(path: Path, cut: Cut | None = None) -> Iterator[Frame]:
    """Yield (H, W, 3) uint8 RGB frames at 25 frames/s, one in memory at a time; see `pictures_25fps`."""
    for picture in pictures_25fps(path, cut):
        yield picture.rgb()


def video_start(path: Path) -> float:
    """Return when the first picture is shown, in seconds on the clock of the file's sound.

    It is its presentation time; but an AVI's streams begin together, for it has no timestamps, and what
    FFmpeg makes up for its pictures includes the delay of the decoder.
    """
    with open_media(path) as container:
        for frame in decoded(container, video_stream(container, path), path):
            return 0.0 if container.format.name == "avi" else frame_time(frame, path)
    raise BadInput(f"{path}: the video stream holds no frame")


def _pictures(
    container: av.container.InputContainer, stream: Any, path: Path, begin: float
) -> Iterator[Picture]:
    """Yield the source's own pictures, from some time before `begin` on."""
    shape, converter = _pixel_shape(stream, path), _Converter()
    frames = decoded(container, stream, path)
    first = next(frames, None)
    if first is None:
        return
    start = frame_time(first, path)
    for frame in decoded_before(container, stream, path, frames, first, start + begin):
        yield Picture(frame, frame_time(frame, path) - start, shape, converter)


def _check_follows(picture: Picture, previous: Picture, path: Path) -> None:
    if picture.size != previous.size:
        raise BadInput(f"{path}: its pictures change from {previous.size} to {picture.size}; cut it there")
    gap = picture.time - previous.time
    check_jump(gap, path)
    if gap < -_ROUNDING:
        raise BadInput(
            f"{path}: pictures go back in time by {-gap:.3f} s at {picture.time:.2f} s: when they were shown "
            "is not known; make the file anew from its source, as mp4"
        )


def _part(frame: Any, left: int, top: int, width: int, height: int) -> av.VideoFrame:
    """Return a part of a 4:2:0 frame as a frame of its own; all numbers even."""
    part = av.VideoFrame(width, height, "yuv420p")
    for step, source, target in zip((1, 2, 2), frame.planes, part.planes, strict=True):
        rows, columns = (
            slice(top // step, (top + height) // step),
            slice(left // step, (left + width) // step),
        )
        _pixels(target)[:, : width // step] = _pixels(source)[rows, columns]
    part.colorspace, part.color_range = frame.colorspace, frame.color_range
    return part


def _pixels(plane: Any) -> Frame:
    """Return a plane's own memory, rows with their padding."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)


def _pixel_shape(stream: Any, path: Path) -> Fraction:
    """Return a pixel's width by its height; files that do not say have square ones."""
    shape = Fraction(stream.sample_aspect_ratio or 1)
    if not Fraction(1, _MOST_OBLONG) <= shape <= _MOST_OBLONG:
        raise BadInput(
            f"{path}: pixels of {shape} to 1 are damage; re-mux the file with its true aspect ratio"
        )
    return shape


class _Converter:
    """Converts frames of one file to RGB; one swscale context a size, which is costly to make."""

    def __init__(self) -> None:
        self._contexts: dict[tuple[int, int], VideoReformatter] = {}

    def __call__(self, frame: Any, width: int, height: int) -> Frame:
        context = self._contexts.setdefault((width, height), VideoReformatter())
        scaling = None if (width, height) == (frame.width, frame.height) else "AREA"
        rgb = context.reformat(frame, width, height, "rgb24", interpolation=scaling, threads=1)
        return np.asarray(rgb.to_ndarray(), np.uint8)
