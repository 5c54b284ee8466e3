"""The conditional deep variational autoencoder of Phan et al. Figure 1, after EmoGen's layout (METHODS.md 1).

Reads [masked frame | reference frame], one mel window a frame and an emotion; audio and emotion join every
stage of encoder and decoder; the latent is a mean and a log-variance a cell of the smallest map.
The very deep, learned-prior variant that the paper's reference [5] describes is not built.
"""

from collections.abc import Iterator
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from methods.cvae.config import Config
from methods.nets.blocks import ConditionedConv, MelEncoder, ResidualConv, activate, initialise, upsample

DARKEST = 0.02  # a black or white reference pixel must not saturate the sigmoid
FARTHEST = 0.25  # how far a pixel may be fetched from, in halves of the side: a jaw drops less


class Output(NamedTuple):
    """frames (N, 3, S, S) in [0, 1]; mean and log_variance (N, 16 * width, S / 32, S / 32)."""

    frames: Tensor
    mean: Tensor
    log_variance: Tensor


class Stage(nn.Module):
    """A conditioned convolution and `residuals` plain ones after it."""

    def __init__(self, inputs: int, outputs: int, width: int, residuals: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = ConditionedConv(inputs, outputs, 64 * width, 2 * width, stride)
        self.refine = nn.Sequential(*(ResidualConv(outputs) for _ in range(residuals)))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return (N, outputs, H / stride, W / stride)."""
        return cast(Tensor, self.refine(self.conv(x, condition)))


class Generator(nn.Module):
    """Six stages down, a latent, five up with skips: 16@64 32@32 64@16 128@8 256@4 512@2 at width 16."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.width
        channels = [width * 2**i for i in range(6)]
        self.audio = MelEncoder(2 * width)  # -> 32 * width, 512 at width 16
        self.emotion = _emotion_encoder(config)
        strides = (1, 2, 2, 2, 2, 2)
        shapes = zip((6, *channels), channels, strides, strict=False)
        self.down = nn.ModuleList(Stage(i, o, width, config.residuals, s) for i, o, s in shapes)
        self.mean = nn.Conv2d(channels[-1], channels[-2], 1)
        self.log_variance = nn.Conv2d(channels[-1], channels[-2], 1)
        self.decode = Stage(channels[-2], channels[-1], width, config.residuals)
        ascending = zip(channels[:0:-1], channels[-2::-1], strict=True)
        self.up = nn.ModuleList(Stage(i + o, o, width, config.residuals) for i, o in ascending)
        self.paint = nn.Conv2d(width, 3, 3, 1, 1)
        self.bend = nn.Conv2d(width, 2, 3, 1, 1)
        initialise(self)
        for head in (self.mean, self.log_variance, self.paint, self.bend):
            nn.init.xavier_normal_(head.weight, 0.1)  # starts near the prior and the reference

    def forward(self, pictures: Tensor, mel: Tensor, emotion: Tensor, noise: Tensor | None) -> Output:
        """Return generated frames.

        pictures: (N, 6, S, S) in [0, 1], masked frame then reference. mel: (N, 1, 80, 16). emotion: (N, E)
        one-hot. noise: (N, 16 * width, S / 32, S / 32) standard normal, or None for the latent's mean.
        """
        condition = activate(torch.cat([self.audio(mel), self.emotion(emotion)], 1))
        skips = list(self._encode(pictures, condition))
        mean, log_variance = self.mean(skips[-1]), self.log_variance(skips[-1]).clamp(-8, 8)
        latent = mean if noise is None else mean + noise * torch.exp(log_variance / 2)
        x = self.decode(latent, condition)
        for stage, skip in zip(self.up, skips[-2::-1], strict=True):
            x = stage(torch.cat([upsample(x), skip], 1), condition)
        # The reference joins the last layer as the outermost skip connection, bent to the new expression:
        # identity need not be relearned, and speakers never seen keep theirs.
        reference = bent(pictures[:, 3:], FARTHEST * torch.tanh(self.bend(x)))
        frames = torch.sigmoid(self.paint(x) + torch.logit(reference, DARKEST))
        return Output(frames, mean, log_variance)

    def _encode(self, x: Tensor, condition: Tensor) -> Iterator[Tensor]:
        for stage in self.down:
            x = stage(x, condition)
            yield x


class WidenedLabel(nn.Module):
    """(N, E) labels times `weight`, with zeros appended up to (N, width): nothing is learned."""

    def __init__(self, width: int, weight: float) -> None:
        super().__init__()
        self.width, self.weight = width, weight

    def forward(self, label: Tensor) -> Tensor:
        """Return (N, width)."""
        return nn.functional.pad(self.weight * label, (0, self.width - label.shape[1]))


def _emotion_encoder(config: Config) -> nn.Module:
    width = 32 * config.width
    if config.emotion_input != "mlp":
        return WidenedLabel(width, 1.0 if config.emotion_input == "one_hot" else 0.0)
    first, second = nn.Linear(len(config.emotions), width), nn.Linear(width, width)
    return nn.Sequential(first, nn.LeakyReLU(0.2), second)


def latent_shape(config: Config) -> tuple[int, int, int]:
    """Return (channels, height, width) of one frame's latent: 256x2x2 at width 16 and 64 px."""
    side = config.image_size // 32
    return 16 * config.width, side, side


def bent(pictures: Tensor, flow: Tensor) -> Tensor:
    """Return pictures whose pixels come from `flow` (N, 2, S, S) away, x then y, in halves of the side."""
    still = torch.eye(2, 3, device=pictures.device).expand(len(pictures), 2, 3)
    grid = nn.functional.affine_grid(still, list(pictures.shape), align_corners=False)
    moved = grid + flow.permute(0, 2, 3, 1)
    return nn.functional.grid_sample(pictures, moved, padding_mode="border", align_corners=False)


def composite(frames: Tensor, context: Tensor, mask: Tensor) -> Tensor:
    """Return generated `frames` where `mask` is True and the given context elsewhere, as in inpainting."""
    return torch.where(mask, frames, context)
