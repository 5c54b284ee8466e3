"""What can be measured of a shot: head, gaze, light and framing.

Gaze is where the dark of the iris lies between an eye's corners and lids: seven sizes of iris fit into an
eye, so it is coarse, and in a crop of 64 px it is no finer than left, middle and right.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.faces.pose import head_pose
from harness.types import Frames

_RIGHT_EYE, _LEFT_EYE = slice(36, 42), slice(42, 48)
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True)
class Facts:
    """One shot's facts; of a clip, the means over its frames.

    emotion, level: the label asked for; None where there is none. yaw (to the picture's right), pitch (up),
    roll (clockwise) in degrees (`faces.head_pose`). motion: how far the head turns about its mean in degrees,
    root mean square; None of a still. gaze: -1..1, to the picture's right. brightness: 0..1. face: the
    distance of chin and brows as a share of the picture's height.
    """

    emotion: str | None
    level: str | None
    yaw: float
    pitch: float
    roll: float
    motion: float | None
    gaze: float
    brightness: float
    face: float


def facts_of(frames: Frames, landmarks: NDArray[np.float32], emotion: str | None, level: str | None) -> Facts:
    """Return the facts of (T, S, S, 3) uint8 RGB frames with their (T, 68, 2) landmarks in pixels."""
    pose = head_pose(landmarks)
    yaw, pitch, roll = (float(angle) for angle in pose.mean(0))
    height = landmarks[:, :, 1].max(1) - landmarks[:, :, 1].min(1)
    return Facts(
        emotion=emotion,
        level=level,
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        motion=float(np.sqrt(pose.var(0).sum())) if len(frames) > 1 else None,
        gaze=float(np.mean([gaze(*shown) for shown in zip(frames, landmarks, strict=True)])),
        brightness=float((frames.reshape(-1, 3).mean(0) @ _LUMA) / 255),
        face=float(height.mean() / frames.shape[1]),
    )


def gaze(picture: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> float:
    """Return where both eyes of one picture look, -1..1 to the picture's right."""
    return float(np.mean([_eye(picture, landmarks[eye]) for eye in (_RIGHT_EYE, _LEFT_EYE)]))


def _eye(picture: NDArray[np.uint8], outline: NDArray[np.float32]) -> float:
    """Return where the dark lies between an eye's corners, -1..1; 0 where the eye is closed."""
    scale = 8  # an eye of a small crop is a few pixels wide
    left, top = np.floor(outline.min(0)).astype(int) - 1
    right, bottom = np.ceil(outline.max(0)).astype(int) + 2
    part = picture[max(0, top) : bottom, max(0, left) : right]
    if not part.size:
        return 0.0
    grey = cv2.resize((part @ _LUMA).astype(np.float32), None, fx=scale, fy=scale)
    corner = np.array([max(0, left), max(0, top)])
    points = np.rint((outline - corner + 0.5) * scale).astype(np.int32)
    inside = cv2.fillPoly(np.zeros(grey.shape, np.uint8), [points], 1).astype(bool)
    if not inside.any():
        return 0.0
    dark = (grey[inside].max() - grey[inside]) ** 2
    if not dark.sum():
        return 0.0
    across = np.nonzero(inside)[1]
    first, last = sorted(points[[0, 3], 0])
    place = float((dark * across).sum() / dark.sum())
    return float(np.clip(2 * (place - first) / max(1, last - first) - 1, -1, 1))
