"""What Wav2Lip's kind hides of a face: its lower half, or the hull of its landmarks (Magnusson et al. 2021).

The hull follows the face of the very frame, so its outline tells how far the jaw has dropped; the rigid mask
of `harness.faces` does not. A method that is shown the target with its face hidden must not use the hull.
`mouth_mask` hides nothing: it is where a loss looks hardest.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness import faces

_FOREHEAD = 0.6  # how far above the brows, in distances of eyes and brows' line to the nose base
_SIGMA = 9 / 128  # of the mouth's Gaussian, in sides of the picture


def half_mask(frames: int, size: int) -> NDArray[np.bool_]:
    """Return (T, S, S) bool, True in the lower half of every picture."""
    mask = np.zeros((frames, size, size), bool)
    mask[:, size // 2 :] = True
    return mask


def hull_mask(landmarks: NDArray[np.float32], size: int) -> NDArray[np.bool_]:
    """Return (T, S, S) bool, True inside the hull of each frame's (T, 68, 2) landmarks and its forehead.

    The paper's 81 dlib points include the forehead; iBUG-68 ends at the brows, which are therefore moved up,
    along the line from nose base to brows, to stand for it.
    """
    brows = landmarks[:, 17:27]
    up = brows.mean(axis=1, keepdims=True) - landmarks[:, 33:34]
    raised = brows + np.float32(_FOREHEAD) * up
    return faces.hull_mask(np.concatenate([landmarks, raised], axis=1), size)


def mouth_mask(mouth: Tensor, size: int) -> Tensor:
    """Return (B, T, 1, size, size): a Gaussian of peak 1 at each (B, T, 2) mouth, sigma 9 pixels of 128."""
    pixels = torch.arange(size, device=mouth.device)
    across, down = (
        torch.exp(-((pixels - mouth[..., axis, None]) ** 2) / (2 * (_SIGMA * size) ** 2)) for axis in (0, 1)
    )
    return (down[..., :, None] * across[..., None, :])[:, :, None]
