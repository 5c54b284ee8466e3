"""Noise that can be asked for anywhere in a clip: what moves a head where sound does not say how.

Two kinds, each white noise at knots under a Gaussian as wide as their spacing. Normal values at several
spacings are for a sway and for a turn that lasts. Rare ones, 1 or 0, are for a blink: from normal noise a
network learns small tremors long before it learns that lids are still for seconds and then close.
At tiny's few hundred steps lids do not blink by either kind: they learn how wide an emotion opens them.
A knot's value depends on the seed and its own place alone: a part of a clip equals the same part of the
whole, however long, in memory of the part.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_REACH = 3  # knots to each side

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pace:
    """Channels of one spacing, in frames; `chance` of a knot to be 1, or None for normal values."""

    spacing: int
    channels: int
    chance: float | None = None

    def values(self, rng: np.random.Generator, *shape: int) -> Float32:
        """Return knots of this pace (*shape, channels)."""
        if self.chance is None:
            return rng.standard_normal((*shape, self.channels), np.float32)
        return (rng.random((*shape, self.channels)) < self.chance).astype(np.float32)


PACES = (Pace(3, 2), Pace(8, 4), Pace(20, 4), Pace(80, 4), Pace(2, 2, 1 / 40))
SIZE = sum(pace.channels for pace in PACES)


def drawn(rng: np.random.Generator, count: int, frames: int) -> Float32:
    """Return (count, frames, SIZE), each from a moment of its own."""
    parts = []
    for pace in PACES:
        first, last = _knots(0, frames + pace.spacing, pace.spacing)
        values = pace.values(rng, count, last - first)
        starts = rng.integers(pace.spacing, size=count)
        parts.append(np.stack([_weights(int(s), frames, pace, first, last) for s in starts]) @ values)
    return np.concatenate(parts, axis=2)


def part(seed: int, start: int, frames: int) -> Float32:
    """Return (frames, SIZE): frames `start` and on of the endless noise of `seed`."""
    parts = []
    for index, pace in enumerate(PACES):
        first, last = _knots(start, frames, pace.spacing)
        # A seed's numbers are not negative; the first knots lie before the clip.
        keys = ([seed, index, knot + _REACH] for knot in range(first, last))
        values = np.stack([pace.values(np.random.default_rng(key)) for key in keys])
        parts.append(_weights(start, frames, pace, first, last) @ values)
    return np.concatenate(parts, axis=1)


def _knots(start: int, frames: int, spacing: int) -> tuple[int, int]:
    return start // spacing - _REACH, (start + frames - 1) // spacing + _REACH + 2


def _weights(start: int, frames: int, pace: Pace, first: int, last: int) -> Float32:
    """Return (frames, last - first): rows of unit length, so of unit variance, for normal values."""
    away = (start + np.arange(frames))[:, None] / pace.spacing - np.arange(first, last)
    bell = np.where(np.abs(away) <= _REACH, np.exp(-(away**2)), 0).astype(np.float32)
    if pace.chance is None:
        bell /= np.linalg.norm(bell, axis=1, keepdims=True)
    return bell
