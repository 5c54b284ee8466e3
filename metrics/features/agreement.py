"""How far two (n, units) series of action units agree: MAE, Pearson's r, ICC(3,1) and presence F1, by unit.

Rows are the same n frames of two clips. A unit for which a measure says nothing is NaN, never 0: which is
stated with each.
"""

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


def mean_absolute_error(generated: Float32, reference: Float32) -> float:
    """Return the mean of |difference| over frames and units of two (n, units) arrays."""
    return float(np.abs(generated.astype(np.float64) - reference).mean())


def correlations(generated: Float32, reference: Float32, min_deviation: float) -> Float64:
    """Return (units,) Pearson's r over time; NaN where either side's standard deviation is smaller."""
    a, b = centred(generated), centred(reference)
    deviation_a, deviation_b = np.sqrt((a * a).mean(axis=0)), np.sqrt((b * b).mean(axis=0))
    moving = (deviation_a >= min_deviation) & (deviation_b >= min_deviation)
    products = np.where(moving, deviation_a * deviation_b, 1.0)
    return np.where(moving, (a * b).mean(axis=0) / products, np.nan)


def intraclass_correlations(generated: Float32, reference: Float32, min_deviation: float) -> Float64:
    """Return (units,) ICC(3,1) of Shrout and Fleiss (1979), frames as targets and the two clips as raters.

    (BMS - EMS) / (BMS + EMS), in [-1, 1]; a constant offset between the clips costs nothing, a smaller
    amplitude does. NaN where neither side's standard deviation reaches `min_deviation`: a unit that moves in
    one clip alone counts, near 0.
    """
    a, b = centred(generated), centred(reference)
    degrees = max(1, len(a) - 1)
    # With two raters both mean squares are variances, over frames, of the sum and of the difference.
    between = ((a + b) ** 2).sum(axis=0) / (2 * degrees)
    error = ((a - b) ** 2).sum(axis=0) / (2 * degrees)
    moving = np.sqrt(np.maximum((a * a).mean(axis=0), (b * b).mean(axis=0))) >= min_deviation
    return np.where(moving, (between - error) / np.where(moving, between + error, 1.0), np.nan)


def f1_scores(generated: Float32, reference: Float32) -> Float64:
    """Return (units,) F1 = 2 TP / (2 TP + FP + FN) of presences (1 or 0); NaN without any positive."""
    positives = generated.sum(axis=0, dtype=np.float64) + reference.sum(axis=0, dtype=np.float64)
    hits = (generated * reference).sum(axis=0, dtype=np.float64)
    return np.where(positives > 0, 2 * hits / np.maximum(positives, 1), np.nan)


def macro(per_unit: Float64) -> tuple[float, int]:
    """Return the mean over the units that are defined and how many they are; (nan, 0) when none is."""
    defined = per_unit[~np.isnan(per_unit)]
    return (float(defined.mean()), len(defined)) if len(defined) else (float("nan"), 0)


def centred(values: Float32) -> Float64:
    """Return values minus their mean over frames, in float64."""
    out: Float64 = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    return out
