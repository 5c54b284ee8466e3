"""metrics/kid.py: the unbiased estimator by hand, and torch-fidelity on the same features."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.contracts import Setup
from harness.weights import Weights
from metrics import kid as kid_module
from metrics.kid import KID, kernel_distance, subset_masks, subset_mmd2
from metrics.kid import _kernel_diagonal as diagonal
from tests.metrics.test_fid import clip_features


def features(rows: int, shift: float, seed: int, dimensions: int = 32) -> NDArray[np.float64]:
    return np.abs(np.random.default_rng(seed).normal(shift, 0.4, size=(rows, dimensions)))


def test_equals_the_double_sum() -> None:
    x, y = features(5, 0.3, 0, 3), features(4, 0.5, 1, 3)

    def k(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return float((a @ b / 3 + 1) ** 3)

    within_x = sum(k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / 20
    within_y = sum(k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j) / 12
    across = sum(k(a, b) for a in x for b in y) / 20
    found = subset_mmd2(x, y, np.ones((5, 1)), np.ones((4, 1)))
    assert found == pytest.approx([within_x + within_y - 2 * across])


@pytest.mark.parametrize("rows", [260, 200])
def test_equals_torch_fidelity(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = pytest.importorskip("torch_fidelity.metric_kid")
    monkeypatch.setattr(kid_module, "SUBSET_SIZE", 200)
    x, y = features(rows, 0.3, 0), features(rows, 0.35, 1)
    inputs = torch.from_numpy(x), torch.from_numpy(y)
    found_by_peer = peer.kid_features_to_metric(
        *inputs, kid_subsets=100, kid_subset_size=200, rng_seed=2020, verbose=False
    )
    expected = found_by_peer["kernel_inception_distance_mean"]
    found = subset_mmd2(x, y, *subset_masks(rows, rows)).mean()
    assert expected > 1e-5
    assert found == pytest.approx(expected, abs=1e-6, rel=1e-6)


def test_many_rows_take_the_subsets_own_kernels_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kid_module, "SUBSET_SIZE", 20)
    x, y = features(320, 0.3, 0), features(300, 0.5, 1)
    passes: list[int] = []
    monkeypatch.setattr(kid_module, "_kernel_diagonal", lambda x: passes.append(len(x)) or diagonal(x))
    expected = subset_mmd2(x, y, *subset_masks(320, 300)).mean()
    passes.clear()
    assert kernel_distance(x, y) == pytest.approx(expected, rel=1e-12)
    assert passes == [20, 20] * 100


def test_the_interval_looks_at_a_bounded_number_of_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    metric, found = KID(Setup("embedded", Weights())), clip_features(12, 0.5, rows=40)
    whole = metric.aggregate(found)
    monkeypatch.setattr(kid_module, "INTERVAL_ROWS", 120)
    part = metric.aggregate(found)
    assert part.value == whole.value
    assert whole.ci_high - whole.ci_low != part.ci_high - part.ci_low
    assert part.ci_low < part.value < part.ci_high


def test_blocks_of_rows_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = features(70, 0.3, 0), features(50, 0.5, 1)
    masks = np.ones((70, 1)), np.ones((50, 1))
    whole = subset_mmd2(x, y, *masks)
    monkeypatch.setattr(kid_module, "ROWS", 16)
    assert subset_mmd2(x, y, *masks) == pytest.approx(whole, rel=1e-12)


def test_unbiased_and_growing_with_the_difference() -> None:
    ones = np.ones((60, 1))
    same = [subset_mmd2(features(60, 0.3, s), features(60, 0.3, 100 + s), ones, ones)[0] for s in range(40)]
    other = [subset_mmd2(features(60, 0.3, s), features(60, 0.5, 100 + s), ones, ones)[0] for s in range(40)]
    assert min(same) < 0 < max(same)
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(40)
    assert np.mean(other) > 10 * np.std(same)


def test_score_over_clips_is_the_estimate_over_all_frames() -> None:
    metric = KID(Setup("embedded", Weights()))
    found = clip_features(12, 0.5)
    rows = [np.concatenate([m.features[s] for m in found if m.features]) for s in ("generated", "reference")]
    score = metric.aggregate(found[::-1])
    assert score.value == pytest.approx(subset_mmd2(*rows, np.ones((48, 1)), np.ones((48, 1)))[0], rel=1e-9)
    assert score == metric.aggregate(found) and score.n == 12
    assert score.ci_low < score.value < score.ci_high
