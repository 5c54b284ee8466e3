"""Square crops about a head: where they lie, and how their pixels are made.

A crop is made in two steps: the picture's region is shrunk by a whole number, by area, on a grid that stands
still in the picture (so that nothing shimmers), and the crop is taken out of that at its exact place, to the
fraction of a pixel. Landmarks and places are pixel indices: a whole number is a pixel's centre.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.faces.detectors import Landmarks
from harness.faces.geometry import eye_frame, rescaled
from harness.faces.policies import Policy
from harness.types import Frames, Unscorable

# The shrunk region holds this many of its pixels on each side of a crop, for interpolation to read.
_RIM = 2
# Pixels further apart than this are not all seen by bilinear interpolation.
_BILINEAR_REACH = 1.5

Box = NDArray[np.float64]
"""Left, top and side of a square in pixels."""


Bounds = tuple[int, int, int, int]
"""Left, top, width and height, in pixels: a part of a picture."""


class Source(Protocol):
    """What faces need of a picture: `media.Picture` has it."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def rgb(self, longest: int | None = None) -> NDArray[np.uint8]:
        """Return the whole picture, its longer side at most `longest`."""
        ...

    def region(self, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
        """Return (height, width, 3), a part of the whole picture at full size."""
        ...


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a picture, shrunk by a whole number.

    image: (h, w, 3) uint8. left, top: of its first pixel in the whole picture. shrink: picture pixels by
    pixel of the image. bounds: what of the picture there is to be seen.
    """

    image: NDArray[np.uint8]
    left: int
    top: int
    shrink: int
    bounds: Bounds

    def outward(self, landmarks: Landmarks) -> Landmarks:
        """Return the whole picture's pixels for pixels of the image."""
        return rescaled(landmarks, self.shrink) + np.array([self.left, self.top], np.float32)

    def inward(self, landmarks: Landmarks) -> Landmarks:
        """Return pixels of the image for the whole picture's."""
        return rescaled(landmarks - np.array([self.left, self.top], np.float32), 1 / self.shrink)

    def covers(self, box: Box) -> bool:
        """Whether a crop of `box` finds all its pixels here, or the edge of what there is to be seen."""
        rim = _RIM * self.shrink
        for axis, start in enumerate((self.left, self.top)):
            low, high = self.bounds[axis], self.bounds[axis] + self.bounds[axis + 2]
            end = start + self.image.shape[1 - axis] * self.shrink
            first, last = float(box[axis]) - rim, float(box[axis] + box[2]) + rim
            # Less than `shrink` pixels at an edge make no pixel of the image.
            if start > max(low + 2 * self.shrink - 1, first) or end < min(high - self.shrink + 1, last):
                return False
        return True


def take(picture: Source, box: Box, shrink: int, bounds: Bounds | None = None) -> Region:
    """Return a picture's region that covers what of `box` is in its bounds, or else the nearest edge."""
    bounds = bounds or (0, 0, *picture.size)
    step = 2 * shrink  # colours are stored for every other pixel
    starts, lengths = [], []
    for axis in (0, 1):
        low, high = bounds[axis], bounds[axis] + bounds[axis + 2]
        first, last = float(box[axis]) - _RIM * shrink, float(box[axis] + box[2]) + _RIM * shrink
        lowest, highest = -(-low // step) * step, (high - shrink) // step * step
        start = int(np.clip(math.floor(first / step) * step, lowest, max(lowest, highest)))
        end = min(high, math.ceil(last / step) * step)
        starts.append(start)
        lengths.append(max(shrink, (end - start) // shrink * shrink))
    image = picture.region(starts[0], starts[1], lengths[0], lengths[1])
    if shrink > 1:
        small = (lengths[0] // shrink, lengths[1] // shrink)
        image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
    return Region(image, starts[0], starts[1], shrink, bounds)


def face_boxes(landmarks: Landmarks, chosen: Policy) -> NDArray[np.float64]:
    """Return (T, 3), each frame's crop by itself, but of one side for them all: what is not smoothed yet."""
    middle, _, unit = eye_frame(landmarks)
    side = chosen.side * unit
    corner = middle - side * np.array([0.5, chosen.eye_height])
    return np.concatenate([corner, np.full((len(corner), 1), side)], axis=1)


def crop_boxes(landmarks: Landmarks, chosen: Policy) -> NDArray[np.float64]:
    """Return (T, 3) left, top and side of the square crops, in pixels; one side for the whole clip."""
    from scipy.ndimage import gaussian_filter1d  # slow to import, and most processes need none of it

    boxes = face_boxes(landmarks, chosen)
    boxes[:, :2] = gaussian_filter1d(boxes[:, :2], chosen.smoothing, axis=0, mode="nearest")
    return boxes


def crop(image: NDArray[np.uint8], box: Box, size: int) -> NDArray[np.uint8]:
    """Return the (size, size, 3) content of a box, area-averaged, its outside the repeated edge."""
    left, top, side = (float(value) for value in box)
    # Shrinking by much in one bilinear step would skip pixels: take more of them first, then average.
    finer = max(1, math.ceil(side / size / _BILINEAR_REACH))
    taken = size * finer
    ratio = taken / side
    matrix = np.array([[ratio, 0, (ratio - 1) / 2 - ratio * left], [0, ratio, (ratio - 1) / 2 - ratio * top]])
    method = cv2.INTER_CUBIC if side < size else cv2.INTER_LINEAR
    cut = cv2.warpAffine(image, matrix, (taken, taken), flags=method, borderMode=cv2.BORDER_REPLICATE)
    shrunk = cut if finer == 1 else cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(shrunk, np.uint8)


def crop_region(region: Region, box: Box, size: int) -> NDArray[np.uint8]:
    """Return the (size, size, 3) content of a box of the whole picture out of a region that covers it."""
    inside = (box - np.array([region.left, region.top, 0.0])) / region.shrink
    return crop(region.image, inside, size)


def resized(frames: Frames, size: int) -> Frames:
    """Return (T, size, size, 3) of square footage; Unscorable for any other, which would be squeezed."""
    height, width = frames.shape[1:3]
    if height != width:
        raise Unscorable(f"{width}x{height} is no square face crop: crop the faces (face-v1)")
    return resized_to(frames, size, size)


def resized_to(frames: Frames, height: int, width: int) -> Frames:
    """Return (T, height, width, 3): footage shrunk by area or enlarged by cubic interpolation."""
    if frames.shape[1:3] == (height, width):
        return frames
    method = cv2.INTER_AREA if frames.shape[1] > height else cv2.INTER_CUBIC
    return np.stack([cv2.resize(f, (width, height), interpolation=method) for f in frames])
