"""Which pixels of a crop are face: the whole face and its lower half from rigid points, and the points' hull.

Masks are made from landmarks when they are needed: they take longer to store than to make.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.faces.detectors import Landmarks
from harness.faces.geometry import eye_frame

# In interocular units below the eyes' middle: half-way down the nose; all that speech moves is below.
_LOWER_HALF = 0.55


def full_face_mask(landmarks: Landmarks, size: int) -> NDArray[np.bool_]:
    """Return (T, S, S) bool, True on the whole face from above the raised brows to below the open jaw.

    A superellipse placed by the eyes alone, of one size for the whole clip, so that its outline says nothing
    of mouth, jaw or brows. It covers every landmark of every clip of the embedded corpus.
    """
    return _ellipses(landmarks, size, -np.inf)


def lower_half_mask(landmarks: Landmarks, size: int) -> NDArray[np.bool_]:
    """Return (T, S, S) bool: of the whole face's mask, what lies below the middle of the nose.

    It, too, says nothing of mouth, jaw or brows.
    """
    return _ellipses(landmarks, size, _LOWER_HALF)


def hull_mask(landmarks: Landmarks, size: int) -> NDArray[np.bool_]:
    """Return (T, S, S) bool, True in the convex hull of the 68 points: from the brows to the chin.

    It follows the jaw: a method that is shown its outline is shown when the mouth opens.
    """
    masks = np.zeros((len(landmarks), size, size), np.uint8)
    # cv2 takes points in sixteenths of a pixel; what is far outside would overflow its integers.
    points = np.rint(np.clip(landmarks, -4 * size, 5 * size) * 16).astype(np.int32)
    for mask, face in zip(masks, points, strict=True):
        cv2.fillConvexPoly(mask, cv2.convexHull(face), 1, shift=4)
    return masks.astype(bool)


def _ellipses(landmarks: Landmarks, size: int, highest: float) -> NDArray[np.bool_]:
    """Return the superellipse's part below `highest`, a height in units below the eyes' middle."""
    middle, across, unit = eye_frame(landmarks)
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    masks = np.empty((len(landmarks), size, size), bool)
    for mask, (mx, my), (ux, uy) in zip(
        masks, middle.astype(np.float32), (across / unit).astype(np.float32), strict=True
    ):
        right = (xs - mx) * ux + (ys - my) * uy
        down = (ys - my) * ux - (xs - mx) * uy
        # |x|^2.5 as x * x * sqrt(|x|), which is several times faster.
        wide, high = np.abs(right / np.float32(1.5)), np.abs((down - np.float32(1.05)) / np.float32(2.0))
        mask[:] = wide * wide * np.sqrt(wide) + high * high * np.sqrt(high) <= 1
        if highest > -np.inf:
            mask &= down >= highest
    return masks
