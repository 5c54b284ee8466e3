"""SSIM: structural similarity (Wang et al., 2004) in scikit-image's default form, the mean over frames.

Uniform 7x7 window, sample covariance, K1 = .01, K2 = .03, data range 255, per RGB channel, over windows
that lie wholly in the frame. Wang's Gaussian-window variant, whose numbers differ, is `ssim_wang`.
"""

from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.contracts import MetricCard, Setup
from harness.types import Frames, Measurement, Pair, Score, Unscorable
from metrics.aggregate import mean_score, measurement, require_frames, require_same_size

WINDOW = 7
MARGIN = WINDOW // 2
PIXELS = WINDOW**2
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
# The formula is evaluated on window sums instead of means: both its fractions times PIXELS^2, and the second
# divided by the factor PIXELS / (PIXELS - 1) of a sample covariance.
SUMS_C1 = C1 * PIXELS**2
SUMS_C2 = C2 * PIXELS * (PIXELS - 1)


def frame_ssim(generated: Frames, reference: Frames) -> NDArray[np.float64]:
    """Return (T,) SSIM in [-1, 1] of each of two (T, H, W, 3) uint8 clips' frames; H and W at least 7."""
    # Every frame overwrites the same buffers: allocating them takes several times longer than the arithmetic.
    shape = generated.shape[1:]
    products = np.empty((2, *shape), np.uint16)
    sums, terms = np.empty((4, *shape), np.int32), np.empty((4, *shape), np.float64)
    values = np.empty(len(generated))
    for i, (x, y) in enumerate(zip(generated, reference, strict=True)):
        _window_sums(x, y, products, sums)
        values[i] = _mean_similarity(sums, terms)
    return values


def _window_sums(x: Frames, y: Frames, products: NDArray[np.uint16], sums: NDArray[np.int32]) -> None:
    """Fill `sums` with the exact window sums of x, y, xy and (x - y)^2; their margin means nothing."""
    gap = cv2.absdiff(x, y)
    np.multiply(x, y, out=products[0], dtype=np.uint16)
    np.multiply(gap, gap, out=products[1], dtype=np.uint16)
    for plane, into in zip((x, y, *products), sums, strict=True):
        cv2.boxFilter(plane, cv2.CV_32S, (WINDOW, WINDOW), dst=into, normalize=False)


def _mean_similarity(sums: NDArray[np.int32], terms: NDArray[np.float64]) -> float:
    """Return the mean of A Q / ((A + e) (Q + d)), overwriting both arguments.

    A = 2xy + C1, e = (x - y)^2, Q = 2 cov + C2, d = var - 2 cov, where x and y are the windows' sums, and cov
    and var (of both, added) are times PIXELS^2. Up to its constants all is integer, below 2^31.
    """
    x, y, covariance, remainder = sums
    luminance, structure, luminance_total, structure_total = terms
    gap = x - y
    x *= y
    x *= 2
    gap *= gap
    covariance *= 2 * PIXELS
    covariance -= x
    remainder *= PIXELS
    remainder -= gap
    np.copyto(luminance, x)
    luminance += SUMS_C1
    np.copyto(structure, covariance)
    structure += SUMS_C2
    np.copyto(luminance_total, gap)
    luminance_total += luminance
    np.copyto(structure_total, remainder)
    structure_total += structure
    luminance *= structure
    luminance_total *= structure_total
    luminance /= luminance_total
    return float(luminance[MARGIN:-MARGIN, MARGIN:-MARGIN].mean())


class SSIM:
    """SSIM of a clip against its reference; no backbone."""

    window: ClassVar[int] = WINDOW
    card = MetricCard(
        name="ssim",
        title="SSIM",
        unit="",
        higher_is_better=True,
        range=(-1.0, 1.0),
        backbone="none",
        variant="skimage-default: RGB, uniform 7x7, sample covariance, data range 255",
        paper="Wang et al., Image Quality Assessment, IEEE Transactions on Image Processing, 2004",
        comparable=True,
    )

    def __init__(self, setup: Setup) -> None:
        """Need nothing of the setup: a formula is the same with every backbone."""

    def frame_values(self, generated: Frames, reference: Frames) -> NDArray[np.float64]:
        """Return (T,) SSIM of each of two clips' frames."""
        return frame_ssim(generated, reference)

    def measure(self, pair: Pair) -> Measurement:
        """Return the mean over frames; Unscorable if sizes differ or a side is smaller than the window."""
        require_frames(pair, self.card.min_frames)
        require_same_size(pair)
        height, width = pair.reference.frames.shape[1:3]
        if min(height, width) < self.window:
            raise Unscorable(
                f"frames of {width}x{height} are smaller than SSIM's {self.window}x{self.window} window"
            )
        values = self.frame_values(pair.generated.frames[: pair.length], pair.reference.frames[: pair.length])
        return measurement(pair, float(values.mean()))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


METRIC = SSIM
