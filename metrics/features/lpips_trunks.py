"""The trunks of LPIPS, cut after the activations that it compares: AlexNet, VGG-16, SqueezeNet 1.1.

The published ones take torchvision's state dicts, the shift-tolerant ones (Ghildyal and Liu, ECCV 2022, where
a blur precedes every subsampling) those of the package stlpips-pytorch. Classifiers are not built.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from metrics.features.minimal_filtering import RowFilter

State = Mapping[str, Tensor]

# With fewer outputs (or fewer than half as many inputs), what minimal filtering adds costs what it saves.
FILTERED_CHANNELS = 128


def alexnet_slices(state: State) -> list[nn.Module]:
    """Return torchvision's AlexNet, cut after its five ReLUs."""

    def convolution(index: int, **options: int) -> list[nn.Module]:
        return _activated(state, f"features.{index}", **options)

    return [
        nn.Sequential(*convolution(0, stride=4, padding=2)),
        nn.Sequential(nn.MaxPool2d(3, 2), *convolution(3, padding=2)),
        nn.Sequential(nn.MaxPool2d(3, 2), *convolution(6, padding=1)),
        nn.Sequential(*convolution(8, padding=1)),
        nn.Sequential(*convolution(10, padding=1)),
    ]


def vgg_slices(state: State) -> list[nn.Module]:
    """Return torchvision's VGG-16, cut after the last ReLU before each pooling."""
    groups = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))
    slices: list[nn.Module] = []
    for group in groups:
        layers: list[nn.Module] = [nn.MaxPool2d(2)] if slices else []
        for index in group:
            layers += _activated(state, f"features.{index}", padding=1)
        slices.append(nn.Sequential(*layers))
    return slices


def squeezenet_slices(state: State) -> list[nn.Module]:
    """Return torchvision's SqueezeNet 1.1, cut at the seven depths of LPIPS."""

    def fire(index: int) -> Fire:
        return Fire(state, f"features.{index}")

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return [
        nn.Sequential(*_activated(state, "features.0", stride=2)),
        nn.Sequential(pool(), fire(3), fire(4)),
        nn.Sequential(pool(), fire(6), fire(7)),
        nn.Sequential(pool(), fire(9)),
        fire(10),
        fire(11),
        fire(12),
    ]


def shift_tolerant_alexnet_slices(state: State) -> list[nn.Module]:
    """Return ST-LPIPS's AlexNet, cut after its five ReLUs."""

    def convolution(name: str, **options: int) -> list[nn.Module]:
        return _activated(state, f"net.{name}", **options)

    def blur(name: str) -> BlurPool:
        return BlurPool(state[f"net.{name}.filt"])

    first, relu = convolution("slice1.0", padding=2)
    return [
        nn.Sequential(first, blur("slice1.1"), relu),
        nn.Sequential(nn.MaxPool2d(3, 1), blur("slice2.4"), *convolution("slice2.5", padding=2)),
        nn.Sequential(nn.MaxPool2d(3, 1), blur("slice3.8"), *convolution("slice3.9", padding=1)),
        nn.Sequential(*convolution("slice4.11", padding=1)),
        nn.Sequential(*convolution("slice5.13", padding=1)),
    ]


def shift_tolerant_vgg_slices(state: State) -> list[nn.Module]:
    """Return ST-LPIPS's VGG-16, cut after the last ReLU before each pooling."""
    groups = ((0, 2), (6, 8), (12, 14, 16), (20, 22, 24), (28, 30, 32))
    slices: list[nn.Module] = []
    for depth, group in enumerate(groups, start=1):
        layers: list[nn.Module] = []
        if slices:
            kernel = state[f"net.slice{depth}.{group[0] - 1}.filt"]
            layers = [nn.MaxPool2d(2, 1), BlurPool(kernel)]
        for index in group:
            layers += _activated(state, f"net.slice{depth}.{index}", padding=1)
        slices.append(nn.Sequential(*layers))
    return slices


PUBLISHED: dict[str, Callable[[State], list[nn.Module]]] = {
    "alex": alexnet_slices,
    "vgg": vgg_slices,
    "squeeze": squeezenet_slices,
}
SHIFT_TOLERANT: dict[str, Callable[[State], list[nn.Module]]] = {
    "alex": shift_tolerant_alexnet_slices,
    "vgg": shift_tolerant_vgg_slices,
}


class Fire(nn.Module):
    """SqueezeNet's block: a 1x1 convolution, then a 1x1 and a 3x3 one of its output side by side."""

    def __init__(self, state: State, name: str) -> None:
        super().__init__()
        self.squeeze = _convolution(state, f"{name}.squeeze")
        self.expand1x1 = _convolution(state, f"{name}.expand1x1")
        self.expand3x3 = _convolution(state, f"{name}.expand3x3", padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H, W)."""
        squeezed = F.relu(self.squeeze(x), inplace=True)
        return F.relu(torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], 1), inplace=True)


class BlurPool(nn.Module):
    """Blur by a fixed 3x3 kernel (C, 1, 3, 3), two pixels reflected at the border; keep every other pixel."""

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.register_buffer("kernel", kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, H / 2 + 1, W / 2 + 1), rounded down."""
        kernel = self.get_buffer("kernel")
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=len(kernel))


class RowConvolution(nn.Module):
    """A convolution at stride 1 by minimal filtering along the rows: equal but for rounding, and sooner."""

    def __init__(self, weight: Tensor, bias: Tensor, padding: int) -> None:
        super().__init__()
        self._filter = RowFilter(weight, padding=padding)
        self.register_buffer("bias", bias.view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H', W')."""
        return self._filter(x).add_(self.get_buffer("bias"))


def _activated(state: State, name: str, **options: int) -> list[nn.Module]:
    return [_convolution(state, name, **options), nn.ReLU(inplace=True)]


def _convolution(state: State, name: str, stride: int = 1, padding: int = 0) -> nn.Module:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    out, channels, size, _ = weight.shape
    if stride == 1 and size > 1 and min(out, 2 * channels) >= FILTERED_CHANNELS:
        return RowConvolution(weight, bias, padding)
    layer = nn.Conv2d(channels, out, size, stride, padding)
    layer.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), False)
    layer.bias = nn.Parameter(bias, False)
    return layer
