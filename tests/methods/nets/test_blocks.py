import pytest
import torch
from torch import nn

from methods.nets.blocks import SkipConv, initialise


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_skip_convolution_equals_the_joined_one(mode: str) -> None:
    torch.manual_seed(0)
    layer = SkipConv(3, 2, 4, mode, bias=True)
    x, skip = torch.randn(6, 3, 8, 8), torch.randn(2, 2, 8, 8)
    joined = torch.cat([x, skip.repeat_interleave(3, 0)], 1)
    wanted = layer.conv(nn.functional.pad(joined, (1, 1, 1, 1), mode=mode))
    torch.testing.assert_close(layer(x, skip), wanted)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(64, 64, 3), (4, 64, 12, 12)),
        (nn.Conv1d(64, 64, 9), (4, 64, 40)),
        (nn.Conv3d(32, 64, 3), (2, 32, 5, 8, 8)),
        (nn.ConvTranspose2d(64, 64, 4, 2, 1), (4, 64, 8, 8)),
        (nn.ConvTranspose2d(256, 64, 4), (16, 256, 1, 1)),
        (nn.Linear(256, 64), (64, 256)),
    ],
)
def test_initialised_layers_keep_the_scale(layer: nn.Module, shape: tuple[int, ...]) -> None:
    """After LeakyReLU the mean square of what goes out is that of what came in."""
    torch.manual_seed(0)
    initialise(layer)
    out = nn.functional.leaky_relu(layer(torch.randn(shape)), 0.2)
    if isinstance(layer, nn.ConvTranspose2d) and shape[-1] > 1:
        out = out[:, :, 2:-2, 2:-2]
    assert out.square().mean().item() == pytest.approx(1, rel=0.15)
