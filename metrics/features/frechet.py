"""Frechet distance between Gaussians fitted to two sets of features (Heusel et al., 2017), without sqrtm.

|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), in float64, covariances with N - 1. The last trace is
exact by two routes, each much faster than a matrix square root: the nuclear norm of the product of the
centred features where they are fewer than their dimensions, the eigenvalues of a symmetric product
otherwise.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, eigvalsh, svdvals

Matrix = NDArray[np.float64]


def frechet_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Return the distance of features (N1, D) and (N2, D), at least 2 rows each; 0 for equal sets.

    ValueError for fewer rows: one row has no covariance.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(f"a covariance needs 2 rows or more, not {len(first)} and {len(second)}")
    mean_1, rows_1 = _centred(first)
    mean_2, rows_2 = _centred(second)
    squares = float(((mean_1 - mean_2) ** 2).sum() + (rows_1**2).sum() + (rows_2**2).sum())
    few = min(len(rows_1), len(rows_2)) < rows_1.shape[1]
    trace = _nuclear_norm(rows_1, rows_2) if few else _trace_of_root(rows_1, rows_2)
    # Rounding can leave a tiny negative number where the sets are equal.
    return max(0.0, squares - 2 * trace)


def _centred(features: NDArray[np.floating]) -> tuple[Matrix, Matrix]:
    """Return the mean (D,) and rows A (N, D) with A' A the covariance."""
    rows = features.astype(np.float64)
    mean = rows.mean(axis=0)
    return mean, (rows - mean) / np.sqrt(len(rows) - 1)


def _nuclear_norm(rows_1: Matrix, rows_2: Matrix) -> float:
    """tr (A'A B'B)^(1/2) is the sum of the singular values of A B', an N1 x N2 matrix."""
    return float(svdvals(rows_1 @ rows_2.T).sum())


def _trace_of_root(rows_1: Matrix, rows_2: Matrix) -> float:
    """With S1 = L L', the eigenvalues of S1 S2 are those of the symmetric L' S2 L."""
    covariance_1, covariance_2 = rows_1.T @ rows_1, rows_2.T @ rows_2
    try:
        root = cholesky(covariance_1, lower=True)
    except np.linalg.LinAlgError:
        # A covariance without full rank has no Cholesky factor; its eigenvectors give a root all the same.
        values, vectors = eigh(covariance_1)
        root = vectors * np.sqrt(values.clip(min=0))
    eigenvalues = eigvalsh(root.T @ covariance_2 @ root)
    return float(np.sqrt(eigenvalues.clip(min=0)).sum())
