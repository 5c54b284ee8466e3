"""metrics/features/minimal_filtering.py: fewer products, the same convolution."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from metrics.features.minimal_filtering import MinimalFilter, RowFilter, minimal_filtering


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("taps", [2, 3, 5])
def test_the_matrices_correlate_with_fewer_products(taps: int) -> None:
    outputs, transform, inputs = minimal_filtering(taps)
    signal, filtered = np.random.default_rng(1).standard_normal((2, taps + 3))
    taken = outputs @ ((transform @ filtered[:taps]) * (inputs @ signal))
    np.testing.assert_allclose(taken, np.correlate(signal, filtered[:taps], "valid"), rtol=1e-11)
    assert outputs.shape == (4, taps + 3)


@pytest.mark.parametrize("outputs", [1, 4, 7])
def test_along_time_it_is_a_convolution_of_three_axes(outputs: int) -> None:
    maps, weight = noise(1, 3, outputs + 4, 20, 22), noise(6, 3, 5, 7, 7)
    expected = functional.conv3d(maps.double(), weight.double(), stride=(1, 2, 2))[0]  # (O, T, H, W)
    ours = MinimalFilter(weight, (1, 2, 2))(maps[0].permute(1, 2, 3, 0)[:, None], outputs)[:, 0]
    assert ours.shape == (outputs, 7, 8, 6)
    np.testing.assert_allclose(ours.permute(3, 0, 1, 2), expected, atol=1e-5 * expected.abs().max())


@pytest.mark.parametrize(("size", "kernel", "stride"), [(13, 3, 1), (54, 5, 2), (11, 5, 2), (8, 3, 1)])
def test_along_rows_it_is_a_convolution_of_pictures(size: int, kernel: int, stride: int) -> None:
    filtered = RowFilter(weight := noise(5, 4, kernel, kernel), stride)
    for batch in (3, 1, 2):  # memory is reused for a smaller batch
        maps = noise(batch, 4, size, size + 2)
        expected = functional.conv2d(maps.double(), weight.double(), stride=stride, padding=1)
        np.testing.assert_allclose(filtered(maps), expected, atol=1e-5 * expected.abs().max())
