"""The embedded landmark judge: 68 points of a drawn face, trained by `train_judges`, valid for drawn faces.

Convolutions give each point a map over the picture, and the point is the map's centre of mass (integral
regression: Sun et al., Integral Human Pose Regression, ECCV 2018). Points are in iBUG-68 order. No detection:
a frame is the face crop as prepared.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.types import Frames
from metrics.features.face_judge import SIDE, conv_block, judge_frames
from metrics.features.judge_files import FOLDER, load_into

NAME = "landmark_judge"
POINTS = 68
MAP_SIDE = SIDE // 4

Float32 = NDArray[np.float32]


class LandmarkJudgeNet(nn.Module):
    """(B, 3, 64, 64) RGB in -1..1 -> (B, 136): x and y of 68 points in half sides from the middle."""

    places: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            *conv_block(3, 24, 5, 2),  # 32x32
            *conv_block(24, 48, 3, 2),  # 16x16
            *_wide_block(48, 2),
            *_wide_block(48, 4),
            nn.Conv2d(48, POINTS, 1),
        )
        centres = (torch.arange(MAP_SIDE) * 2 + 1) / MAP_SIDE - 1
        rows, columns = torch.meshgrid(centres, centres, indexing="ij")
        # A centre of mass lies within the map: a fifth more lets points reach the picture's edge.
        self.register_buffer("places", 1.2 * torch.stack([columns.flatten(), rows.flatten()], 1))

    def forward(self, frames: Tensor) -> Tensor:
        """Return the points."""
        weights: Tensor = self.maps(frames).flatten(2).softmax(dim=2)
        return (weights @ self.places).flatten(1)


def _wide_block(channels: int, dilation: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Return a 3x3 convolution that looks `dilation` cells round, batch normalisation and ReLU."""
    convolution = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
    return convolution, nn.BatchNorm2d(channels), nn.ReLU()


class LandmarkJudge:
    """The trained network as an instrument."""

    def __init__(self, net: LandmarkJudgeNet) -> None:
        self.net = net

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "LandmarkJudge":
        """Load the shipped weights; BadInput when the file is missing or another."""
        net = LandmarkJudgeNet()
        load_into(net, NAME, folder)
        return cls(net)

    def landmarks(self, frames: Frames) -> Float32:
        """Return (T, 68, 2) pixels of square (T, S, S, 3) uint8 RGB; a whole number is a pixel's centre."""
        points = judge_frames(self.net, frames).reshape(-1, POINTS, 2)
        return to_pixels(points, frames.shape[1])


def to_pixels(points: Float32, side: int) -> Float32:
    """Return pixels of a picture of `side` for places in half sides from its middle."""
    return (((points + 1) * side - 1) / 2).astype(np.float32)


def from_pixels(landmarks: Float32, side: int) -> Float32:
    """Return places in half sides from the middle of a picture of `side` for its pixels."""
    return ((2 * landmarks + 1) / side - 1).astype(np.float32)
