"""A head's six numbers, and the face at rest that they turn, tilt, move and size.

Scaled orthographic projection, as in `harness.faces.pose`, whose angles are read here: a point (x, y, z) of
the head turns (yaw), nods (pitch), tilts (roll), is scaled and moved. The head's coordinates start in
the middle of the eyes' outer corners, whose distance from the front is 1; x to the picture's right, y down,
z to the viewer.
Places in the picture are shares of its side, so that a pose does not depend on the picture's size.
"""

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.faces.pose import head_pose

POSE = ("yaw", "pitch", "roll", "x", "y", "scale")
_OUTER = (36, 45)

Float32 = NDArray[np.float32]


def normalised(landmarks: Float32, size: int) -> Float32:
    """Return (T, 68, 2) pixels of a face crop as shares of its side, 0 at its left or top edge."""
    return ((landmarks + 0.5) / size).astype(np.float32)


def pose_of(landmarks: Float32) -> Float32:
    """Return (T, 6) of normalised (T, 68, 2) landmarks.

    Yaw to the picture's right, pitch up and roll clockwise in radians; the middle of the eyes' outer corners,
    x and y; and the logarithm of their distance as it would be from the front.
    """
    angles = np.radians(head_pose(landmarks))
    right, left = landmarks[:, _OUTER[0]], landmarks[:, _OUTER[1]]
    yaw, pitch = angles[:, 0], angles[:, 1]
    shortened = np.sqrt(np.cos(yaw) ** 2 + (np.sin(yaw) * np.sin(pitch)) ** 2)
    across = np.linalg.norm(left - right, axis=1) / shortened
    middle = (left + right) / 2
    return np.concatenate([angles, middle, np.log(across)[:, None]], axis=1).astype(np.float32)


def placed(points: Tensor, depth: Tensor, pose: Tensor) -> Tensor:
    """Return where points (..., 68, 2) of a head at rest, (68,) deep, stand at pose (..., 6)."""
    matrix, along = _projection(pose)
    turned = points @ matrix.transpose(-1, -2) + depth[:, None] * along[..., None, :]
    return turned * pose[..., None, 5:].exp() + pose[..., None, 3:5]


def at_rest(landmarks: Tensor, depth: Tensor, pose: Tensor) -> Tensor:
    """Return the points (..., 68, 2) that `placed` puts at `landmarks`: its inverse."""
    matrix, along = _projection(pose)
    turned = (landmarks - pose[..., None, 3:5]) * (-pose[..., None, 5:]).exp()
    flat = turned - depth[:, None] * along[..., None, :]
    return cast(Tensor, flat @ torch.linalg.inv(matrix).transpose(-1, -2))


def _projection(pose: Tensor) -> tuple[Tensor, Tensor]:
    """Return what x and y (..., 2, 2), and z (..., 2), of the head become in the picture."""
    (a, b, c), (s, t, u) = (f(pose[..., :3]).unbind(-1) for f in (torch.cos, torch.sin))
    nodded = torch.stack([torch.stack([a, torch.zeros_like(a)], -1), torch.stack([s * t, b], -1)], -2)
    along = torch.stack([s, -a * t], -1)
    tilt = torch.stack([torch.stack([c, -u], -1), torch.stack([u, c], -1)], -2)
    return tilt @ nodded, (tilt @ along[..., None])[..., 0]
