"""SSIM as Wang et al. (2004) define it: a Gaussian window of sigma 1.5, 11 taps, and population covariance.

Per RGB channel, K1 = .01, K2 = .03, data range 255, over windows that lie wholly in the frame; scikit-image's
`gaussian_weights=True, sigma=1.5, use_sample_covariance=False`. The original's downsampling before the
comparison is not done, as scikit-image does not do it.
"""

from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.types import Frames
from metrics.ssim import C1, C2, SSIM

SIGMA = 1.5
MARGIN = int(3.5 * SIGMA + 0.5)
WINDOW = 2 * MARGIN + 1


def frame_ssim_wang(generated: Frames, reference: Frames) -> NDArray[np.float64]:
    """Return (T,) SSIM in [-1, 1] of each of two (T, H, W, 3) uint8 clips' frames; H and W at least 11."""
    planes = np.empty((4, *generated.shape[1:]), np.float64)
    values = np.empty(len(generated))
    taps = np.exp(-0.5 * (np.arange(-MARGIN, MARGIN + 1) / SIGMA) ** 2)
    taps /= taps.sum()
    for i, (x, y) in enumerate(zip(generated, reference, strict=True)):
        planes[0], planes[1] = x, y
        np.multiply(planes[0], planes[1], out=planes[2])
        np.square(planes[0] - planes[1], out=planes[3])
        for plane in planes:
            cv2.sepFilter2D(plane, cv2.CV_64F, taps, taps, dst=plane)
        values[i] = _mean_similarity(planes)
    return values


def _mean_similarity(means: NDArray[np.float64]) -> float:
    """Return the mean SSIM from the windows' means of x, y, xy and (x - y)^2, overwriting them."""
    x, y, products, gaps = means
    gap = x - y
    gap *= gap
    x *= y
    products -= x
    gaps -= gap
    # Now x y, its gap (x - y)^2, the covariance, and the variances less twice the covariance.
    for term, constant in ((x, C1), (products, C2)):
        term *= 2
        term += constant
    gap += x
    gaps += products
    x *= products
    gap *= gaps
    x /= gap
    return float(x[MARGIN:-MARGIN, MARGIN:-MARGIN].mean())


class WangSSIM(SSIM):
    """SSIM of a clip against its reference, with Wang's Gaussian window."""

    window: ClassVar[int] = WINDOW
    card = replace(
        SSIM.card,
        name="ssim_wang",
        title="SSIM(wang)",
        variant="wang: RGB, Gaussian window of sigma 1.5 and 11 taps, population covariance, data range 255",
    )

    def frame_values(self, generated: Frames, reference: Frames) -> NDArray[np.float64]:
        """Return (T,) SSIM of each of two clips' frames."""
        return frame_ssim_wang(generated, reference)


METRIC = WangSSIM
