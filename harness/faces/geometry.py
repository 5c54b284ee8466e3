"""Where a head stands, read from landmarks that mouth, jaw and brows do not move."""

import numpy as np
from numpy.typing import NDArray

from harness.faces.detectors import Landmarks

EYES = (36, 39, 42, 45)
NOSE_BASE = 33


def eye_centres(landmarks: Landmarks) -> Landmarks:
    """Return (T, 2, 2), the centres of right and left eye, each the mean of its two corners."""
    return np.stack([landmarks[:, [36, 39]].mean(axis=1), landmarks[:, [42, 45]].mean(axis=1)], axis=1)


def eye_frame(landmarks: Landmarks) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the eyes' middle (T, 2), their unit direction (T, 2) and the clip's interocular unit in pixels.

    The unit is the median distance of the eyes' centres, or of eyes and nose base where a turned head
    shortens the former; neither moves with mouth, jaw or brows.
    """
    points = landmarks.astype(np.float64)
    right, left = eye_centres(landmarks).astype(np.float64).transpose(1, 0, 2)
    middle, across = (right + left) / 2, left - right
    between = np.linalg.norm(across, axis=1)
    to_nose = np.linalg.norm(points[:, NOSE_BASE] - middle, axis=1)
    unit = max(float(np.median(between)), float(np.median(to_nose)) / 0.85)
    return middle, across / np.maximum(between, 1e-6)[:, None], unit


def rescaled(landmarks: Landmarks, ratio: float) -> Landmarks:
    """Return the landmarks of pictures resized by `ratio`: index 0 is half a pixel inside the edge."""
    return (landmarks + np.float32(0.5)) * np.float32(ratio) - np.float32(0.5)
