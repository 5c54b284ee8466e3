"""Convolution blocks shared by the methods: a conditioned 3x3 convolution and a mel encoder.

No batch statistics in a generator's blocks: gradients averaged over workers must equal one worker's.
"""

from itertools import pairwise
from typing import cast

from torch import Tensor, nn

SLOPE = 0.2


def activate(x: Tensor) -> Tensor:
    """Return LeakyReLU of slope 0.2, the emotion MLP's own (Eskimez et al. 2022), used everywhere here."""
    return nn.functional.leaky_relu(x, SLOPE)


def initialise(module: nn.Module) -> None:
    """He initialisation for LeakyReLU of every convolution and linear layer inside, in place."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class ConditionedConv(nn.Module):
    """3x3 convolution of x, GroupNorm, the condition tiled over space added, LeakyReLU.

    A tiled map is constant in space, so its convolution is one number a channel: it is added as a bias,
    after the norm, which would take some of it away again, and costs nothing per pixel.

    x: (N, inputs, H, W); condition: (N, condition), squeezed to `joined` channels by its own layer.
    """

    def __init__(self, inputs: int, outputs: int, condition: int, joined: int, stride: int = 1) -> None:
        super().__init__()
        self.squeeze = nn.Linear(condition, joined)
        self.join = nn.Linear(joined, outputs, bias=False)
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.GroupNorm(4, outputs)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Return (N, outputs, H / stride, W / stride)."""
        joined = self.join(activate(self.squeeze(condition)))
        return activate(self.norm(self.conv(x)) + joined[:, :, None, None])


class ResidualConv(nn.Module):
    """x + 3x3 convolution of x, then LeakyReLU: (N, channels, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, channels, H, W)."""
        return activate(x + self.conv(x))


class MelEncoder(nn.Module):
    """(N, 1, 80, 16) mel windows in [-4, 4] to (N, 16 * width): Wav2Lip's 32-64-128-256-512 at width 32.

    normalise: batch normalisation after each convolution, for a sync expert (Wav2Lip has it everywhere).
    """

    def __init__(self, width: int, normalise: bool = False) -> None:
        super().__init__()
        channels = (1, width, 2 * width, 4 * width, 8 * width)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), *_norm(outputs, normalise), nn.LeakyReLU(SLOPE)]
        last = nn.Conv2d(8 * width, 16 * width, (5, 1))  # 80x16 has become 5x1
        self.layers = nn.Sequential(*layers, last, *_norm(16 * width, normalise))

    def forward(self, mel: Tensor) -> Tensor:
        """Return one vector a window, before any activation."""
        return cast(Tensor, self.layers(mel / 4)).flatten(1)


def upsample(x: Tensor) -> Tensor:
    """Double height and width, nearest."""
    return nn.functional.interpolate(x, scale_factor=2)


def frozen(module: nn.Module) -> nn.Module:
    """Put `module` in evaluation mode, without gradients for its parameters, and return it.

    Recurrent layers stay in training mode, which is the same without dropout: cuDNN passes gradients
    through them in no other.
    """
    module.eval()
    for layer in module.modules():
        if isinstance(layer, nn.RNNBase):
            layer.train()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module


def _norm(channels: int, wanted: bool) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels)] if wanted else []
