"""Colour augmentation of Phan et al. section 2: one draw for all frames of a window and its reference.

Brightness, contrast, gamma, channel shuffle, RGB shift and Gaussian noise, each with probability 0.4 inside a
group of probability 0.8 (EmoGen's values); ranges are albumentations' defaults, which EmoGen keeps.
No geometry: a flip or a shift would move the mouth.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

EACH = 0.4
GROUP = 0.8
_BRIGHTNESS, _CONTRAST, _GAMMA = 0.2, 0.2, 0.2
_SHIFT = 20 / 255
_NOISE_VARIANCE = (10 / 255**2, 50 / 255**2)

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Colours:
    """One colour change a window: scalars (B,), `order` and `shift` (B, 3), `noise` (B, 3, S, S)."""

    brightness: Float32
    contrast: Float32
    gamma: Float32
    order: NDArray[np.int64]
    shift: Float32
    noise: Float32

    def of(self, windows: NDArray[np.bool_]) -> "Colours":
        """Return the changes of the chosen windows."""
        return Colours(*(getattr(self, f.name)[windows] for f in fields(self)))


def draw_colours(rng: np.random.Generator, count: int, size: int, group: float) -> Colours:
    """Draw a colour change for `count` windows; each stays as it is with probability 1 - group."""
    chosen = (rng.random((6, count)) < EACH) & (rng.random(count) < group)
    brightness = chosen[0] * rng.uniform(-_BRIGHTNESS, _BRIGHTNESS, count)
    contrast = 1 + chosen[1] * rng.uniform(-_CONTRAST, _CONTRAST, count)
    gamma = 1 + chosen[2] * rng.uniform(-_GAMMA, _GAMMA, count)
    shuffled = rng.permuted(np.tile(np.arange(3), (count, 1)), axis=1)
    order = np.where(chosen[3][:, None], shuffled, np.arange(3))
    shift = chosen[4][:, None] * rng.uniform(-_SHIFT, _SHIFT, (count, 3))
    sigma = chosen[5] * np.sqrt(rng.uniform(*_NOISE_VARIANCE, count))
    noise = np.zeros((count, 3, size, size), np.float32)
    for i in np.flatnonzero(sigma):
        noise[i] = sigma[i] * rng.standard_normal((3, size, size), np.float32)
    single = [x.astype(np.float32) for x in (brightness, contrast, gamma, shift)]
    return Colours(single[0], single[1], single[2], order, single[3], noise)


def one_change(
    rng: np.random.Generator, size: int, group: float = GROUP
) -> Callable[[NDArray[np.uint8]], Float32]:
    """Draw one clip's change; it takes any (F, 3, S, S) of its frames (`harness.loader.Colours`)."""
    colours = draw_colours(rng, 1, size, group)
    return lambda frames: apply_colours(frames[None], colours)[0]


def apply_colours(frames: NDArray[np.uint8], colours: Colours) -> Float32:
    """Return (B, F, 3, S, S) frames in [0, 1], each window after its own change.

    Pictures are bytes, so all but the noise is one table of 256 values a channel: five times as fast.
    """
    changed = np.empty(frames.shape, np.float32)
    for b, table in enumerate(_tables(colours)):
        for channel, source in enumerate(colours.order[b]):
            np.take(table[channel], frames[b, :, source], out=changed[b, :, channel], mode="clip")
        if colours.noise[b].any():
            np.clip(changed[b] + colours.noise[b], 0, 1, out=changed[b])
    return changed


def _tables(colours: Colours) -> Float32:
    """Return (B, 3, 256): what each byte becomes, by window and channel."""
    contrast, brightness, gamma = (x[:, None] for x in (colours.contrast, colours.brightness, colours.gamma))
    levels = np.arange(256, dtype=np.float32) / 255
    toned = np.clip((levels - 0.5) * contrast + 0.5 + brightness, 0, 1) ** gamma
    return np.clip(toned[:, None] + colours.shift[:, :, None], 0, 1).astype(np.float32)
