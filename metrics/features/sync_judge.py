"""The embedded sync judge: SyncNet's interface in 0.6 M parameters, trained on the embedded corpus.

5 frames of the lower half of a 64x64 crop against 20 MFCC steps. Valid for the embedded corpus alone; its
distances lie in 0..2, so its LSE is comparable with no published one. Training: `train_judges`.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from harness.types import Frames
from metrics.features.face_judge import SIDE, as_input, conv_block
from metrics.features.judge_files import FOLDER, load_into
from metrics.features.sync import WINDOW

NAME = "sync_judge"
DIMENSIONS = 128
_CHUNK = 64

Float32 = NDArray[np.float32]


class SyncJudgeNet(nn.Module):
    """Two streams, each to a unit vector of 128 and a constant 1.

    The constant cancels between two embeddings and makes the rows of zeros beyond a clip's ends, which the
    distance rule compares with, as far away (the square root of 2) as an unrelated window.
    """

    mfcc_mean: Tensor
    mfcc_scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mfcc_mean", torch.zeros(13, 1))
        self.register_buffer("mfcc_scale", torch.ones(13, 1))
        self.video_stream = nn.Sequential(
            *conv_block(3 * WINDOW, 24, 5, 2),  # 16x32
            *conv_block(24, 48, 3, 2),  # 8x16
            *conv_block(48, 96, 3, 2),  # 4x8
            *conv_block(96, 128, 3, 2),  # 2x4
            *_head(1024),
        )
        self.audio_stream = nn.Sequential(
            *conv_block(1, 32, 3, (1, 2)),  # 13x10
            *conv_block(32, 64, 3, (2, 1)),  # 7x10
            *conv_block(64, 96, 3, 2),  # 4x5
            *conv_block(96, 128, 3, 2),  # 2x3
            *_head(768),
        )

    def video(self, windows: Tensor) -> Tensor:
        """Return (B, 129) for (B, 5, 3, 32, 64) RGB in -1..1."""
        return _embedded(self.video_stream(windows.flatten(1, 2)))

    def audio(self, windows: Tensor) -> Tensor:
        """Return (B, 129) for (B, 13, 20) MFCC."""
        normalised = (windows - self.mfcc_mean) / self.mfcc_scale
        return _embedded(self.audio_stream(normalised[:, None]))


class SyncJudge:
    """The judge as a `SyncBackbone`."""

    def __init__(self, net: SyncJudgeNet) -> None:
        self.net = net.eval()

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "SyncJudge":
        """Load the shipped judge; BadInput when its file is missing or another."""
        net = SyncJudgeNet()
        load_into(net, NAME, folder)
        return cls(net)

    @torch.inference_mode()
    def video_features(self, frames: Frames) -> Float32:
        """Return (T - 4, 129) for (T, H, W, 3) uint8 RGB."""
        windows = lip_windows(as_input(frames))
        return _rows(self.net.video(part) for part in windows.split(_CHUNK))

    @torch.inference_mode()
    def audio_features(self, windows: Float32) -> Float32:
        """Return (n, 129) for (n, 13, 20) MFCC windows."""
        return _rows(self.net.audio(part) for part in torch.from_numpy(windows).split(_CHUNK))


def lip_windows(frames: Tensor) -> Tensor:
    """Return (T - 4, 5, 3, 32, 64), the lower halves of 5 consecutive frames, of (T, 3, 64, 64)."""
    return frames[:, :, SIDE // 2 :].unfold(0, WINDOW, 1).movedim(-1, 1)


def _head(inputs: int) -> tuple[nn.Module, ...]:
    # The last normalisation centres the embeddings: without it all start alike and nothing is learnt for
    # long.
    last = nn.BatchNorm1d(DIMENSIONS, affine=False)
    return nn.Flatten(), nn.Linear(inputs, 192), nn.ReLU(), nn.Linear(192, DIMENSIONS), last


def _embedded(vectors: Tensor) -> Tensor:
    return functional.pad(functional.normalize(vectors), (0, 1), value=1.0)


def _rows(parts: Iterable[Tensor]) -> Float32:
    return torch.cat(list(parts)).numpy()
