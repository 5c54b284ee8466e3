"""A start for a Wav2Lip that trains for minutes: it copies its reference, and its sound is heard.

Wav2Lip's own start is random, and in training it normalises by the batch at hand. After 550 steps of 16
pictures it still copied worse than the reference fits as it is: the batches' changing tints weighed more than
the mouth, and the sound, which enters at the innermost of seven joins with the picture's maps, had been
turned down to nothing at them. The layers stay; what they start with is another, and statistics are kept.
"""

from typing import cast

import torch
from torch import Tensor, nn

from methods.nets.wav2lip import Conv, Up, Wav2Lip

LEAST_WIDTH = 6  # two pictures' colours pass side by side

# The logit of a colour c by three lines, c, relu(_EDGE - c) and relu(c - (1 - _EDGE)): least squares over
# colours of .02-.98, in which the sigmoid of their sum is at most .023 from c.
_SLOPE, _BEND, _EDGE = 4.32, 5.83, 0.2
_QUIETER = 3.0  # by how much the picture's maps are turned down at each join
_PAINTED = 0.1  # share of its own start that the last layer leaves to what is not copied


@torch.no_grad()
def start_as_copy(generator: Wav2Lip, pictures: Tensor, mel: Tensor) -> None:
    """Let first frames be nearly the reference, and fix all batch statistics to these inputs', in place.

    pictures: (N, 6, S, S) in [0, 1]; mel: (N, 1, 80, 16). The generator is left in evaluation mode, as
    further training needs it. Raises ValueError below LEAST_WIDTH.
    """
    first, block = cast(Conv, generator.face[0]), cast(Conv, generator.output[0])
    width = first.conv.out_channels
    if width < LEAST_WIDTH:
        raise ValueError(f"width: {width}; a copy passes through {LEAST_WIDTH} channels")
    reference = block.conv.in_channels - width + 3
    _pick(first, [(n, 1) for n in range(6)])
    _pick(block, [(reference + n % 3, (1, -1, 1)[n // 3]) for n in range(9)])
    _turn_down_skips(generator)
    settle(generator, pictures, mel)
    _unnormalise(first, torch.zeros(6))
    _unnormalise(block, torch.tensor([0.0, _EDGE, _EDGE - 1]).repeat_interleave(3))
    _read(cast(nn.Conv2d, generator.output[1]))


def settle(generator: nn.Module, *inputs: Tensor) -> None:
    """Take the batch statistics of these inputs for good: evaluation mode, in place."""
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    generator.train()(*inputs)
    generator.eval()
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum


def _pick(layer: Conv, wanted: list[tuple[int, int]]) -> None:
    """Let the first outputs each be one (input, sign) at the same place."""
    middle = layer.conv.kernel_size[0] // 2
    assert layer.conv.bias is not None
    for output, (entry, sign) in enumerate(wanted):
        layer.conv.weight[output] = 0
        layer.conv.weight[output, entry, middle, middle] = sign
        layer.conv.bias[output] = 0


def _turn_down_skips(generator: Wav2Lip) -> None:
    below = 0  # outputs of the rung below: the rest of a rung's inputs is the picture's
    for rung in generator.paint:
        entry = cast(Conv | Up, cast(nn.Sequential, rung)[0]).conv
        if below:
            entry.weight[below:] /= _QUIETER
        below = entry.out_channels


def _unnormalise(layer: Conv, offsets: Tensor) -> None:
    """Let the first outputs leave the settled normalisation as they came, plus an offset each."""
    norm, count = layer.norm, len(offsets)
    assert norm.running_mean is not None and norm.running_var is not None
    norm.weight[:count] = (norm.running_var[:count] + norm.eps).sqrt()
    norm.bias[:count] = norm.running_mean[:count] + offsets.to(norm.bias.device)


def _read(last: nn.Conv2d) -> None:
    """Take the copied colours' logits from the block's first nine outputs."""
    assert last.bias is not None
    last.weight *= _PAINTED
    last.weight[:, :9] = 0
    for n in range(9):
        last.weight[n % 3, n] = (_SLOPE, -_BEND, _BEND)[n // 3]
    last.bias.fill_(-_SLOPE / 2)
