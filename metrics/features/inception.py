"""The Inception-v3 of 2015-12-05 that defines FID: 2048 "pool3" features a frame, as pytorch-fid has them.

It differs from torchvision's Inception-v3 in its 1008 classes, in average pools that leave the padding out,
in a max pool in the last block, and in its weights (ported from TensorFlow by M. Seitzer). Frames are
resized to 299x299 bilinearly without antialiasing and scaled to [-1, 1].
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import fuse_conv_bn_eval

from harness.types import BadInput
from harness.weights import Weights

DIMENSIONS = 2048
INPUT_SIDE = 299
WIDE, TALL = (1, 7), (7, 1)


class ConvNorm(nn.Module):
    """Convolution, batch norm (epsilon 1e-3), ReLU; padding is "same" or "valid"."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: str = "same",
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, padding, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(out, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H', W')."""
        return F.relu(self.bn(self.conv(x)), inplace=True)

    def fold(self) -> None:
        """Fold the batch norm's running statistics into the convolution: the same numbers, sooner."""
        if isinstance(self.bn, nn.BatchNorm2d):
            self.conv, self.bn = fuse_conv_bn_eval(self.conv, self.bn), nn.Identity()
            weight = self.conv.weight.detach().contiguous(memory_format=torch.channels_last)
            self.conv.weight = nn.Parameter(weight, False)


class AveragedNorm(ConvNorm):
    """A 1x1 `ConvNorm` of the 3x3 averages of its input, the padding left out of them."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H, W)."""
        # A 1x1 convolution of averages is the average of 1x1 convolutions, which have fewer channels.
        averaged = F.avg_pool2d(self.conv(x), 3, stride=1, padding=1, count_include_pad=False)
        return F.relu(self.bn(averaged), inplace=True)


class BlockA(nn.Module):
    """The 35x35 blocks."""

    def __init__(self, channels: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = ConvNorm(channels, 64, 1)
        self.branch5x5_1 = ConvNorm(channels, 48, 1)
        self.branch5x5_2 = ConvNorm(48, 64, 5)
        self.branch3x3dbl_1 = ConvNorm(channels, 64, 1)
        self.branch3x3dbl_2 = ConvNorm(64, 96, 3)
        self.branch3x3dbl_3 = ConvNorm(96, 96, 3)
        self.branch_pool = AveragedNorm(channels, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 224 + pooled, H, W)."""
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, three, self.branch_pool(x)], 1)


class BlockB(nn.Module):
    """From 35x35 to 17x17."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch3x3 = ConvNorm(channels, 384, 3, 2, "valid")
        self.branch3x3dbl_1 = ConvNorm(channels, 64, 1)
        self.branch3x3dbl_2 = ConvNorm(64, 96, 3)
        self.branch3x3dbl_3 = ConvNorm(96, 96, 3, 2, "valid")

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C + 480, H / 2, W / 2)."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, 2)], 1)


class BlockC(nn.Module):
    """The 17x17 blocks, with convolutions of 1x7 and 7x1."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.branch1x1 = ConvNorm(768, 192, 1)
        self.branch7x7_1 = ConvNorm(768, inner, 1)
        self.branch7x7_2 = ConvNorm(inner, inner, WIDE)
        self.branch7x7_3 = ConvNorm(inner, 192, TALL)
        self.branch7x7dbl_1 = ConvNorm(768, inner, 1)
        self.branch7x7dbl_2 = ConvNorm(inner, inner, TALL)
        self.branch7x7dbl_3 = ConvNorm(inner, inner, WIDE)
        self.branch7x7dbl_4 = ConvNorm(inner, inner, TALL)
        self.branch7x7dbl_5 = ConvNorm(inner, 192, WIDE)
        self.branch_pool = AveragedNorm(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 768, H, W) to (B, 768, H, W)."""
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(x)], 1)


