"""The trained generator made ready to answer quickly on a CPU: `Generator.forward`'s frames to 1e-4 of 1.

Maps lie channels last; the linear layers of all stages are joined into two; what one clip's frames share is
made once. A picture's sums are made in the same order whatever stands beside it in the batch, so a frame
that is made alone (`live`) equals the same frame made among fifty, bit for bit on one thread of a CPU.
Nothing here learns.
"""

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.backends import mkldnn

from methods.cvae.network import DARKEST, FARTHEST, Generator, Stage
from methods.nets.blocks import SLOPE, ConditionedConv, ResidualConv, upsample

_ROWS = torch.channels_last
_INNERMOST = 9  # pixels of a map


class _Join(NamedTuple):
    """The condition's layers of all stages as one: squeeze (J, condition), bias (J,), join (outputs, J)."""

    squeeze: Tensor
    bias: Tensor
    join: Tensor
    outputs: list[int]


class Painter:
    """Paints frames with a generator whose weights do not change any more."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator.eval().to(memory_format=_ROWS)  # type: ignore[call-overload]
        self.stages = [cast(Stage, s) for s in (*generator.down, generator.decode, *generator.up)]
        self.joined = _joined([stage.conv for stage in self.stages])
        self._grids: dict[int, Tensor] = {}

    @property
    def device(self) -> torch.device:
        """Where it paints."""
        return self.joined.squeeze.device

    @torch.inference_mode()
    def emotion(self, label: Tensor) -> Tensor:
        """Return the code (1, C) of a clip's label (1, E), one-hot."""
        return cast(Tensor, self.generator.emotion(label))

    def __call__(self, pictures: Tensor, mel: Tensor, emotion: Tensor) -> Tensor:
        """Return (N, 3, S, S) in [0, 1] of the latent's mean.

        pictures: (N, 6, S, S) in [0, 1], masked frame then reference. mel: (N, 1, 80, 16). emotion: (1, C),
        the clip's code.
        """
        added = self._added(mel, emotion)
        x = pictures.contiguous(memory_format=_ROWS)
        skips = []
        for stage, code in zip(self.stages[:6], added[:6], strict=True):
            x = _staged(stage, x, code)
            skips.append(x)
        x = _staged(self.stages[6], _conv(self.generator.mean, x), added[6])
        for stage, code, skip in zip(self.stages[7:], added[7:], skips[-2::-1], strict=True):
            x = _staged(stage, torch.cat([upsample(x), skip], 1), code)
        flow = torch.tanh_(_conv(self.generator.bend, x)).mul_(FARTHEST)
        grid = flow.permute(0, 2, 3, 1).add(self._grid(x.shape[2]))
        bent = nn.functional.grid_sample(
            pictures[:, 3:], grid, padding_mode="border", align_corners=False
        ).logit_(DARKEST)
        return _conv(self.generator.paint, x).add_(bent).sigmoid_()

    def _added(self, mel: Tensor, emotion: Tensor) -> tuple[Tensor, ...]:
        """Return what the condition adds to each stage, (N, outputs, 1, 1)."""
        heard = mel / 4
        for layer in self.generator.audio.layers:
            heard = _conv(layer, heard) if isinstance(layer, nn.Conv2d) else layer(heard)
        squeeze, bias, join, outputs = self.joined
        codes = []
        # One by one: a product of one row rounds otherwise than one of several.
        for row in heard.flatten(1).chunk(len(mel)):
            condition = nn.functional.leaky_relu(torch.cat([row, emotion], 1), SLOPE)
            squeezed = nn.functional.leaky_relu(nn.functional.linear(condition, squeeze, bias), SLOPE)
            codes.append(nn.functional.linear(squeezed, join))
        return torch.split(torch.cat(codes)[:, :, None, None], outputs, 1)

    def _grid(self, side: int) -> Tensor:
        """Return (1, S, S, 2): where each pixel lies, x then y, in halves of the side."""
        if side not in self._grids:
            across = (2 * torch.arange(side, device=self.device) + 1) / side - 1
            x, y = across.expand(side, side), across[:, None].expand(side, side)
            self._grids[side] = torch.stack([x, y], 2)[None]
        return self._grids[side]


def _joined(convs: list[ConditionedConv]) -> _Join:
    squeeze = torch.cat([conv.squeeze.weight.detach() for conv in convs])
    bias = torch.cat([conv.squeeze.bias.detach() for conv in convs])
    joins = [conv.join.weight.detach() for conv in convs]
    return _Join(squeeze, bias, cast(Any, torch).block_diag(*joins), [len(join) for join in joins])


def _staged(stage: Stage, x: Tensor, code: Tensor) -> Tensor:
    """Return `stage(x, condition)`, given what the condition adds."""
    x = stage.conv.norm(_conv(stage.conv.conv, x))
    x = nn.functional.leaky_relu_(x.add_(code), SLOPE)
    for layer in stage.refine:
        x = nn.functional.leaky_relu_(_conv(cast(ResidualConv, layer).conv, x).add_(x), SLOPE)
    return x


def _conv(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Return `layer(x)`, each picture of it as if it were alone.

    Left to itself, torch gives one picture to another algorithm than several. oneDNN's sums do not depend on
    the batch; for the innermost maps it takes three times as long as a matrix product, so they go to that one
    by one.
    """
    if x.device.type != "cpu" or not cast(Any, mkldnn).is_available():
        return cast(Tensor, layer(x))
    if x.shape[2:].numel() <= _INNERMOST:
        return torch.cat([layer(row) for row in x.chunk(len(x))])
    padding, stride = cast(tuple[int, int], layer.padding), layer.stride
    return torch.mkldnn_convolution(
        x, layer.weight, layer.bias, padding, stride, layer.dilation, layer.groups
    )
