"""Anti-aliased, optionally blurred polygons and strokes on RGB images, touching only their own box.

Several polygons are painted in one go (both eyes, both brows): most of a small polygon's cost is the call.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Image = NDArray[np.uint8]
Colour = Sequence[float] | NDArray[np.floating]
Pixels = Callable[[Points], Points]
"""From canonical points (N, 2) to px."""
Box = tuple[slice, slice]

_SHIFT = 4
_SUBPIXEL = 1 << _SHIFT


def subpixel(points: Points) -> NDArray[np.int32]:
    """Return px coordinates as the fixed-point integers that OpenCV draws with."""
    return np.rint(points * _SUBPIXEL).astype(np.int32)


def box_of(polygons: Sequence[Points], margin: float, shape: Sequence[int]) -> Box | None:
    """Return the rows and columns round polygons in px, or None when outside the image."""
    x, y, width, height = cv2.boundingRect(np.concatenate(polygons).astype(np.float32))
    reach = int(margin) + 2
    left, top = max(0, x - reach), max(0, y - reach)
    right, bottom = min(shape[1], x + width + reach), min(shape[0], y + height + reach)
    return (slice(top, bottom), slice(left, right)) if right > left and bottom > top else None


def origin_of(box: Box) -> Points:
    """Return the px position of a box's first pixel, x then y."""
    return np.array([box[1].start, box[0].start], np.float64)


def mask_of(polygons: Sequence[Points], box: Box, blur: float = 0.0) -> Image:
    """Return the coverage 0..255 inside a box of the union of filled polygons."""
    mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
    origin = origin_of(box)
    for polygon in polygons:  # in one call, overlaps would cancel out
        cv2.fillPoly(mask, [subpixel(polygon - origin)], 255, cv2.LINE_AA, _SHIFT)
    return soften(mask, blur)


def soften(mask: Image, blur: float) -> Image:
    """Blur a mask by a Gaussian of `blur` px; below half a pixel it is left alone."""
    return mask if blur < 0.5 else np.asarray(cv2.GaussianBlur(mask, (0, 0), blur), np.uint8)


def blend(region: Image, colour: Colour | Image, mask: Image, alpha: float = 1.0) -> None:
    """Mix a colour, or an image of the same size, into a region in place, weighted by a mask."""
    weight = cv2.cvtColor(cv2.convertScaleAbs(mask, alpha=alpha) if alpha < 1 else mask, cv2.COLOR_GRAY2RGB)
    if isinstance(colour, np.ndarray) and colour.ndim == 3:
        paint = cv2.multiply(weight, colour, scale=1 / 255)
    else:
        red, green, blue = colour
        paint = cv2.multiply(weight, (red / 255, green / 255, blue / 255, 0.0))
    cv2.add(cv2.multiply(region, cv2.bitwise_not(weight), scale=1 / 255), paint, dst=region)


def fill(
    image: Image, polygons: Sequence[Points], colour: Colour, alpha: float = 1.0, blur: float = 0.0
) -> None:
    """Fill polygons, each (N, 2) px, with a colour; `blur` px soften their edge."""
    box = box_of(polygons, 2 + 3 * blur, image.shape) if alpha > 0.01 else None
    if box is not None:
        blend(image[box], colour, mask_of(polygons, box, blur), alpha)


def fill_sharp(image: Image, polygon: Points, colour: tuple[float, ...]) -> None:
    """Fill one polygon (N, 2) px opaquely: the quick way where no soft edge is wanted."""
    cv2.fillPoly(image, [subpixel(polygon)], colour, cv2.LINE_AA, _SHIFT)


def stroke(
    image: Image,
    curves: Sequence[Points],
    colour: Colour,
    width: float,
    alpha: float = 1.0,
    blur: float = 0.0,
) -> None:
    """Draw open curves, each (N, 2) px, with a brush that thins to their ends."""
    fill(image, [ribbon(curve, width * _taper(len(curve))) for curve in curves], colour, alpha, blur)


@lru_cache(maxsize=64)
def _taper(points: int) -> Points:
    return np.sin(0.25 + (np.pi - 0.5) * np.arange(points) / (points - 1))


def ribbon(curve: Points, widths: Points) -> Points:
    """Return the outline of a curve (N, 2) px that is `widths` (N,) px thick."""
    along = np.empty_like(curve)
    along[1:-1] = curve[2:] - curve[:-2]
    along[0], along[-1] = curve[1] - curve[0], curve[-1] - curve[-2]
    half = widths / (2 * np.hypot(along[:, 0], along[:, 1]) + 1e-9)
    normal = np.empty_like(curve)
    np.multiply(along[:, 1], -half, out=normal[:, 0])
    np.multiply(along[:, 0], half, out=normal[:, 1])
    return np.concatenate([curve + normal, (curve - normal)[::-1]])


def ellipse(points: int) -> Points:
    """Return a unit circle's points (N, 2), to be scaled and moved."""
    turn = 2 * np.pi * np.arange(points) / points
    return np.stack([np.cos(turn), np.sin(turn)], 1)
