"""Moves a reference picture so that its eyes lie where a frame's eyes lie: turned, scaled and shifted.

Wav2Lip, EmoGen and their kind see reference and frame in one tracked face box; where a corpus's faces move
inside their crop, this is what such a box would have done. The mouth is not looked at.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.faces import POLICIES
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


def upright_eyes(size: int) -> Float32:
    """Return (2, 2): where right and left eye stand in an upright crop, as face-v1 frames a face."""
    framing = POLICIES["face-v1"]
    middle, apart = size / 2 - 0.5, size / framing.side
    height = framing.eye_height * size - 0.5
    return np.array([[middle - apart / 2, height], [middle + apart / 2, height]], np.float32)


def upright(frames: Frames, eyes: Float32) -> Frames:
    """Return frames (T, S, S, 3) with their eyes (T, 2, 2) moved to `upright_eyes`: the head stands still.

    For methods whose papers align every frame to one canonical face; `replaced` undoes it.
    """
    place = upright_eyes(frames.shape[1])[None]
    pairs = zip(frames, eyes, strict=True)
    return np.concatenate([frames[:0], *(aligned(frame, own, place) for frame, own in pairs)])


def moved_upright(points: Float32, eyes: Float32, size: int) -> Float32:
    """Return (T, 2) points of frames with eyes (T, 2, 2) where they lie in the frames made `upright`."""
    right, left = _plane(upright_eyes(size))
    own = _plane(eyes)
    turns = (left - right) / (own[:, 1] - own[:, 0])
    moved = (right + left) / 2 + turns * (_plane(points) - own.mean(axis=1))
    return np.stack([moved.real, moved.imag], axis=1).astype(np.float32)


def replaced(frames: Frames, eyes: Float32) -> Frames:
    """Return upright frames (T, S, S, 3) with their eyes moved to `eyes` (T, 2, 2)."""
    own = upright_eyes(frames.shape[1])
    pairs = zip(frames, eyes, strict=True)
    return np.concatenate([frames[:0], *(aligned(frame, own, place[None]) for frame, place in pairs)])


def _plane(points: Float32) -> NDArray[np.complex128]:
    """(..., 2) pixels as complex numbers: a similarity is then z -> turn * z + move."""
    return points[..., 0].astype(np.float64) + 1j * points[..., 1]


def _moved(picture: NDArray[np.uint8], turn: complex, move: complex, size: tuple[int, int]) -> Frames:
    matrix = np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])
    moved = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)
