"""Perceptual loss (Johnson et al. 2016): mean squared error of a frozen ImageNet network's features.

`reference` is VGG-19 of torchvision, layers 4, 9, 18, 27 and 36 summed (EmoGen's choice). `embedded` needs no
download: the first two stages of the VGG-16 trunk that stlpips-pytorch bundles (Ghildyal & Liu 2022). That
package's AlexNet is the LPIPS judge and is not used here, but both learned from ImageNet.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, cast

import torch
from torch import Tensor, nn

from harness.types import BadInput
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


def perceptual_loss(trunk: Trunk) -> PerceptualLoss:
    """Return the loss on its trunk. Raises BadInput when the reference's weights are absent."""
    return PerceptualLoss(_embedded_stages() if trunk == "embedded" else _vgg19_stages())


def _embedded_stages() -> list[nn.Module]:
    first = nn.Sequential(_conv(3, 64), nn.ReLU(), _conv(64, 64), nn.ReLU())
    second = nn.Sequential(BlurredPool(64), _conv(64, 128), nn.ReLU(), _conv(128, 128), nn.ReLU())
    stored = torch.load(_bundled_vgg(), map_location="cpu", weights_only=True)
    names = {"0": "net.slice1.0", "2": "net.slice1.2"}
    first.load_state_dict({f"{i}.{p}": stored[f"{n}.{p}"] for i, n in names.items() for p in ("weight", "bias")})
    names = {"1": "net.slice2.6", "3": "net.slice2.8"}
    second.load_state_dict({f"{i}.{p}": stored[f"{n}.{p}"] for i, n in names.items() for p in ("weight", "bias")})
    return [first, second]


def _bundled_vgg() -> Path:
    """Find the weights without importing the package, whose import pulls in IPython."""
    spec = find_spec("stlpips_pytorch")
    if spec is None or not spec.submodule_search_locations:
        raise BadInput("perceptual: embedded needs the package stlpips-pytorch; pip install stlpips-pytorch")
    return Path(spec.submodule_search_locations[0]) / "weights" / "vST0.0" / "vgg_shift_tolerant.pth"


def _vgg19_stages() -> list[nn.Module]:
    from torchvision.models import vgg19

    model = vgg19(weights=None)
    model.load_state_dict(torch.load(Weights().path("vgg19"), map_location="cpu", weights_only=True))
    layers = list(model.features.children())
    for layer in layers:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False  # a tap at a convolution must not be overwritten by the ReLU after it
    starts = (0, *(tap + 1 for tap in _VGG19_TAPS))
    return [nn.Sequential(*layers[a:b]) for a, b in zip(starts, starts[1:], strict=False)]


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
