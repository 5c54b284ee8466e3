"""KID: unbiased squared MMD between features of generated and of reference frames (Binkowski et al., 2018).

Kernel (x.y / D + 1)^3; the mean of 100 seeded subsets of 1000 frames, as torch-fidelity draws them, or one
estimate over all frames where there are no more than 1000. It is unbiased, so slightly negative values occur.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Backbone
from harness.types import Measurement
from metrics.aggregate import deletion_groups, jackknife_interval
from metrics.features.frame_features import Features, FrameProtocol
from metrics.features.frame_set import FrameSetMetric, SetValue

SUBSETS, SEED = 100, 2020
SUBSET_SIZE = 1000
ROWS = 1024
INTERVAL_ROWS = 4000

Masks = NDArray[np.float64]


def subset_mmd2(
    generated: NDArray[np.floating], reference: NDArray[np.floating], chosen_g: Masks, chosen_r: Masks
) -> NDArray[np.float64]:
    """Return (S,) unbiased MMD^2 of S subsets of features (N1, D) and (N2, D).

    chosen_g (N1, S) and chosen_r (N2, S) hold 1 where a row is in a subset and 0 elsewhere, two rows or
    more each. All subsets share one pass over the kernel, whose sum over a subset's rows is the quadratic
    form of its mask.
    """
    x, y = generated.astype(np.float64), reference.astype(np.float64)
    m, n = chosen_g.sum(axis=0), chosen_r.sum(axis=0)
    within_g = _kernel_sums(x, x, chosen_g, chosen_g) - _kernel_diagonal(x) @ chosen_g
    within_r = _kernel_sums(y, y, chosen_r, chosen_r) - _kernel_diagonal(y) @ chosen_r
    across = _kernel_sums(x, y, chosen_g, chosen_r)
    mmd2: Masks = within_g / (m * (m - 1)) + within_r / (n * (n - 1)) - 2 * across / (m * n)
    return mmd2


def _kernel_sums(x: Masks, y: Masks, chosen_x: Masks, chosen_y: Masks) -> Masks:
    total = np.zeros(chosen_x.shape[1])
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        kernel = _cube(x[rows] @ y.T / x.shape[1] + 1)
        total += (chosen_x[rows] * (kernel @ chosen_y)).sum(axis=0)
    return total


def _kernel_diagonal(x: Masks) -> Masks:
    return _cube((x * x).sum(axis=1) / x.shape[1] + 1)


def _cube(base: Masks) -> Masks:
    return base * base * base


def kernel_distance(generated: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Return KID of features (N1, D) and (N2, D), the mean over `subset_masks`."""
    chosen_g, chosen_r = subset_masks(len(generated), len(reference))
    subsets = chosen_g.shape[1]
    if len(generated) * len(reference) <= subsets * SUBSET_SIZE**2 or subsets == 1:
        return float(subset_mmd2(generated, reference, chosen_g, chosen_r).mean())
    # One pass over the whole kernel would then cost more than the subsets' own kernels.
    ones = np.ones((SUBSET_SIZE, 1))
    rows = ((generated[g > 0], reference[r > 0]) for g, r in zip(chosen_g.T, chosen_r.T, strict=True))
    return float(np.mean([subset_mmd2(x, y, ones, ones)[0] for x, y in rows]))


def subset_masks(n_generated: int, n_reference: int) -> tuple[Masks, Masks]:
    """Return the 0/1 masks (N1, S) and (N2, S) of KID's subsets: 100 of 1000 rows, or one of all rows."""
    if min(n_generated, n_reference) <= SUBSET_SIZE:
        return np.ones((n_generated, 1)), np.ones((n_reference, 1))
    masks = np.zeros((n_generated, SUBSETS)), np.zeros((n_reference, SUBSETS))
    # RandomState and the order of its draws are torch-fidelity's, so that the same frames are drawn.
    random = np.random.RandomState(SEED)
    for subset in range(SUBSETS):
        for mask in masks:
            mask[random.choice(len(mask), SUBSET_SIZE, replace=False), subset] = 1
    return masks


class KID(FrameSetMetric):
    """KID over all clips, on the features of FID."""

    name = "kid"
    titles: ClassVar[Mapping[Backbone, str]] = {"reference": "KID", "embedded": "KD-EffNetLite0"}
    range = (-inf, inf)
    paper = "Binkowski et al., Demystifying MMD GANs, ICLR 2018"

    def remark(self, protocol: FrameProtocol) -> str:
        """Return how frames are drawn."""
        return f"subsets of {SUBSET_SIZE}, seed {SEED}"

    def of_set(self, generated: Features, reference: Features, scored: Sequence[Measurement]) -> SetValue:
        """Return the kernel distance, with a jackknife interval."""
        value = kernel_distance(generated, reference)
        # The interval is of how clips differ, of which neighbouring frames say nearly the same.
        step = -(-len(generated) // INTERVAL_ROWS)
        kept = deletion_groups(scored)[:, ::step].T.astype(np.float64)
        low, high = jackknife_interval(value, subset_mmd2(generated[::step], reference[::step], kept, kept))
        return SetValue(value, low, high)


METRIC = KID
