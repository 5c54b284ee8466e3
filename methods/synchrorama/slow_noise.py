"""Noise that changes slowly and can be asked for anywhere: what moves a head where sound does not say how.

White noise at knots under a Gaussian as wide as their spacing, at several spacings, so that a sway, a turn
that lasts and a blink each find noise of their own pace. A knot's value depends on the seed and its own place
alone: a part of a clip equals the same part of the whole, however long, in memory of the part.
"""

import numpy as np
from numpy.typing import NDArray

SPACINGS = (3, 8, 20, 80)  # frames
CHANNELS = 4  # of each
SIZE = CHANNELS * len(SPACINGS)
_REACH = 3  # knots to each side

Float32 = NDArray[np.float32]


def drawn(rng: np.random.Generator, count: int, frames: int) -> Float32:
    """Return (count, frames, SIZE) of mean 0 and about unit variance, each from a moment of its own."""
    parts = []
    for spacing in SPACINGS:
        first, last = _knots(0, frames + spacing, spacing)
        values = rng.standard_normal((count, last - first, CHANNELS), np.float32)
        starts = rng.integers(spacing, size=count)
        weights = np.stack([_weights(int(s), frames, spacing, first, last) for s in starts])
        parts.append(weights @ values)
    return np.concatenate(parts, axis=2)


def part(seed: int, start: int, frames: int) -> Float32:
    """Return (frames, SIZE): frames `start` and on of the endless noise of `seed`."""
    parts = []
    for pace, spacing in enumerate(SPACINGS):
        first, last = _knots(start, frames, spacing)
        # A seed's numbers are not negative; the first knots lie before the clip.
        keys = ([seed, pace, knot + _REACH] for knot in range(first, last))
        values = [np.random.default_rng(key).standard_normal(CHANNELS, np.float32) for key in keys]
        parts.append(_weights(start, frames, spacing, first, last) @ np.stack(values))
    return np.concatenate(parts, axis=1)


def _knots(start: int, frames: int, spacing: int) -> tuple[int, int]:
    return start // spacing - _REACH, (start + frames - 1) // spacing + _REACH + 2


def _weights(start: int, frames: int, spacing: int, first: int, last: int) -> Float32:
    """Return (frames, last - first), rows of unit length: where every knot counts, unit variance."""
    away = (start + np.arange(frames))[:, None] / spacing - np.arange(first, last)
    bell = np.where(np.abs(away) <= _REACH, np.exp(-(away**2)), 0)
    weights: Float32 = (bell / np.linalg.norm(bell, axis=1, keepdims=True)).astype(np.float32)
    return weights
