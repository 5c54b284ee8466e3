"""Paste-back: a generated crop blended into the picture that it was cut from, to be watched at full size.

The inverse of `faces.crop`: a crop's square goes back to its box (left, top, side) in the source's upright
pixels, which a prepared clip keeps, and only the masked face is blended in, its border feathered. Not done
here: matching of colour or grain.
"""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from harness import media
from harness.prepare import PreparedClip
from harness.types import FPS, BadInput, Frames, Sample

FEATHER = 0.06
"""Width of the blended border inside the mask, as a share of the crop's side."""


def paste(
    picture: NDArray[np.uint8], crop: NDArray[np.uint8], box: NDArray[np.floating], mask: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return `picture` (H, W, 3) with the masked part of `crop` (S, S, 3) in its box (left, top, side).

    A pixel outside the mask (S, S) keeps its value exactly; what lies beyond the picture is left out.
    """
    left, top, side = (float(x) for x in box)
    first = np.maximum(0, np.floor([left, top])).astype(int)
    last = np.minimum(picture.shape[1::-1], np.ceil([left + side, top + side])).astype(int)
    if (first >= last).any():
        return picture.copy()
    place = slice(first[1], last[1]), slice(first[0], last[0])
    shape = int(last[0] - first[0]), int(last[1] - first[1])
    corner = np.array([left, top]) - first
    weight = _stretched(_feathered(mask), corner, side, shape) * _covered(mask, corner, side, shape)
    pasted = picture.copy()
    under = picture[place].astype(np.float32)
    over = _stretched(crop.astype(np.float32), corner, side, shape)
    pasted[place] = np.rint(np.clip(under + weight[..., None] * (over - under), 0, 255)).astype(np.uint8)
    return pasted


def pasted(
    pictures: Iterable[NDArray[np.uint8]],
    crops: Frames,
    boxes: NDArray[np.floating],
    masks: NDArray[np.bool_],
) -> Iterator[NDArray[np.uint8]]:
    """Yield each picture with its crop pasted in, one at a time, so that full-size clips need no memory.

    crops: (T, S, S, 3), boxes: (T, 3), masks: (T, S, S), in the pictures' order. Raises BadInput when they
    are not equally many, or fewer pictures come.
    """
    if not len(crops) == len(boxes) == len(masks):
        raise BadInput(
            f"{len(crops)} crops, {len(boxes)} boxes and {len(masks)} masks; a frame needs one of each"
        )
    count = 0
    for picture, crop, box, mask in zip(pictures, crops, boxes, masks, strict=False):
        count += 1
        yield paste(picture, crop, box, mask)
    if count < len(crops):
        raise BadInput(f"{count} pictures for {len(crops)} crops; give the whole source clip")


def at_full_size(
    source: Sample, clip: PreparedClip, frames: Frames, order: NDArray[np.int64]
) -> Iterator[NDArray[np.uint8]]:
    """Yield the source's own pictures, in `order`, each with its frame of a generated clip pasted in.

    clip: the source as it was prepared. order: (T,), of which source frame each of `frames` (T, S, S, 3) was
    made, neighbours close together (`protocol.played`). Sides are even, as video wants them: an odd last row
    or column is left out. A second of pictures is in memory at a time.
    Raises BadInput for a clip that was never cut out of footage.
    """
    if clip.boxes is None:
        raise BadInput(f"{source.video}: prepared without boxes, so nothing says where its crops belong")
    start = source.cut[0] if source.cut is not None else 0.0
    for first in range(0, len(frames), FPS):
        at = order[first : first + FPS]
        low, high = int(at.min()), int(at.max())
        interval = (start + low / FPS, start + (high + 1) / FPS)
        held = [picture.rgb() for picture in media.pictures_25fps(source.video, interval)]
        pictures = [held[i - low] for i in at]
        for picture in pasted(pictures, frames[first : first + FPS], clip.boxes[at], clip.mask[at]):
            height, width = picture.shape[:2]
            yield picture[: height - height % 2, : width - width % 2]


def _feathered(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return (S, S) weights: 0 outside, rising over the feather's width inside, then 1.

    The crop's own edge counts as outside: a mask that reaches it would leave a seam in the picture.
    """
    width = max(1.0, FEATHER * len(mask))
    inside = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    # A weight is interpolated up to the next pixel, diagonally too, which must be inside still.
    return np.asarray(np.clip((inside - 1.5) / width, 0, 1), np.float32)


def _covered(
    mask: NDArray[np.bool_], corner: NDArray[np.float64], side: float, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return (h, w) bool: the picture's pixels whose middle lies in a pixel of the mask."""
    columns, rows = (
        np.floor((np.arange(n) + 0.5 - start) * len(mask) / side).astype(int)
        for n, start in zip(shape, corner, strict=True)
    )
    inside = [(x >= 0) & (x < len(mask)) for x in (columns, rows)]
    found = mask[np.clip(rows, 0, len(mask) - 1)][:, np.clip(columns, 0, len(mask) - 1)]
    return np.asarray(found & inside[1][:, None] & inside[0])


def _stretched(
    crop: NDArray[np.float32], corner: NDArray[np.float64], side: float, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return (h, w, ...) of `shape` (w, h): the crop over a square of `side` pixels from `corner` on."""
    size = len(crop)
    if size > side:  # one linear step would skip pixels: average them first, as `faces.crop` does
        size = max(1, round(side))
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    scale = size / side
    shift = (scale - 1) / 2 - scale * corner
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    flags = (cv2.INTER_CUBIC if crop.ndim == 3 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(crop, matrix, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE))
