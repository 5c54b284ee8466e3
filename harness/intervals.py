"""How sure a mean over clips is, when clips of one speaker are not independent."""

from collections.abc import Sequence
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit


def mean_interval(values: NDArray[np.float64], speakers: Sequence[str | None]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of values (N,): Student's t of its cluster-robust standard error.

    The clusters are speakers; clips stand for themselves where a speaker is unknown or there is only one, and
    the interval then speaks of further clips, not of further speakers. NaN for fewer than two clips.
    Chosen over a percentile bootstrap of speakers, which holds the truth in 86 to 88 % of cases with 8
    speakers where this does in 92 to 94 % (simulated: normal and skewed speaker effects, 2 to 7 clips each).
    """
    if len(values) < 2:
        return nan, nan
    known = None not in speakers and len(set(speakers)) > 1
    clusters = (
        np.unique([str(s) for s in speakers], return_inverse=True)[1] if known else np.arange(len(values))
    )
    mean = float(values.mean())
    residuals = np.bincount(clusters, weights=values - mean)
    count = len(residuals)
    error = sqrt(count / (count - 1) * float((residuals**2).sum())) / len(values)
    half = float(stdtrit(count - 1, 0.975)) * error
    return mean - half, mean + half
