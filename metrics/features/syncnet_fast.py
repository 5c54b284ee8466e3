"""SyncNet as it is run: the published layers, rewritten once at load into less work for the same result.

- Batch normalisation is folded into the convolution before it; maps are kept channels last.
- Minimal filtering takes fewer products: over time in the first layer, which alone spans time and has half of
  all arithmetic, so that 4 windows share their frames; over rows in the layers where that is a gain.
- Pooling comes before bias and ReLU, which commute with it and then meet fewer values.

Not done: lower precision, which would move LSE by more than 1e-4.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_eval

from metrics.features.minimal_filtering import OUTPUTS, MinimalFilter, RowFilter

_TAPS = 5


class FastVideoStream:
    """`netcnnlip` and `netfclip` over a run of frames; one thread at a time."""

    def __init__(self, convolutions: nn.Sequential, head: nn.Sequential) -> None:
        """Transform the published layers (`syncnet.SyncNet`), in evaluation mode."""
        (first, bias), *others = _folded(convolutions)
        self.first = MinimalFilter(first, (1, 2, 2))
        (second, second_bias), *self.middle, self.last = [(_packed(w[:, :, 0]), b) for w, b in others]
        self.second = RowFilter(second, stride=2)
        self.biases = bias[:, None, None], second_bias[:, None, None]
        self.head = _folded_head(head)

    def __call__(self, frames: Tensor) -> Tensor:
        """Return (T - 4, 1024) for (T, 224, 224, 3) float32, T at least 5."""
        windows = len(frames) - _TAPS + 1
        parts = [
            self._windows(frames[start : start + OUTPUTS + _TAPS - 1]) for start in range(0, windows, OUTPUTS)
        ]
        maps = functional.relu_(functional.conv2d(torch.cat(parts), *self.last))
        embedded: Tensor = self.head(maps.flatten(1))
        return embedded

    def _windows(self, frames: Tensor) -> Tensor:
        """(t + 4, 224, 224, 3) -> (t, 256, 6, 6), t at most 4."""
        third, fourth, fifth = self.middle
        maps = self.first(frames[:, None], len(frames) - _TAPS + 1)[:, 0].permute(0, 3, 1, 2)
        maps = functional.relu_(functional.max_pool2d(maps, 3, 2) + self.biases[0])
        maps = functional.max_pool2d(self.second(maps), 3, 2, padding=1)
        maps = functional.relu_(maps + self.biases[1])
        maps = functional.relu_(functional.conv2d(maps, *third, padding=1))
        maps = functional.relu_(functional.conv2d(maps, *fourth, padding=1))
        maps = functional.conv2d(maps, *fifth, padding=1)
        return functional.relu_(functional.max_pool2d(maps, 3, 2))


class FastAudioStream:
    """`netcnnaud` and `netfcaud`; windows are padded one by one, so overlapping ones share nothing."""

    def __init__(self, convolutions: nn.Sequential, head: nn.Sequential) -> None:
        """Transform the published layers (`syncnet.SyncNet`), in evaluation mode."""
        *layers, last = _folded(convolutions)
        self.first, self.second = [(_packed(weight), bias) for weight, bias in layers[:2]]
        self.others = [(RowFilter(weight), bias[:, None, None]) for weight, bias in layers[2:]]
        self.last = _packed(last[0]), last[1]
        self.head = _folded_head(head)

    def __call__(self, windows: Tensor) -> Tensor:
        """Return (B, 1024) for (B, 1, 13, 20)."""
        (third, third_bias), (fourth, fourth_bias), (fifth, fifth_bias) = self.others
        maps = functional.relu_(functional.conv2d(_packed(windows), *self.first, padding=1))
        maps = functional.conv2d(maps, *self.second, padding=1)
        maps = functional.relu_(functional.max_pool2d(maps, 3, (1, 2)))
        maps = functional.relu_(third(maps).add_(third_bias))
        maps = functional.relu_(fourth(maps).add_(fourth_bias))
        maps = functional.relu_(functional.max_pool2d(fifth(maps), 3, 2) + fifth_bias)
        embedded: Tensor = self.head(functional.relu_(functional.conv2d(maps, *self.last)).flatten(1))
        return embedded


def _folded(layers: nn.Sequential) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each convolution with the normalisation after it."""
    return [_folded_pair(a, b) for a, b in pairwise(layers) if isinstance(a, nn.Conv2d | nn.Conv3d)]


def _folded_pair(convolution: nn.Module, norm: nn.Module) -> tuple[Tensor, Tensor]:
    assert isinstance(convolution, nn.Conv2d | nn.Conv3d) and isinstance(
        norm, nn.BatchNorm2d | nn.BatchNorm3d
    )
    assert norm.running_mean is not None and norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    return weight.detach(), bias.detach()


def _folded_head(head: nn.Sequential) -> nn.Sequential:
    linear, norm, relu, out = head
    assert isinstance(linear, nn.Linear) and isinstance(norm, nn.BatchNorm1d)
    return nn.Sequential(fuse_linear_bn_eval(linear, norm), relu, out)


def _packed(maps: Tensor) -> Tensor:
    return maps.contiguous(memory_format=torch.channels_last)
