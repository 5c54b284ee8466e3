"""Flicker: how much the resting part of the picture changes from frame to frame; lower is steadier.

Temporal flicker is measured as the change between frames of what stands still (Huang et al., VBench, CVPR
2024, on still videos; Lai et al., Learning Blind Video Temporal Consistency, ECCV 2018, after optical flow).
A talking face never stands still, so here: luma's change at the highest frequencies, |x(t-1) - 2 x(t) +
x(t+1)| / 4, over the half of each frame's pixels that change least from t-1 to t+1. A flicker that alternates
cancels in the latter and a motion does not, so the choice avoids motion without avoiding flicker. In grey
levels of 0..255; no network. Flicker of moving parts alone (a mouth) is not seen. A still scores 0.

Noise floor on drawn clips at 64 px, mean of 12: the truth 0.04, from its H.264 0.05; with Gaussian noise of
1, 2 and 4 grey levels 0.39, 0.70 and 1.35; with the whole picture's light wavering by 2 grey levels 0.75.
"""

from collections.abc import Sequence
from math import inf

import numpy as np

from harness.contracts import MetricCard, Setup
from harness.types import Frames, Measurement, Pair, Score
from metrics.aggregate import mean_score, measurement

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Flicker:
    """The high-frequency change over time of the steadier half of a generated clip's picture."""

    card = MetricCard(
        name="flicker",
        title="Flicker",
        unit="grey levels",
        higher_is_better=False,
        range=(0.0, inf),
        backbone="none",
        variant="mean |second difference over time| / 4 of luma (Rec. 601, 0..255) over the half of each "
        "frame's pixels that change least over two frames",
        paper="after Huang et al., VBench, CVPR 2024",
        comparable=False,
        min_frames=3,
        paired=False,
    )

    def __init__(self, setup: Setup) -> None:
        """Need nothing of the setup: a formula is the same with every backbone."""

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's flicker."""
        return measurement(pair, resting_change(pair.generated.frames))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


def resting_change(frames: Frames) -> float:
    """Return the flicker, in grey levels, of (T, H, W, 3) uint8 RGB of at least 3 frames."""
    found = []
    before, now = frames[0] @ _LUMA, frames[1] @ _LUMA
    for after in (frame @ _LUMA for frame in frames[2:]):
        moved = np.abs(after - before)
        resting = moved <= np.median(moved)
        found.append(np.abs(before - 2 * now + after)[resting].mean(dtype=np.float64) / 4)
        before, now = now, after
    return float(np.mean(found))


METRIC = Flicker
