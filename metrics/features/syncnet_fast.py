"""SyncNet as it is run: the published layers, rewritten once at load into less work for the same result.

- Batch normalisation is folded into the convolution before it; maps are kept channels last.
- The first layer, which alone spans time and takes half of all arithmetic, uses minimal filtering over time
  (Winograd 1980; Toom-Cook points 0, +-1, +-2, +-1/2, infinity): 4 windows are made from 8 convolutions of
  3 channels, where 4 windows of 5 frames take 20. It is exact but for rounding, which it does not worsen.
- Pooling comes before bias and ReLU, which commute with it and then meet a quarter of the values.

Not done: lower precision, which would move LSE by more than 1e-4.
"""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_eval

TAPS = 5
WINDOWS_AT_ONCE = 4
FRAMES_AT_ONCE = WINDOWS_AT_ONCE + TAPS - 1
_FINITE_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)

Float64 = NDArray[np.float64]


def minimal_filtering() -> tuple[Float64, Float64, Float64]:
    """Return A (8, 4), G (8, 5), B (8, 8): A' ((G taps) * (B frames)) correlates 8 frames with 5 taps.

    The transposed Toom-Cook algorithm F(4, 5): G and A evaluate polynomials of 5 and 4 coefficients at 8
    points, B is the transposed interpolation.
    """
    interpolation = np.asarray(np.linalg.inv(_evaluation(FRAMES_AT_ONCE)), np.float64)
    return _evaluation(WINDOWS_AT_ONCE), _evaluation(TAPS), interpolation.T


def _evaluation(coefficients: int) -> Float64:
    """(8, coefficients): the powers of each finite point; infinity sees the highest power alone."""
    powers = np.vander(np.array(_FINITE_POINTS), coefficients, increasing=True)
    return np.vstack([powers, np.eye(coefficients)[-1]])


class FastVideoStream:
    """`netcnnlip` and `netfclip` over a run of frames. It reuses its memory: one thread at a time."""

    def __init__(self, convolutions: nn.Sequential, head: nn.Sequential) -> None:
        """Transform the published layers (`syncnet.SyncNet`), in evaluation mode."""
        output, taps, frames = minimal_filtering()
        first, *others = _folded(convolutions)
        weight, self.bias = first  # (96, 3, 5, 7, 7)
        points = np.einsum("pt,octhw->pochw", taps, weight.double().numpy())
        self.filters = [_channels_last(torch.from_numpy(point).float()) for point in points]
        self.to_points = torch.from_numpy(frames).float()
        self.from_points = torch.from_numpy(output.T.copy()).float()
        *self.middle, self.last = [(_channels_last(weight[:, :, 0]), bias) for weight, bias in others]
        self.head = _folded_head(head)
        self._maps = torch.empty(FRAMES_AT_ONCE, 109, 109, 96)
        self._windows = torch.empty(WINDOWS_AT_ONCE, 109 * 109 * 96)

    def __call__(self, frames: Tensor) -> Tensor:
        """Return (T - 4, 1024) for (T, 224, 224, 3) float32, T at least 5."""
        windows = len(frames) - TAPS + 1
        frames = functional.pad(frames, (0, 0, 0, 0, 0, 0, 0, -windows % WINDOWS_AT_ONCE))
        parts = [
            self._four_windows(frames[start : start + FRAMES_AT_ONCE])
            for start in range(0, windows, WINDOWS_AT_ONCE)
        ]
        maps = functional.relu_(functional.conv2d(torch.cat(parts)[:windows], *self.last))
        embedded: Tensor = self.head(maps.flatten(1))
        return embedded

    def _four_windows(self, frames: Tensor) -> Tensor:
        """(8, 224, 224, 3) -> (4, 256, 6, 6)."""
        maps = functional.max_pool2d(self._first_layer(frames), 3, 2) + self.bias[:, None, None]
        second, third, fourth, fifth = self.middle
        maps = functional.conv2d(functional.relu_(maps), *second, stride=2, padding=1)
        maps = functional.relu_(functional.max_pool2d(maps, 3, 2, padding=1))
        maps = functional.relu_(functional.conv2d(maps, *third, padding=1))
        maps = functional.relu_(functional.conv2d(maps, *fourth, padding=1))
        maps = functional.conv2d(maps, *fifth, padding=1)
        return functional.relu_(functional.max_pool2d(maps, 3, 2))

    def _first_layer(self, frames: Tensor) -> Tensor:
        """(8, 224, 224, 3) -> (4, 96, 109, 109), without bias."""
        points = (self.to_points @ frames.reshape(FRAMES_AT_ONCE, -1)).view_as(frames).permute(0, 3, 1, 2)
        for index, weight in enumerate(self.filters):
            self._maps[index] = functional.conv2d(points[index, None], weight, stride=2)[0].permute(1, 2, 0)
        torch.mm(self.from_points, self._maps.view(FRAMES_AT_ONCE, -1), out=self._windows)
        return self._windows.view(WINDOWS_AT_ONCE, 109, 109, 96).permute(0, 3, 1, 2)


class FastAudioStream:
    """`netcnnaud` and `netfcaud`; windows are padded one by one, so overlapping ones share nothing."""

    def __init__(self, convolutions: nn.Sequential, head: nn.Sequential) -> None:
        """Transform the published layers (`syncnet.SyncNet`), in evaluation mode."""
        self.layers = [(_channels_last(weight), bias) for weight, bias in _folded(convolutions)]
        self.head = _folded_head(head)

    def __call__(self, windows: Tensor) -> Tensor:
        """Return (B, 1024) for (B, 1, 13, 20)."""
        first, second, third, fourth, fifth, last = self.layers
        maps = functional.relu_(functional.conv2d(_channels_last(windows), *first, padding=1))
        maps = functional.conv2d(maps, *second, padding=1)
        maps = functional.relu_(functional.max_pool2d(maps, 3, (1, 2)))
        maps = functional.relu_(functional.conv2d(maps, *third, padding=1))
        maps = functional.relu_(functional.conv2d(maps, *fourth, padding=1))
        maps = functional.conv2d(maps, *fifth, padding=1)
        maps = functional.relu_(functional.max_pool2d(maps, 3, 2))
        embedded: Tensor = self.head(functional.relu_(functional.conv2d(maps, *last)).flatten(1))
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


def _channels_last(maps: Tensor) -> Tensor:
    return maps.contiguous(memory_format=torch.channels_last)
