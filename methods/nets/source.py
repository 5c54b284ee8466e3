"""A source clip as video-to-video methods play it: forth and back until the sound is over."""

import numpy as np
from numpy.typing import NDArray


def played(count: int, first: int, frames: int) -> NDArray[np.int64]:
    """Return which of `count` source frames stand at times first, ..., first + frames - 1.

    0, 1, ..., count - 1, count - 2, ..., 1, 0, 1, ...: neither jumps nor doubles a frame, and leaves the
    speed of what moves as it was. A still, count 1, is repeated.
    """
    if count == 1:
        return np.zeros(frames, np.int64)
    phase = np.arange(first, first + frames) % (2 * count - 2)
    return np.minimum(phase, 2 * count - 2 - phase)
