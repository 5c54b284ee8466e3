"""metrics/features/frechet.py: closed forms, and SciPy's matrix square root on both sides of N = D."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from metrics.features import frechet
from metrics.features.frechet import distances_without, frechet_distance


def by_sqrtm(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """The textbook formula, as pytorch-fid evaluates it."""
    gap = first.mean(axis=0) - second.mean(axis=0)
    s1, s2 = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    return float(gap @ gap + np.trace(s1) + np.trace(s2) - 2 * np.trace(sqrtm(s1 @ s2)).real)


def features(rows: int, dimensions: int, seed: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return random.normal(size=(rows, dimensions)) @ random.normal(size=(dimensions, dimensions)) + seed


@pytest.mark.parametrize(
    ("rows_1", "rows_2", "dimensions"),
    [(30, 30, 64), (40, 25, 64), (300, 300, 64), (200, 30, 64), (64, 65, 64)],
)
def test_equals_scipy(rows_1: int, rows_2: int, dimensions: int) -> None:
    first, second = features(rows_1, dimensions, 0), features(rows_2, dimensions, 1)
    assert frechet_distance(first, second) == pytest.approx(by_sqrtm(first, second), rel=1e-6)


def test_equals_pytorch_fid() -> None:
    fid_score = pytest.importorskip("pytorch_fid.fid_score")
    first, second = features(300, 48, 0), features(300, 48, 1)
    moments = [(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (first, second)]
    try:
        expected = fid_score.calculate_frechet_distance(*moments[0], *moments[1])
    except TypeError as error:
        pytest.skip(f"pytorch-fid does not work with this SciPy: {error}")
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("rows", [20, 200])
def test_closed_forms(rows: int) -> None:
    rows_1 = features(rows, 32, 0)
    assert frechet_distance(rows_1, rows_1) == pytest.approx(0, abs=1e-6 * (rows_1**2).mean())
    shift = np.arange(32.0)
    assert frechet_distance(rows_1 + shift, rows_1) == pytest.approx((shift**2).sum(), rel=1e-6)
    centred = rows_1 - rows_1.mean(axis=0)
    total = (centred**2).sum() / (rows - 1)
    assert frechet_distance(3 * centred, centred) == pytest.approx(4 * total, rel=1e-6)


def test_symmetric() -> None:
    first, second = features(100, 32, 0), features(90, 32, 1)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-9)


def test_dead_dimensions_with_many_rows() -> None:
    first, second = features(200, 32, 0), features(200, 32, 1)
    dead = np.zeros((200, 8))
    padded = frechet_distance(np.hstack([first, dead]), np.hstack([second, dead]))
    assert padded == pytest.approx(frechet_distance(first, second), rel=1e-6)


def test_one_row_has_no_covariance() -> None:
    with pytest.raises(ValueError, match="2 rows or more, not 1 and 5"):
        frechet_distance(np.ones((1, 4)), np.ones((5, 4)))


@pytest.mark.parametrize("rows", [40, 66, 300])
def test_without_a_group_is_the_distance_of_the_rest(rows: int) -> None:
    """Far fewer rows than dimensions, fewer only without the group, and more in any case."""
    first = (features(rows, 64, 0) + 100).astype(np.float32)
    second = (features(rows, 64, 1) + 100).astype(np.float32)
    masks = np.arange(rows) % 10 != np.arange(10)[:, None]
    expected = [frechet_distance(first[mask], second[mask]) for mask in masks]
    np.testing.assert_allclose(distances_without(first, second, masks), expected, rtol=1e-9)


def test_blocks_of_rows_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = features(100, 32, 0), features(90, 32, 1)
    whole = frechet_distance(first, second)
    monkeypatch.setattr(frechet, "ROWS", 7)
    assert frechet_distance(first, second) == pytest.approx(whole, rel=1e-11)
