"""Frechet distance between Gaussians fitted to two sets of features (Heusel et al., 2017), without sqrtm.

|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), in float64, covariances with N - 1. The last trace is
exact by two routes, each much faster than a matrix square root: the nuclear norm of the product of the
centred features where they are fewer than their dimensions, the eigenvalues of a symmetric product
otherwise. There, the distance without a group of rows needs no further pass over the other rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, eigvalsh, svdvals
from scipy.linalg.lapack import dsygst

Matrix = NDArray[np.float64]
Features = NDArray[np.floating]
Mask = NDArray[np.bool_]

# Rows turned into float64 at a time: the copy stays small beside the covariance.
ROWS = 2048


@dataclass(frozen=True, slots=True)
class Moments:
    """Number, sum (D,) and second moment (D, D) of rows, about an origin that both sides of a `-` share."""

    rows: int
    total: Matrix
    products: Matrix

    def __sub__(self, part: "Moments") -> "Moments":
        """Return the moments of the rows that are not in `part`."""
        return Moments(self.rows - part.rows, self.total - part.total, self.products - part.products)

    def gaussian(self) -> tuple[Matrix, Matrix]:
        """Return the mean (D,), from the origin, and the covariance (D, D)."""
        mean = self.total / self.rows
        return mean, (self.products - self.rows * np.outer(mean, mean)) / (self.rows - 1)


def frechet_distance(first: Features, second: Features) -> float:
    """Return the distance of features (N1, D) and (N2, D), at least 2 rows each; 0 for equal sets.

    ValueError for fewer rows: one row has no covariance.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"a covariance needs 2 rows or more, not {len(first)} and {len(second)}")
    if min(len(first), len(second)) < first.shape[1]:
        return _distance_of_rows(first, second)
    origin = _mean(first)
    return _distance_of_moments(_moments(first, origin), _moments(second, origin))


def distances_without(first: Features, second: Features, kept: Iterable[Mask]) -> Matrix:
    """Return (G,) distances, each of the rows that its mask (N,) keeps, the same ones of (N, D) and (N, D).

    The masks leave out few rows each: where many are left, their moments are those of all less those of the
    ones left out, so that a mask costs no pass over what it keeps.
    """
    origin = _mean(first)
    every: list[Moments] = []
    found = []
    for mask in kept:
        if np.count_nonzero(mask) < first.shape[1]:
            found.append(frechet_distance(first[mask], second[mask]))
            continue
        every = every or [_moments(first, origin), _moments(second, origin)]
        left_out = (_moments(features[~mask], origin) for features in (first, second))
        found.append(_distance_of_moments(*(a - b for a, b in zip(every, left_out, strict=True))))
    return np.array(found)


def _mean(features: Features) -> Matrix:
    mean: Matrix = features.mean(axis=0, dtype=np.float64)
    return mean


def _moments(features: Features, origin: Matrix) -> Moments:
    dimensions = features.shape[1]
    total, products = np.zeros(dimensions), np.zeros((dimensions, dimensions))
    for start in range(0, len(features), ROWS):
        rows = features[start : start + ROWS] - origin
        total += rows.sum(axis=0)
        products += rows.T @ rows
    return Moments(len(features), total, products)


def _distance_of_moments(first: Moments, second: Moments) -> float:
    mean_1, covariance_1 = first.gaussian()
    mean_2, covariance_2 = second.gaussian()
    traces = float(np.trace(covariance_1) + np.trace(covariance_2))
    trace_of_root = _trace_of_root(covariance_1, covariance_2)
    return _distance(mean_1 - mean_2, traces, trace_of_root)


def _distance_of_rows(first: Features, second: Features) -> float:
    """With covariances A'A and B'B, tr (A'A B'B)^(1/2) is the sum of the singular values of A B', N1 x N2."""
    mean_1, rows_1 = _centred(first)
    mean_2, rows_2 = _centred(second)
    traces = float((rows_1**2).sum() + (rows_2**2).sum())
    return _distance(mean_1 - mean_2, traces, float(svdvals(rows_1 @ rows_2.T).sum()))


def _centred(features: Features) -> tuple[Matrix, Matrix]:
    """Return the mean (D,) and rows A (N, D) with A' A the covariance."""
    mean = _mean(features)
    return mean, (features - mean) / np.sqrt(len(features) - 1)


def _trace_of_root(covariance_1: Matrix, covariance_2: Matrix) -> float:
    """With S1 = L L', the eigenvalues of S1 S2 are those of the symmetric L' S2 L."""
    try:
        root = cholesky(covariance_1, lower=True, check_finite=False)
        # LAPACK's own product of the three takes a third of the time of two general ones.
        symmetric, _ = dsygst(covariance_2, root, itype=2, lower=1)
    except np.linalg.LinAlgError:
        # A covariance without full rank has no Cholesky factor; its eigenvectors give a root all the same.
        values, vectors = eigh(covariance_1)
        root = vectors * np.sqrt(values.clip(min=0))
        symmetric = root.T @ covariance_2 @ root
    eigenvalues = eigvalsh(symmetric, lower=True, check_finite=False)
    return float(np.sqrt(eigenvalues.clip(min=0)).sum())


def _distance(gap: Matrix, traces: float, trace_of_root: float) -> float:
    # Rounding can leave a tiny negative number where the sets are equal.
    return max(0.0, float((gap**2).sum()) + traces - 2 * trace_of_root)
