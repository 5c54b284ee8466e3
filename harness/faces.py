"""The whole-face mask, from rigid landmarks only, so that its outline says nothing of mouth, jaw or brows."""

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

_RIGID_EYES = (36, 39, 42, 45)
_NOSE_BASE = 33
# Proportions of an adult face in inter-ocular distances (eye centre to eye centre).
_NOSE_LENGTH = 0.72
_MASK_TOP, _MASK_BOTTOM, _MASK_HALF_WIDTH = -0.85, 2.6, 1.42
_MASK_ROUNDNESS = 2.5
_TURN_SHIFT = 0.7


def full_face_mask(landmarks: Float, size: int) -> NDArray[np.bool_]:
    """Return (T, size, size) bool, True on the whole face: brows to the chin of a wide-open jaw, cheek to cheek.

    landmarks: (T, 68, 2) px. Only eye corners and the nose base are read, which no expression or viseme
    moves. The outline is a superellipse in head axes (along the eyes, and down at a right angle), scaled by
    inter-ocular distance or nose length, whichever a turned or nodding head shortens less, and shifted
    away from the nose when the head turns, because the far cheek hides and the near one shows.
    """
    eyes, right, down, scale = head_axes(landmarks)
    nose = landmarks[:, _NOSE_BASE] - eyes
    turn = -_TURN_SHIFT * (nose * right).sum(1, keepdims=True)
    middle, half_height = (_MASK_TOP + _MASK_BOTTOM) / 2, (_MASK_BOTTOM - _MASK_TOP) / 2
    centre = eyes + turn * right + middle * scale[:, None] * down
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    across = _MASK_HALF_WIDTH * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / _MASK_ROUNDNESS)
    along = half_height * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / _MASK_ROUNDNESS)
    mask = np.zeros((len(landmarks), size, size), np.uint8)
    for image, middle_point, x, y, unit in zip(mask, centre, right, down, scale, strict=True):
        outline = middle_point + unit * (across[:, None] * x + along[:, None] * y)
        cv2.fillPoly(image, [np.rint(outline).astype(np.int32)], 1)
    return mask.astype(bool)


def head_axes(landmarks: Float) -> tuple[Float, Float, Float, Float]:
    """Return the eye centre (T, 2), unit vectors to the image right and down the face (T, 2), scale (T,).

    Scale is the inter-ocular distance in px that the head would show from the front.
    """
    corners = landmarks[:, _RIGID_EYES]  # (T, 4, 2)
    eyes = corners.mean(1)
    between = corners[:, 2:].mean(1) - corners[:, :2].mean(1)
    distance = np.maximum(np.linalg.norm(between, axis=1), 1e-3)
    right = between / distance[:, None]
    down = np.stack([-right[:, 1], right[:, 0]], 1)
    nose = ((landmarks[:, _NOSE_BASE] - eyes) * down).sum(1)
    return eyes, right, down, np.maximum(distance, nose / _NOSE_LENGTH)
