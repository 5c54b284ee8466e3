"""The embedded identity judge: a drawn face to a place on a sphere, near for one speaker, far for others.

Trained by `train_identity` on drawn speakers (cosine softmax with a margin: Wang et al., CosFace, CVPR 2018)
and valid for drawn faces alone. It sees an ellipse in the middle of the frame, so that a right backdrop is no
right face; hair within it counts. No detection: a frame is the face crop as prepared.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from harness.types import Frames
from metrics.features.face_judge import SIDE, FaceJudgeNet, judge_frames
from metrics.features.judge_files import FOLDER, load_into

NAME = "identity_judge"
DIMENSIONS = 64
# Half widths of the ellipse and its middle, shares of the side: a drawn face's cheeks, hairline and chin.
_ACROSS, _DOWN, _MIDDLE = 0.31, 0.42, 0.54

Float32 = NDArray[np.float32]


class IdentityJudgeNet(nn.Module):
    """(B, 3, 64, 64) RGB in -1..1 -> (B, 64) unit vectors."""

    seen: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.face = FaceJudgeNet(DIMENSIONS)
        places = (torch.arange(SIDE) + 0.5) / SIDE
        down, across = torch.meshgrid((places - _MIDDLE) / _DOWN, (places - 0.5) / _ACROSS, indexing="ij")
        self.register_buffer("seen", (across**2 + down**2 <= 1).float(), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Return the embeddings."""
        return functional.normalize(self.face(frames * self.seen))


class IdentityJudge:
    """The trained network as an instrument."""

    def __init__(self, net: IdentityJudgeNet) -> None:
        self.net = net

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "IdentityJudge":
        """Load the shipped weights; BadInput when the file is missing or another."""
        net = IdentityJudgeNet()
        load_into(net, NAME, folder)
        return cls(net)

    def embeddings(self, frames: Frames) -> Float32:
        """Return (T, 64) unit vectors of square (T, S, S, 3) uint8 RGB frames; Unscorable if not square."""
        return judge_frames(self.net, frames)
