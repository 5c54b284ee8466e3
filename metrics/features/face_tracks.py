"""From faces found in single frames to pictures of one face each, as SyncNet's pipeline does it.

Facts and constants: joonson/syncnet_python, run_pipeline.py. A track follows the face that overlaps its last
one by more than half, over at most 25 frames without one; it counts when it is longer than the protocol's
minimum and larger than 100 px. Crops reach below the chin: 1.8 half sides down, 1.4 to either side.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import medfilt

OVERLAP = 0.5
MISSED = 25
SMALLEST = 100
MARGIN = 0.4
GREY = 110
SIDE = 224
_SMOOTHED = 13

Boxes = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Track:
    """One face over consecutive frames from `start` on: boxes (T, 4), left, top, right, bottom in px."""

    start: int
    boxes: Boxes


def face_tracks(faces: Sequence[Boxes], shortest: int, start: int = 0) -> list[Track]:
    """Return the tracks of one scene whose first frame is `start`; faces: (n, 4) for each of its frames.

    A track has more than `shortest` found faces and a mean side above 100 px; boxes between them are
    interpolated.
    """
    left = [list(boxes) for boxes in faces]
    tracks = []
    while found := _followed(left):
        frames = [frame for frame, _ in found]
        every = np.arange(frames[0], frames[-1] + 1)
        boxes = np.stack([np.interp(every, frames, edge) for edge in np.array([b for _, b in found]).T], 1)
        sides = (boxes[:, 2:] - boxes[:, :2]).mean(axis=0)
        if len(found) > shortest and sides.max() > SMALLEST:
            tracks.append(Track(start + frames[0], boxes))
    return tracks


def _followed(left: list[list[Boxes]]) -> list[tuple[int, Boxes]]:
    """Take the first face left and those that follow it out of `left`; return them with their frames."""
    found: list[tuple[int, Boxes]] = []
    for frame, boxes in enumerate(left):
        if found and frame - found[-1][0] > MISSED:
            break
        match = next(
            (i for i, box in enumerate(boxes) if not found or overlap(box, found[-1][1]) > OVERLAP), None
        )
        if match is not None:
            found.append((frame, boxes.pop(match)))
    return found


def overlap(one: Boxes, other: Boxes) -> float:
    """Return the intersection over union of two boxes (4,)."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = np.prod(np.maximum(sides, 0))
    return float(shared / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - shared))


def smoothed(boxes: Boxes) -> Boxes:
    """Return (T, 3): centre x, centre y and half the longer side, each a median over 13 frames.

    Beyond the track's ends the median sees zeros, as in the pipeline: the first and last crops are smaller.
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) / 2
    return np.stack([medfilt(values, _SMOOTHED) for values in (*centres.T, halves)], 1)


def cropped(picture: NDArray[np.uint8], place: Boxes) -> NDArray[np.uint8]:
    """Return (224, 224, 3), a face with grey where the picture ends; place: (3,) of `smoothed`."""
    x, y, half = place
    pad = int(half * (1 + 2 * MARGIN))
    padded = cv2.copyMakeBorder(picture, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(GREY,) * 3)
    x, y, wide = x + pad, y + pad, half * (1 + MARGIN)
    face = padded[int(y - half) : int(y + half * (1 + 2 * MARGIN)), int(x - wide) : int(x + wide)]
    resized: NDArray[np.uint8] = cv2.resize(face, (SIDE, SIDE))
    return resized
