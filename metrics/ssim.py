"""SSIM: structural similarity (Wang et al., 2004) in scikit-image's default form, the mean over frames.

Uniform 7x7 window, sample covariance, K1 = .01, K2 = .03, data range 255, per RGB channel, over windows
that lie wholly in the frame. It is not Wang's Gaussian-window variant, whose numbers differ.
"""

from collections.abc import Sequence

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
    frames, height, width, channels = generated.shape
    # Buffers for x, y, xy and x^2 + y^2 (and one to work in), made once and overwritten by every frame:
    # allocating them for each frame takes several times longer than the arithmetic.
    planes = np.empty((4, height, width, channels), np.float32)
    sums = np.empty((5, height - 2 * MARGIN, width - 2 * MARGIN, channels), np.float64)
    values = np.empty(frames)
    for i in range(frames):
        planes[0], planes[1] = generated[i], reference[i]
        _window_sums(planes, sums[:4])
        values[i] = _mean_similarity(sums)
    return values


def _window_sums(planes: NDArray[np.float32], sums: NDArray[np.float64]) -> None:
    x, y, product, squares = planes
    np.multiply(y, y, out=product)
    np.multiply(x, x, out=squares)
    squares += product
    np.multiply(x, y, out=product)
    # Sums of 49 products of 8-bit values are integers below 2^24, which float32 holds exactly.
    for plane, into in zip(planes, sums, strict=True):
        cv2.boxFilter(plane, cv2.CV_32F, (WINDOW, WINDOW), dst=plane, normalize=False)
        into[:] = plane[MARGIN:-MARGIN, MARGIN:-MARGIN]


def _mean_similarity(sums: NDArray[np.float64]) -> float:
    """Return mean((2xy + c1)(2 cov + c2) / ((x^2 + y^2 + c1)(var + c2))), overwriting the sums."""
    x, y, products, squares, numerator = sums
    products *= PIXELS
    squares *= PIXELS
    np.multiply(x, y, out=numerator)
    products -= numerator
    np.square(x, out=x)
    np.square(y, out=y)
    x += y
    squares -= x
    for term, constant in ((numerator, SUMS_C1), (products, SUMS_C2)):
        term *= 2
        term += constant
    x += SUMS_C1
    squares += SUMS_C2
    numerator *= products
    x *= squares
    numerator /= x
    return float(numerator.mean())


class SSIM:
    """SSIM of a clip against its reference; no backbone."""

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

    def measure(self, pair: Pair) -> Measurement:
        """Return the mean over frames; Unscorable if sizes differ or a side is below 7 px."""
        require_frames(pair, self.card.min_frames)
        require_same_size(pair)
        height, width = pair.reference.frames.shape[1:3]
        if min(height, width) < WINDOW:
            raise Unscorable(f"frames of {width}x{height} are smaller than SSIM's {WINDOW}x{WINDOW} window")
        values = frame_ssim(pair.generated.frames[: pair.length], pair.reference.frames[: pair.length])
        return measurement(pair, float(values.mean()))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


METRIC = SSIM
