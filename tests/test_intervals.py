import numpy as np
import pytest

from harness.intervals import mean_interval


@pytest.mark.parametrize("speakers", [8, 30, 90])
def test_interval_covers_the_mean_at_about_its_nominal_rate(speakers: int) -> None:
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(1500):
        clips = rng.integers(2, 8, speakers)
        values = np.repeat(rng.normal(size=speakers), clips) + 2 * rng.normal(size=clips.sum())
        low, high = mean_interval(values, np.repeat(np.arange(speakers), clips).astype(str).tolist())
        covered.append(low <= 0 <= high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_interval_of_single_clips_is_the_textbook_t_interval() -> None:
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(3).normal(size=12)
    expected = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))
    assert mean_interval(values, [None] * 12) == pytest.approx(expected, abs=1e-12)


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