class BlockD(nn.Module):
    """From 17x17 to 8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = ConvNorm(768, 192, 1)
        self.branch3x3_2 = ConvNorm(192, 320, 3, 2, "valid")
        self.branch7x7x3_1 = ConvNorm(768, 192, 1)
        self.branch7x7x3_2 = ConvNorm(192, 192, WIDE)
        self.branch7x7x3_3 = ConvNorm(192, 192, TALL)
        self.branch7x7x3_4 = ConvNorm(192, 192, 3, 2, "valid")

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 768, H, W) to (B, 1280, H / 2, W / 2)."""
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat([three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, 2)], 1)


class BlockE(nn.Module):
    """The 8x8 blocks; the last one pools by maximum, as the TensorFlow network does."""

    def __init__(self, channels: int, last: bool) -> None:
        super().__init__()
        self.branch1x1 = ConvNorm(channels, 320, 1)
        self.branch3x3_1 = ConvNorm(channels, 384, 1)
        self.branch3x3_2a = ConvNorm(384, 384, (1, 3))
        self.branch3x3_2b = ConvNorm(384, 384, (3, 1))
        self.branch3x3dbl_1 = ConvNorm(channels, 448, 1)
        self.branch3x3dbl_2 = ConvNorm(448, 384, 3)
        self.branch3x3dbl_3a = ConvNorm(384, 384, (1, 3))
        self.branch3x3dbl_3b = ConvNorm(384, 384, (3, 1))
        self.branch_pool = ConvNorm(channels, 192, 1) if last else AveragedNorm(channels, 192, 1)
        self._last = last

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 2048, H, W)."""
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = F.max_pool2d(x, 3, stride=1, padding=1) if self._last else x
        branches = [
            self.branch1x1(x),
            self.branch3x3_2a(three),
            self.branch3x3_2b(three),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(pooled),
        ]
        return torch.cat(branches, 1)


class FIDInception(nn.Sequential):
    """Frames to pool3 features; the layers bear the names of the published file."""

    def __init__(self) -> None:
        super().__init__()
        layers = {
            "Conv2d_1a_3x3": ConvNorm(3, 32, 3, 2, "valid"),
            "Conv2d_2a_3x3": ConvNorm(32, 32, 3, padding="valid"),
            "Conv2d_2b_3x3": ConvNorm(32, 64, 3),
            "pool1": nn.MaxPool2d(3, 2),
            "Conv2d_3b_1x1": ConvNorm(64, 80, 1),
            "Conv2d_4a_3x3": ConvNorm(80, 192, 3, padding="valid"),
            "pool2": nn.MaxPool2d(3, 2),
            "Mixed_5b": BlockA(192, 32),
            "Mixed_5c": BlockA(256, 64),
            "Mixed_5d": BlockA(288, 64),
            "Mixed_6a": BlockB(288),
            "Mixed_6b": BlockC(128),
            "Mixed_6c": BlockC(160),
            "Mixed_6d": BlockC(160),
            "Mixed_6e": BlockC(192),
            "Mixed_7a": BlockD(),
            "Mixed_7b": BlockE(1280, last=False),
            "Mixed_7c": BlockE(2048, last=True),
        }
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W) RGB in [0, 255] to (B, 2048)."""
        side = (INPUT_SIDE, INPUT_SIDE)
        frames = frames.contiguous(memory_format=torch.channels_last)
        x = F.interpolate(frames / 255, side, mode="bilinear", align_corners=False)
        x = 2 * x - 1
        for layer in self:
            x = layer(x)
        return x.mean((2, 3))


def load(weights: Weights) -> FIDInception:
    """Return the network with its published weights, batch norms folded, ready to infer."""
    net = FIDInception()
    stored = weights.state_dict("inception-2015-12-05")
    try:
        net.load_state_dict({name: tensor for name, tensor in stored.items() if not name.startswith("fc.")})
    except RuntimeError as error:
        path = weights.path("inception-2015-12-05")
        raise BadInput(f"{path}: not in the layout of pytorch-fid's Inception: {error}") from error
    net.eval()
    for layer in net.modules():
        if isinstance(layer, ConvNorm):
            layer.fold()
    return net
