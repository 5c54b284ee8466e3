"""Convolution with fewer multiplications, exact but for rounding: minimal filtering along one axis.

After Winograd (Arithmetic Complexity of Computations, 1980), with Toom-Cook's points 0, +-1, +-2, +-1/2 and
infinity: 4 outputs of a filter of r taps need 4 + r - 1 products where the definition takes 4 r. Each product
is here a whole convolution over the other two axes. A stride along the axis splits input and filter into
phases, which are filtered apart. More than 4 outputs at once would gain little and round worse.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

OUTPUTS = 4
_FINITE_POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)

Float64 = NDArray[np.float64]


def minimal_filtering(taps: int) -> tuple[Float64, Float64, Float64]:
    """Return A (4, p), G (p, taps) and B (p, p), p = taps + 3: A ((G filter) * (B input)) is 4 correlations.

    G and A' evaluate polynomials of `taps` and 4 coefficients at p points; B is the transposed interpolation.
    """
    points = OUTPUTS + taps - 1
    interpolation = np.asarray(np.linalg.inv(_evaluation(points, points)), np.float64)
    return _evaluation(points, OUTPUTS).T, _evaluation(points, taps), interpolation.T


def _evaluation(points: int, coefficients: int) -> Float64:
    """(points, coefficients): the powers of each finite point; infinity sees the highest power alone."""
    powers = np.vander(np.array(_FINITE_POINTS[: points - 1]), coefficients, increasing=True)
    return np.vstack([powers, np.eye(coefficients)[-1]])


class MinimalFilter:
    """A convolution over three axes, minimal along the first. It reuses its memory: one thread at a time."""

    def __init__(self, weight: Tensor, stride: tuple[int, int, int]) -> None:
        """Transform weight (O, C, taps, h, w); stride along the three axes."""
        self.taps, self.stride = weight.shape[2], stride
        self.to_points, self.filters, from_points = [], [], []
        for phase in range(stride[0]):
            filters = weight[:, :, phase :: stride[0]].double().numpy()
            outputs, transform, inputs = minimal_filtering(filters.shape[2])
            planes = torch.from_numpy(np.einsum("pt,octhw->pochw", transform, filters)).float()
            self.filters.append([plane.contiguous(memory_format=torch.channels_last) for plane in planes])
            self.to_points.append(torch.from_numpy(inputs).float())
            from_points.append(outputs)
        self.from_points = torch.from_numpy(np.concatenate(from_points, axis=1)).float()
        self._memory = torch.empty(0)

    def __call__(self, maps: Tensor, outputs: int) -> Tensor:
        """Return (outputs, N, H', W', O) of (L, N, H, W, C); zeros follow the end of L."""
        groups = -(-outputs // OUTPUTS)
        missing = (groups * OUTPUTS - 1) * self.stride[0] + self.taps - len(maps)
        if missing > 0:
            maps = functional.pad(maps, (0,) * 9 + (missing,))
        for index, product in enumerate(self._products(maps, groups)):
            shape, products = product.shape, self._room(product.numel())
            products[index] = product.flatten()
        filtered = (self.from_points @ products).view(OUTPUTS, groups, -1, *shape[1:])
        return filtered.transpose(0, 1).flatten(0, 1)[:outputs]

    def _products(self, maps: Tensor, groups: int) -> Iterator[Tensor]:
        """Yield the (groups * N, H', W', O) of every point of every phase."""
        reach = OUTPUTS * (groups - 1) + 1
        for phase, (to_points, filters) in enumerate(zip(self.to_points, self.filters, strict=True)):
            inputs = maps[phase :: self.stride[0]]
            inputs = torch.stack([inputs[i : i + reach : OUTPUTS] for i in range(len(filters))])
            points = (to_points @ inputs.flatten(1)).view(len(filters), -1, *maps.shape[2:])
            for point, weight in zip(points.permute(0, 1, 4, 2, 3), filters, strict=True):
                yield functional.conv2d(point, weight, stride=self.stride[1:]).permute(0, 2, 3, 1)

    def _room(self, size: int) -> Tensor:
        """(points, size) of memory: a fresh block as large as this costs as much as a convolution."""
        points = self.from_points.shape[1]
        if self._memory.numel() < points * size:
            self._memory = torch.empty(points * size)
        return self._memory[: points * size].view(points, size)


class RowFilter:
    """An ordinary convolution of pictures, with its bias apart: a `MinimalFilter` along the rows."""

    def __init__(self, weight: Tensor, stride: int = 1, padding: int = 1) -> None:
        """Transform weight (O, C, h, w); stride and padding are those of both axes."""
        self.filter = MinimalFilter(weight[:, :, :, None], (stride, 1, stride))
        self.padding = padding

    def __call__(self, maps: Tensor) -> Tensor:
        """Return (B, O, H', W') of (B, C, H, W), both channels last."""
        height = maps.shape[2] + 2 * self.padding
        pad = self.padding
        rows = functional.pad(maps.permute(2, 0, 3, 1), (0, 0, pad, pad, 0, 0, pad, pad))[:, :, None]
        outputs = (height - self.filter.taps) // self.filter.stride[0] + 1
        filtered = self.filter(rows, outputs)[:, :, 0].permute(1, 3, 0, 2)
        return filtered.contiguous(memory_format=torch.channels_last)
