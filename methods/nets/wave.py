"""The raw-wave front end: what a method that listens to samples hears, and how its layers start.

One description serves training and generation, so both hear the same; streaming needs no more than slices of
the prepared wave. Nothing is learned here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from harness.types import FPS, SAMPLE_RATE, Audio

_LOWEST, _HIGHEST = 60.0, 0.9  # the bank's band: Hz, and a fraction of half the sampling rate
_GAIN = 8.0  # speech of RMS 0.05 leaves the first layer near 1
_MIXED = 2.0  # a mixture's gain: what the rectifiers between the layers take away


@dataclass(frozen=True, slots=True)
class Hearing:
    """How a method hears.

    rate: samples a second, a divisor of 16 kHz and a multiple of 25. context: samples heard before the first
    and after the last frame's own. levelled: whether a clip's mean is removed and its peak made 1.
    """

    rate: int
    context: int
    levelled: bool

    @property
    def per_frame(self) -> int:
        """Samples that one video frame lasts."""
        return self.rate // FPS

    def prepared(self, audio: Audio) -> Audio:
        """Return a whole clip's wave, (N * rate / 16000,), from (N,) at 16 kHz; silence stays silence."""
        if self.rate != SAMPLE_RATE:
            from scipy.signal import resample_poly  # slow to import, and not all methods need it

            audio = resample_poly(audio, 1, SAMPLE_RATE // self.rate).astype(np.float32)
        if self.levelled and len(audio):
            audio = audio - audio.mean()
            audio = audio / max(float(np.abs(audio).max()), 1e-4)  # the noise of silence is not blown up
        return audio.astype(np.float32)

    def part(self, wave: Audio, start: int, frames: int) -> Audio:
        """Return the samples of frames start..start+frames with context on both sides, zeros off the ends."""
        first = start * self.per_frame - self.context
        last = (start + frames) * self.per_frame + self.context
        inside = wave[max(0, first) : max(0, last)]
        before = min(max(0, -first), last - first)
        return np.pad(inside, (before, last - first - before - len(inside)))


@torch.no_grad()
def start_as_filterbank(layer: nn.Conv1d, rate: int) -> None:
    """Make the first convolution Hann-windowed cosines of random phase, evenly spaced in mel, in place.

    A start only: the layer learns on. From white noise a few minutes' training finds no filters.
    """
    count, _, length = layer.weight.shape
    mels = torch.linspace(_mel(_LOWEST), _mel(_HIGHEST * rate / 2), count)
    hertz = 700 * (10 ** (mels / 2595) - 1)
    seconds = (torch.arange(length) - (length - 1) / 2) / rate
    phase = 2 * math.pi * torch.rand(count)
    waves = torch.cos(2 * math.pi * hertz[:, None] * seconds + phase[:, None])
    waves = waves * torch.hann_window(length + 2, periodic=False)[1:-1]
    layer.weight.copy_(_GAIN * (waves / waves.norm(dim=1, keepdim=True))[:, None])
    if layer.bias is not None:
        layer.bias.zero_()


@torch.no_grad()
def start_as_envelopes(layers: Sequence[nn.Conv1d]) -> None:
    """Make these convolutions behind the filter bank random mixtures of smoothed channels, in place.

    A start only. A rectified band's loudness is in its mean, which a Hann window keeps and white noise drowns
    in the carrier: of a mouth's opening, a line through the codes then explains half and not a third.
    """
    for layer in layers:
        inputs, length = layer.weight.shape[1:]
        window = torch.hann_window(length + 2, periodic=False)[1:-1]
        mixture = torch.randn(len(layer.weight), inputs, 1) * _MIXED / inputs**0.5
        layer.weight.copy_(mixture * window / window.sum())
        if layer.bias is not None:
            layer.bias.zero_()


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)
