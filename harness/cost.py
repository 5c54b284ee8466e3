"""What a trained method costs to run: its parameters, and the operations that a generated frame takes.

Operations are those of convolutions, matrix products and attention, a multiplication and an addition counted
as two; everything else is left out, as is usual (torch.utils.flop_counter). Not done here: speed (`fps`).
"""

from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from harness.contracts import Method
from harness.types import SAMPLES_PER_FRAME, Request

_FRAMES = 25
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True, slots=True)
class Cost:
    """parameters: trained numbers in the model's safetensors. flops: operations a frame, over one second."""

    parameters: int
    flops: float


def measured(method: Method, model: Path, asked: Request) -> Cost:
    """Return what `method`, loaded from `model`, costs on the first second of a request."""
    from torch.backends import mkldnn
    from torch.utils.flop_counter import FlopCounterMode

    short = _first(asked, min(_FRAMES, asked.frames))
    # oneDNN's fused recurrent cells are one opaque operation; without it they are matrix products.
    with mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        method.generate([short])
    return Cost(_parameters(model), counter.get_total_flops() / short.frames)


def _first(asked: Request, frames: int) -> Request:
    """Return the same request for its first frames alone."""
    audio = None if asked.audio is None else asked.audio[: frames * SAMPLES_PER_FRAME]
    return replace(
        asked,
        frames=frames,
        audio=audio,
        context=asked.context[:frames],
        mask=asked.mask[:frames],
        eyes=asked.eyes[:frames],
    )


def _parameters(model: Path) -> int:
    from safetensors import safe_open

    found = 0
    for file in sorted(model.rglob("*.safetensors")):
        with safe_open(file, "pt") as stored:
            names = [n for n in stored.keys() if not n.endswith(_STATISTICS)]  # noqa: SIM118 not a mapping
            shapes = [stored.get_slice(n).get_shape() for n in names]
        found += sum(prod(shape) for shape in shapes)
    return found
