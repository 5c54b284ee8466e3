"""Convolution blocks shared by the methods: conditioned and skip-joining 3x3 convolutions, a mel encoder.

No batch statistics in a generator's blocks: gradients averaged over workers must equal one worker's.
"""

from collections.abc import Sequence
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
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
        elif isinstance(layer, nn.ConvTranspose2d):
            # Torch's fan is another one. At stride 2 an output meets a quarter of the kernel; at stride 1
            # these layers grow a map from a single cell, and it meets one tap.
            taps = layer.weight[0, 0].numel() / 4 if layer.stride[0] == 2 else 1
            nn.init.normal_(layer.weight, 0, (2 / ((1 + SLOPE**2) * layer.in_channels * taps)) ** 0.5)
        else:
            continue
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


class SkipConv(nn.Module):
    """3x3 convolution of [x | skip] where one skip serves all frames of its clip.

    A convolution of joined maps is the sum of the two maps' own, so the skip's is computed once a clip:
    with skips as wide as x it costs half as much, and its weights and results are the joined one's.
    """

    def __init__(self, inputs: int, skips: int, outputs: int, padding_mode: str, bias: bool) -> None:
        super().__init__()
        self.inputs, self.padding_mode = inputs, padding_mode
        self.conv = nn.Conv2d(inputs + skips, outputs, 3, bias=bias)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return (B * T, outputs, H, W) from x (B * T, inputs, H, W) and skip (B, skips, H, W)."""
        weight = self.conv.weight
        own = nn.functional.conv2d(self._padded(x), weight[:, : self.inputs])
        shared = nn.functional.conv2d(self._padded(skip), weight[:, self.inputs :], self.conv.bias)
        joined = own.view(len(skip), -1, *own.shape[1:]) + shared[:, None]
        return joined.flatten(0, 1)

    def _padded(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x, (1, 1, 1, 1), mode=self.padding_mode)


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


def strided_convs(channels: Sequence[int], slope: float = SLOPE) -> nn.Sequential:
    """Return 3x3 convolutions of stride 2, LeakyReLU after each: the trunk of most discriminators."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(channels):
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.LeakyReLU(slope)]
    return nn.Sequential(*layers)


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
