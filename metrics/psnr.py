"""PSNR: peak signal-to-noise ratio in dB, the mean over frames, as scikit-image defines a frame's.

The MSE is over all pixels and channels of one frame. A frame equal to its reference has no finite PSNR: it is
left out of the mean and counted beside it. This is not the PSNR of an MSE pooled over frames.
"""

from collections.abc import Sequence
from math import inf, log10

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.contracts import MetricCard, Setup
from harness.types import Frames, Measurement, Pair, Score, Unscorable
from metrics.aggregate import mean_score, measurement, require_frames, require_same_size


def frame_psnr(generated: Frames, reference: Frames) -> NDArray[np.float64]:
    """Return (T,) PSNR in dB of each of two (T, H, W, 3) uint8 clips' frames; inf where they are equal."""
    # OpenCV's squared L2 norm of uint8 arrays is an exact integer sum: no wrap-around, no rounding.
    totals = [cv2.norm(g, r, cv2.NORM_L2SQR) for g, r in zip(generated, reference, strict=True)]
    samples = generated[0].size
    return np.array([inf if total == 0 else 10 * log10(255**2 * samples / total) for total in totals])


class PSNR:
    """PSNR of a clip against its reference; no backbone."""

    card = MetricCard(
        name="psnr",
        title="PSNR",
        unit="dB",
        higher_is_better=True,
        range=(0.0, inf),
        backbone="none",
        variant="RGB, MSE per frame, mean over the frames that differ",
        paper="van der Walt et al., scikit-image, PeerJ 2014",
        comparable=True,
    )

    def __init__(self, setup: Setup) -> None:
        """Need nothing of the setup: a formula is the same with every backbone."""

    def measure(self, pair: Pair) -> Measurement:
        """Return the mean over differing frames; Unscorable if sizes differ or all frames are identical."""
        require_frames(pair, self.card.min_frames)
        require_same_size(pair)
        values = frame_psnr(pair.generated.frames[: pair.length], pair.reference.frames[: pair.length])
        differing = values[np.isfinite(values)]
        if not len(differing):
            raise Unscorable("identical to the reference: PSNR is infinite")
        identical = len(values) - len(differing)
        detail = f"{identical} of {len(values)} frames identical, left out" if identical else None
        return measurement(pair, float(differing.mean()), detail)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips, in dB."""
        return mean_score(measurements)


METRIC = PSNR
