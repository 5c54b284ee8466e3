"""The trained generator made ready to answer quickly on a CPU: `Generator.forward`'s frames to 1e-4 of 1.

Maps lie channels last; the linear layers of all stages are joined into two; convolutions are `Packed`; what
one clip's frames share is made once. A picture's sums are made in the same order whatever stands beside it in
the batch, so a frame that is made alone (`live`) equals the same frame made among others, bit for bit on one
thread of a CPU. Nothing here learns.

Why neither ONNX nor torch.compile: on one core (AVX2, 64 px) ONNX Runtime 1.31 takes 1.1 times as long for a
frame of a whole recording and 0.7 (tiny) to 0.85 times (paper) for a streamed one, whose first comes 2 ms
sooner after 172.5 ms of listening; torch.compile takes 1.2 and 0.9 times (tiny) and needs a C++ compiler. All
give these frames to rounding.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from methods.cvae.network import DARKEST, FARTHEST, Generator, Stage
from methods.nets.blocks import SLOPE, ConditionedConv, ResidualConv, upsample
from methods.nets.packed import Packed

_ROWS = torch.channels_last


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
        stages = [cast(Stage, s) for s in (*generator.down, generator.decode, *generator.up)]
        self.joined = _joined([stage.conv for stage in stages])
        self.audio = [_ready(layer) for layer in generator.audio.layers]
        self.stages = [_Stage(stage) for stage in stages]
        self.mean = Packed(generator.mean)
        self.paint, self.bend = Packed(generator.paint), Packed(generator.bend)
        self._grids: dict[int, Tensor] = {}

    @property
    def device(self) -> torch.device:
        """Where it paints."""
        return self.joined.squeeze.device

    @torch.inference_mode()
    def emotion(self, label: Tensor) -> Tensor:
        """Return the code (1, C) of a clip's label (1, E), one-hot."""
        return cast(Tensor, self.generator.emotion(label))

    @torch.inference_mode()
    def warm(self, side: int, emotions: int) -> None:
        """Paint one blank frame, so that no clip's first one waits for what is made once."""
        device = self.device
        code = self.emotion(torch.zeros(1, emotions, device=device))
        pictures = torch.zeros(1, 6, side, side, device=device)
        self(pictures, torch.zeros(1, 1, 80, 16, device=device), code)

    def __call__(self, pictures: Tensor, mel: Tensor, emotion: Tensor) -> Tensor:
        """Return (N, 3, S, S) in [0, 1] of the latent's mean.

        pictures: (N, 6, S, S) in [0, 1], masked frame then reference. mel: (N, 1, 80, 16). emotion: (1, C),
        the clip's code.
        """
        added = self._added(mel, emotion)
        x = pictures.contiguous(memory_format=_ROWS)
        skips = []
        for stage, code in zip(self.stages[:6], added[:6], strict=True):
            x = stage(x, code)
            skips.append(x)
        x = self.stages[6](self.mean(x), added[6])
        for stage, code, skip in zip(self.stages[7:], added[7:], skips[-2::-1], strict=True):
            x = stage(torch.cat([upsample(x), skip], 1), code)
        flow = torch.tanh_(self.bend(x)).mul_(FARTHEST)
        grid = flow.permute(0, 2, 3, 1).add(self._grid(x.shape[2]))
        bent = nn.functional.grid_sample(
            pictures[:, 3:], grid, padding_mode="border", align_corners=False
        ).logit_(DARKEST)
        return self.paint(x).add_(bent).sigmoid_()

    def _added(self, mel: Tensor, emotion: Tensor) -> tuple[Tensor, ...]:
        """Return what the condition adds to each stage, (N, outputs, 1, 1)."""
        heard = mel / 4
        for layer in self.audio:
            heard = layer(heard)
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


class _Stage:
    """A `Stage` that is given what the condition adds to it, (N, outputs, 1, 1)."""

    def __init__(self, stage: Stage) -> None:
        self.conv, self.norm = Packed(stage.conv.conv), stage.conv.norm
        self.refine = [Packed(cast(ResidualConv, layer).conv) for layer in stage.refine]

    def __call__(self, x: Tensor, code: Tensor) -> Tensor:
        """Return `stage(x, condition)`."""
        x = nn.functional.leaky_relu_(self.norm(self.conv(x)).add_(code), SLOPE)
        for conv in self.refine:
            x = nn.functional.leaky_relu_(conv(x).add_(x), SLOPE)
        return x


def _ready(layer: nn.Module) -> Callable[[Tensor], Tensor]:
    return Packed(layer) if isinstance(layer, nn.Conv2d) else layer
