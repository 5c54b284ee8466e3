"""Perceptual loss (Johnson et al. 2016): mean squared error of a frozen ImageNet network's features.

`reference` is VGG-19 of torchvision, layers 4, 9, 18, 27 and 36 summed (EmoGen's choice). `embedded` needs no
download: the first two stages of the VGG-16 trunk that stlpips-pytorch bundles (Ghildyal & Liu 2022). That
package's AlexNet is the LPIPS judge and is not used here, but both learned from ImageNet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from harness.weights import Weights
from methods.nets.blocks import frozen

Trunk = Literal["embedded", "reference"]

# ImageNet's normalisation, of images in [0, 1].
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_VGG19_TAPS = (4, 9, 18, 27, 36)


class PerceptualLoss(nn.Module):
    """Sum over taps of the mean squared difference of features; images (N, 3, H, W) in [0, 1]."""

    def __init__(self, stages: Sequence[nn.Module]) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_STD)[:, None, None], persistent=False)
        frozen(self)

    def forward(self, generated: Tensor, target: Tensor) -> Tensor:
        """Return one number, differentiable in `generated`."""
        with torch.no_grad():
            wanted = self._features(target)
        pairs = zip(self._features(generated), wanted, strict=True)
        return torch.stack([nn.functional.mse_loss(ours, theirs) for ours, theirs in pairs]).sum()

    def _features(self, images: Tensor) -> list[Tensor]:
        x = (images - cast(Tensor, self.mean)) / cast(Tensor, self.std)
        found = []
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return found


class BlurredPool(nn.Module):
    """Maximum over 2x2, then a [1 2 1] blur at stride 2 with reflected borders (the trunk's own pooling)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("blur", torch.outer(row, row).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, about H / 2, about W / 2)."""
        pooled = nn.functional.pad(nn.functional.max_pool2d(x, 2, 1), (2, 2, 2, 2), mode="reflect")
        return nn.functional.conv2d(pooled, cast(Tensor, self.blur), stride=2, groups=x.shape[1])


@dataclass(frozen=True, slots=True)
class Spot:
    """Where the perceptual loss looks, the same in all windows of a step: some frames, one square."""

    frames: list[int]
    rows: slice
    columns: slice

    def of(self, windows: Tensor) -> Tensor:
        """Return (B * frames, 3, side, side) of (B, T, 3, S, S)."""
        return windows[:, self.frames, :, self.rows, self.columns].flatten(0, 1)


def draw_spot(rng: np.random.Generator, length: int, count: int, size: int, part: float) -> Spot:
    """Draw `count` of `length` frames and a square of `part` of the side `size`."""
    side = round(part * size)
    top, left = (int(x) for x in rng.integers(size - side + 1, size=2))
    frames = rng.choice(length, count, replace=False).tolist()
    return Spot(frames, slice(top, top + side), slice(left, left + side))


def perceptual_loss(trunk: Trunk, weights: Weights) -> PerceptualLoss:
    """Return the loss on its trunk. Raises BadInput when the reference's weights are absent."""
    return PerceptualLoss(_embedded_stages(weights) if trunk == "embedded" else _vgg19_stages(weights))


def _embedded_stages(weights: Weights) -> list[nn.Module]:
    first = nn.Sequential(_conv(3, 64), nn.ReLU(), _conv(64, 64), nn.ReLU())
    second = nn.Sequential(BlurredPool(64), _conv(64, 128), nn.ReLU(), _conv(128, 128), nn.ReLU())
    stored = weights.state_dict("st-lpips-vgg")
    names = {"0.0": "slice1.0", "0.2": "slice1.2", "1.1": "slice2.6", "1.3": "slice2.8"}
    trunk = nn.Sequential(first, second)
    trunk.load_state_dict(
        {f"{o}.{p}": stored[f"net.{t}.{p}"] for o, t in names.items() for p in ("weight", "bias")}
    )
    return [first, second]


def _vgg19_stages(weights: Weights) -> list[nn.Module]:
    from torchvision.models import vgg19  # slow to import, and seldom asked for

    model = vgg19(weights=None)
    model.load_state_dict(weights.state_dict("vgg19"))
    layers = list(model.features.children())
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False  # a tap at a convolution must not be overwritten by the ReLU after it
    starts = (0, *(tap + 1 for tap in _VGG19_TAPS))
    return [nn.Sequential(*layers[a:b]) for a, b in pairwise(starts)]


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
