"""Moves a reference picture so that its eyes lie where a frame's eyes lie: turned, scaled and shifted.

Wav2Lip, EmoGen and their kind see reference and frame in one tracked face box; where a corpus's faces move
inside their crop, this is what such a box would have done. The mouth is not looked at.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.types import Frames

Float32 = NDArray[np.float32]


def aligned(picture: NDArray[np.uint8], own_eyes: Float32, eyes: Float32) -> Frames:
    """Return (T, S, S, 3): `picture` (S, S, 3), its edge repeated, its eyes (2, 2) on `eyes` (T, 2, 2)."""
    right, left = _plane(own_eyes)
    place = _plane(eyes)
    turns = (place[:, 1] - place[:, 0]) / (left - right)
    moves = place.mean(axis=1) - turns * (right + left) / 2
    size = picture.shape[1::-1]
    return np.stack([_moved(picture, turn, move, size) for turn, move in zip(turns, moves, strict=True)])


def _plane(points: Float32) -> NDArray[np.complex128]:
    """(..., 2) pixels as complex numbers: a similarity is then z -> turn * z + move."""
    return points[..., 0].astype(np.float64) + 1j * points[..., 1]


def _moved(picture: NDArray[np.uint8], turn: complex, move: complex, size: tuple[int, int]) -> Frames:
    matrix = np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])
    moved = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
