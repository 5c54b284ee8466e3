from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.intervals import degrees_of_freedom, mean_error, mean_interval, share_interval, wilson_interval

Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

NORMAL: Draw = lambda rng, n: rng.normal(size=n)  # noqa: E731
HEAVY: Draw = lambda rng, n: rng.standard_t(4, size=n) / np.sqrt(2)  # noqa: E731


def clips_of(rng: np.random.Generator, speakers: int, most: int = 7) -> NDArray[np.int_]:
    """Return the speaker of each clip: 2 to `most` clips a speaker."""
    return np.repeat(np.arange(speakers), rng.integers(2, most + 1, speakers))


def coverage(speakers: int, draw: Draw, own: float, studies: int) -> float:
    """Return how often an interval holds the true mean 0; `own`: the share of spread that is speakers."""
    rng = np.random.default_rng(speakers)
    held = 0
    for _ in range(studies):
        who = clips_of(rng, speakers)
        values = np.sqrt(own) * draw(rng, speakers)[who] + np.sqrt(1 - own) * draw(rng, len(who))
        low, high = mean_interval(values, [str(s) for s in who])
        held += low <= 0 <= high
    return held / studies


@pytest.mark.parametrize("speakers", [8, 30, 90])
def test_interval_covers_the_mean_at_about_its_nominal_rate(speakers: int) -> None:
    assert 0.93 <= coverage(speakers, NORMAL, 0.3, 1200) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("draw", [NORMAL, HEAVY])
@pytest.mark.parametrize("own", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("speakers", [8, 12, 20, 45, 90])
def test_coverage_in_simulated_studies(speakers: int, own: float, draw: Draw) -> None:
    assert 0.93 <= coverage(speakers, draw, own, 4000) <= 0.97


@pytest.mark.parametrize(("speakers", "studies"), [(8, 700), (30, 700)])
def test_interval_of_a_share_covers_where_wilsons_own_does_not(speakers: int, studies: int) -> None:
    rng = np.random.default_rng(4)
    own = rng.beta(1, 1, 200_000)
    held, alone = 0, 0
    for _ in range(studies):
        who = clips_of(rng, speakers)
        right = (rng.random(len(who)) < rng.choice(own, speakers)[who]).astype(float)
        low, high = share_interval(right, [str(s) for s in who])
        held += low <= 0.5 <= high
        low, high = share_interval(right, [None] * len(right))
        alone += low <= 0.5 <= high
    assert 0.93 <= held / studies <= 0.98
    assert alone / studies < 0.85


def test_interval_of_single_clips_is_the_textbook_t_interval() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(3).normal(size=12)
    expected = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert mean_interval(values, [None] * 12) == pytest.approx(expected, abs=1e-12)


def test_interval_of_equal_speakers_is_the_t_interval_of_their_means() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(5).normal(size=(9, 4))
    means = values.mean(1)
    expected = stats.t.interval(0.95, 8, means.mean(), stats.sem(means))
    who = [f"s{i // 4}" for i in range(36)]
    assert mean_interval(values.ravel(), who) == pytest.approx(expected, abs=1e-12)


def test_degrees_of_freedom_are_those_of_the_written_out_matrix() -> None:
    sizes = np.array([1.0, 2.0, 20.0, 7.0, 7.0])
    leverage = sizes / sizes.sum()
    remove = np.eye(5) - np.outer(
        leverage, np.ones(5)
    )  # what a cluster's sum keeps once the mean is taken off
    scale = np.diag(1 / np.sqrt(1 - leverage))
    matrix = scale @ remove @ np.diag(sizes**2) @ remove.T @ scale
    assert degrees_of_freedom(sizes) == pytest.approx(np.trace(matrix) ** 2 / (matrix**2).sum())
    assert degrees_of_freedom(np.full(6, 3.0)) == pytest.approx(5)
    assert degrees_of_freedom(np.array([40.0, 2.0, 2.0, 2.0])) < 1.5


def test_clips_of_one_speaker_are_not_independent() -> None:
    rng = np.random.default_rng(2)
    speakers = [f"s{i // 10}" for i in range(80)]
    values = np.repeat(rng.normal(size=8), 10) + 0.01 * rng.normal(size=80)
    clustered = mean_interval(values, speakers)
    naive = mean_interval(values, [None] * 80)
    assert clustered[1] - clustered[0] > 2 * (naive[1] - naive[0])


def test_one_unknown_speaker_falls_back_to_clips() -> None:
    values = np.arange(6.0)
    assert mean_interval(values, ["a", "a", "a", "b", "b", None]) == mean_interval(values, [None] * 6)
    assert not mean_error(values, ["a"] * 6).by_speaker


def test_wilson_equals_scipy() -> None:
    binomtest = pytest.importorskip("scipy.stats").binomtest
    for right, n in [(0, 5), (5, 5), (7, 11), (90, 100)]:
        expected = binomtest(right, n).proportion_ci(0.95, "wilson")
        assert wilson_interval(right / n, n) == pytest.approx((expected.low, expected.high), abs=1e-9)
        clips = np.arange(n) < right
        assert share_interval(clips.astype(float), ["a"] * n) == wilson_interval(right / n, n)


def test_a_share_without_failures_still_has_an_interval() -> None:
    low, high = share_interval(np.ones(12), [f"s{i // 3}" for i in range(12)])
    assert 0.7 < low < high == 1.0
