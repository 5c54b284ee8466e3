"""Which pixels of a crop are face: the whole face and its lower half from rigid points, and the points' hull.

Masks are made from landmarks: those of the prepared crop give masks of its pixels.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.faces.detectors import Landmarks
from harness.faces.geometry import eye_frame

Masks = NDArray[np.bool_]

# In interocular units below the eyes' middle: half-way down the nose; all that speech moves is below.
_LOWER_HALF = 0.55


def full_face_mask(landmarks: Landmarks, size: int) -> Masks:
    """Return (T, S, S) bool, True on the whole face from above the raised brows to below the open jaw.

    A superellipse placed by the eyes alone, of one size for the whole clip, so that its outline says nothing
    of mouth, jaw or brows. It covers every landmark of every clip of the embedded corpus.
    """
    return np.stack(list(full_face_masks(landmarks, size)))


def full_face_masks(landmarks: Landmarks, size: int) -> Iterator[Masks]:
    """Yield the (S, S) masks of `full_face_mask` one by one, for clips whose masks fill a memory."""
    yield from _superellipses(landmarks, size, -np.inf)


def lower_half_mask(landmarks: Landmarks, size: int) -> Masks:
    """Return (T, S, S) bool: of the whole face's mask, what lies below the middle of the nose.

    It, too, says nothing of mouth, jaw or brows.
    """
    return np.stack(list(lower_half_masks(landmarks, size)))


def lower_half_masks(landmarks: Landmarks, size: int) -> Iterator[Masks]:
    """Yield the (S, S) masks of `lower_half_mask` one by one."""
    yield from _superellipses(landmarks, size, _LOWER_HALF)


def hull_mask(landmarks: Landmarks, size: int) -> Masks:
    """Return (T, S, S) bool, True in the convex hull of the 68 points: from the brows to the chin.

    It follows the jaw: a method that is shown its outline is shown when the mouth opens.
    """
    return np.stack(list(hull_masks(landmarks, size)))


def hull_masks(landmarks: Landmarks, size: int) -> Iterator[Masks]:
    """Yield the (S, S) masks of `hull_mask` one by one."""
    # cv2 takes points in sixteenths of a pixel; what is far outside would overflow its integers.
    points = np.rint(np.clip(landmarks, -4 * size, 5 * size) * 16).astype(np.int32)
    for face in points:
        mask = np.zeros((size, size), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(face), 1, shift=4)
        yield mask.astype(bool)


def _superellipses(landmarks: Landmarks, size: int, highest: float) -> Iterator[Masks]:
    """Yield the part of each superellipse below `highest`, a height in units below the eyes' middle."""
    middle, across, unit = eye_frame(landmarks)
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    places, directions = middle.astype(np.float32), (across / unit).astype(np.float32)
    for (mx, my), (ux, uy) in zip(places, directions, strict=True):
        right = (xs - mx) * ux + (ys - my) * uy
        down = (ys - my) * ux - (xs - mx) * uy
        # |x|^2.5 as x * x * sqrt(|x|), which is many times faster.
        wide, high = np.abs(right / np.float32(1.5)), np.abs((down - np.float32(1.05)) / np.float32(2.0))
        yield (wide * wide * np.sqrt(wide) + high * high * np.sqrt(high) <= 1) & (down >= highest)
