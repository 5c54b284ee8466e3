"""The small network of the embedded face judges (emotion, AU, landmarks): a 64x64 RGB frame to a row.

Networks of one shape with weights of their own, trained by `train_judges` on the embedded corpus, valid
for it alone. No detection: a frame is the face crop as prepared.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.faces import resized
from harness.types import Frames, Unscorable

SIDE = 64
_CHUNK = 64

Float32 = NDArray[np.float32]


def conv_block(
    inputs: int, outputs: int, kernel: int, stride: int | tuple[int, int]
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Return a convolution that keeps the size but for its stride, batch normalisation and ReLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs), nn.ReLU()


class FaceJudgeNet(nn.Module):
    """(B, 3, 64, 64) RGB in -1..1 -> (B, outputs) logits."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *conv_block(3, 24, 5, 2),  # 32x32
            *conv_block(24, 48, 3, 2),  # 16x16
            *conv_block(48, 96, 3, 2),  # 8x8
            *conv_block(96, 128, 3, 2),  # 4x4
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(2048, 128),
            nn.ReLU(),
            nn.Linear(128, outputs),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Return logits."""
        out: Tensor = self.layers(frames)
        return out


def as_input(frames: Frames) -> Tensor:
    """Return (T, 3, 64, 64) float32 in -1..1 of square (T, S, S, 3) uint8 RGB frames."""
    return torch.from_numpy(resized(frames, SIDE)).permute(0, 3, 1, 2).float() / 127.5 - 1


def require_square(frames: Frames) -> None:
    """Raise Unscorable where frames are not square: no face crops, which is all that a judge reads."""
    height, width = frames.shape[1:3]
    if height != width:
        raise Unscorable(
            f"frames of {width}x{height} are no square face crops; face policy face-v1 makes them"
        )


@torch.inference_mode()
def judge_frames(net: nn.Module, frames: Frames) -> Float32:
    """Return (T, outputs) of square (T, S, S, 3) uint8 RGB frames; Unscorable when they are not square."""
    require_square(frames)
    return torch.cat([net(part) for part in torch.split(as_input(frames), _CHUNK)]).numpy()
