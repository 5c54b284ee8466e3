"""Discriminators of talking faces: one picture beside the still, a sequence, a mouth and its sound.

The frame discriminator is Eskimez et al.'s (eeskimez/emotalkingface); Vougioukas et al. published none of
theirs, and describe three of these kinds. Scores are logits or Wasserstein scores, never probabilities.
They are losses, never judges: the metrics have their own.
"""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from methods.nets.blocks import SLOPE, initialise, strided_convs

_SLOPE = 0.3  # Eskimez et al.'s discriminators


class FrameCritic(nn.Module):
    """Scores each frame beside its clip's still: 64-128-256-512-512, then 2048 and 1, at width 64."""

    def __init__(self, width: int, height: int, breadth: int) -> None:
        super().__init__()
        self.convs = strided_convs((6, width, 2 * width, 4 * width, 8 * width, 8 * width), _SLOPE)
        features = 8 * width * _halved(height) * _halved(breadth)
        hidden = nn.Linear(features, 32 * width)
        self.score = nn.Sequential(hidden, nn.LeakyReLU(_SLOPE), nn.Linear(32 * width, 1))
        initialise(self)

    def forward(self, frames: Tensor, still: Tensor) -> Tensor:
        """Return (B, T) scores of frames (B, T, 3, H, W) beside still (B, 3, H, W)."""
        beside = still[:, None].expand_as(frames)
        pairs = torch.cat([frames, beside], 2).flatten(0, 1)
        scores = self.score(self.convs(pairs).flatten(1))
        return cast(Tensor, scores).view(frames.shape[:2])


class SequenceCritic(nn.Module):
    """Scores a whole sequence: convolutions over space and time, a GRU over the frames, one layer."""

    def __init__(self, width: int, height: int, breadth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((3, width, 2 * width, 4 * width, 8 * width)):
            layers += [nn.Conv3d(inputs, outputs, (3, 4, 4), (1, 2, 2), 1), nn.LeakyReLU(SLOPE)]
        self.convs = nn.Sequential(*layers)
        self.gru = nn.GRU(8 * width * (height // 16) * (breadth // 16), 8 * width, batch_first=True)
        self.score = nn.Linear(8 * width, 1)
        initialise(self)

    def forward(self, frames: Tensor) -> Tensor:
        """Return (B,) scores of frames (B, T, 3, H, W)."""
        maps = cast(Tensor, self.convs(frames.transpose(1, 2)))
        steps, _ = self.gru(maps.transpose(1, 2).flatten(2))
        return cast(Tensor, self.score(steps[:, -1])).flatten()


class SyncCritic(nn.Module):
    """Scores five mouths and their sound by the squared differences of two embeddings.

    hear embeds (B, 1, samples) of five frames to (B, code).
    """

    def __init__(self, width: int, height: int, breadth: int, hear: nn.Module, code: int) -> None:
        super().__init__()
        self.convs = strided_convs((15, width, 2 * width, 4 * width, 8 * width))
        self.see = nn.Linear(8 * width * _halved(height // 2, 4) * _halved(breadth, 4), code)
        initialise(self)
        self.hear = hear
        self.score = nn.Linear(code, 1)

    def forward(self, frames: Tensor, wave: Tensor) -> Tensor:
        """Return (B,) scores of frames (B, 5, 3, H, W), of which the lower half is seen, and their wave."""
        lower = frames[:, :, :, frames.shape[3] // 2 :]
        seen = torch.tanh(self.see(self.convs(lower.flatten(1, 2)).flatten(1)))
        heard = self.hear(wave[:, None])
        return cast(Tensor, self.score((seen - heard).square())).flatten()


class EmotionLoss(nn.Module):
    """What Eskimez et al.'s emotion discriminator minimises: half of CE on real, half of CE on fake frames.

    Generated frames are a class of their own, the last.
    """

    def __init__(self, critic: nn.Module) -> None:
        super().__init__()
        self.critic = critic

    def forward(self, real: tuple[Tensor, Tensor], fake: tuple[Tensor]) -> Tensor:
        """Return the loss; `real` is frames and emotions (B,), `fake` frames."""
        right, made = self.critic(real[0]), self.critic(*fake)
        last = torch.full_like(real[1], made.shape[1] - 1)
        return (cross_entropy(right, real[1]) + cross_entropy(made, last)) / 2


def _halved(side: int, times: int = 5) -> int:
    """A side after that many strided convolutions, each rounding up."""
    return -(-side // (1 << times))
