"""Head pose, read from the 68 landmarks: the same for every detector.

The thirteen points of the nose and the eyes' corners, which neither speech nor brows move, are laid over
those of a mean head by scaled orthographic projection: DeMenthon and Davis, Model-Based Object Pose in 25
Lines of Code, IJCV 1995, its first step. Positive angles, in degrees: yaw to the picture's right, pitch up,
roll clockwise as the picture shows it; a head that looks into the camera has none. Each frame by itself,
not smoothed. A person's own nose shifts pitch by some degrees: changes mean more than the value.
"""

import numpy as np
from numpy.typing import NDArray

from harness.faces.detectors import Landmarks

_RIGID = (*range(27, 36), 36, 39, 42, 45)
# Right, up and to the viewer, in cm, of a mean head facing the camera: the vertices of MediaPipe's canonical
# face model that stand for these points (MESH_TO_68; canonical_face_model.obj), to a millimetre.
_HEAD = np.array([
    (0.0, 3.3, 5.2), (0.0, 1.7, 6.3), (0.0, 0.4, 7.2), (0.0, -0.5, 7.6),
    (-1.0, -1.5, 5.7), (-0.6, -2.0, 5.9), (0.0, -2.1, 6.1), (0.6, -2.0, 5.9), (1.0, -1.5, 5.7),
    (-4.5, 2.7, 3.2), (-1.9, 2.6, 3.8), (1.9, 2.6, 3.8), (4.5, 2.7, 3.2),
])  # fmt: skip


def head_pose(landmarks: Landmarks) -> NDArray[np.float32]:
    """Return (T, 3) yaw, pitch and roll in degrees of (T, 68, 2) landmarks in pixels; see the module."""
    points = landmarks[:, list(_RIGID)].astype(np.float64) * (1, -1)
    model = _HEAD - _HEAD.mean(axis=0)
    # Two rows of a scaled rotation: what projects the mean head nearest to the points.
    rows = (points - points.mean(axis=1, keepdims=True)).transpose(0, 2, 1) @ np.linalg.pinv(model).T
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    across, up = (left @ right).transpose(1, 0, 2)
    forward = np.cross(across, up)
    # The head is thought to turn first, then to nod, then to tilt.
    yaw = np.arctan2(-forward[:, 0], forward[:, 2])
    pitch = -np.arcsin(np.clip(forward[:, 1], -1, 1))
    roll = np.arctan2(across[:, 1], up[:, 1])
    angles: NDArray[np.float32] = np.degrees(np.stack([yaw, pitch, roll], axis=1)).astype(np.float32)
    return angles
