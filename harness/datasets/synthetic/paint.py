"""Anti-aliased, optionally blurred polygons and strokes on RGB images, touching only their own box."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Image = NDArray[np.uint8]
Paint = Sequence[float] | Floats

_SHIFT = 4
_SUBPIXEL = 1 << _SHIFT


def subpixel(points: Floats) -> NDArray[np.int32]:
    """Return px coordinates as the fixed-point integers that OpenCV draws with."""
    return np.asarray(np.rint(points * _SUBPIXEL), np.int32)


def box_of(points: Floats, margin: float, shape: Sequence[int]) -> tuple[slice, slice] | None:
    """Return the rows and columns round points (N, 2) in px, or None when outside the image."""
    left, top = np.floor(points.min(0) - margin).astype(int)
    right, bottom = np.ceil(points.max(0) + margin).astype(int) + 1
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(right, shape[1]), min(bottom, shape[0])
    return (slice(top, bottom), slice(left, right)) if right > left and bottom > top else None


def mask_of(points: Floats, box: tuple[slice, slice], blur: float = 0.0) -> Image:
    """Return the coverage 0..255 of a filled polygon inside a box."""
    mask = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.uint8)
    origin = (box[1].start, box[0].start)
    cv2.fillPoly(mask, [subpixel(points - origin)], 255, cv2.LINE_AA, _SHIFT)
    return soften(mask, blur)


def soften(mask: Image, blur: float) -> Image:
    """Blur a mask by a Gaussian of `blur` px; below a third of a pixel it is left alone."""
    return mask if blur < 0.33 else np.asarray(cv2.GaussianBlur(mask, (0, 0), blur), np.uint8)


def blend(region: Image, colour: Paint | Image, mask: Image, alpha: float = 1.0) -> None:
    """Mix a colour, or an image of the same size, into a region in place, weighted by a mask."""
    weight = mask[..., None] * np.float32(alpha / 255)
    base = region.astype(np.float32)
    base += (np.asarray(colour, np.float32) - base) * weight
    np.rint(base, out=base)
    region[:] = base


def fill(image: Image, points: Floats, colour: Paint, alpha: float = 1.0, blur: float = 0.0) -> None:
    """Fill a polygon (N, 2) px with a colour; `blur` px soften its edge."""
    box = box_of(points, 2 + 3 * blur, image.shape)
    if box is not None and alpha > 0.01:
        blend(image[box], colour, mask_of(points, box, blur), alpha)


def stroke(
    image: Image, points: Floats, colour: Paint, width: float, alpha: float = 1.0, blur: float = 0.0
) -> None:
    """Draw an open curve (N, 2) px with a brush that thins to its ends."""
    fill(
        image,
        ribbon(points, width * np.sin(np.linspace(0.25, np.pi - 0.25, len(points)))),
        colour,
        alpha,
        blur,
    )


def ribbon(points: Floats, widths: Floats) -> Floats:
    """Return the outline of a curve (N, 2) px that is `widths` (N,) px thick."""
    along = np.gradient(points, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    normal = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9) * widths[:, None] / 2
    return np.concatenate([points + normal, (points - normal)[::-1]])
