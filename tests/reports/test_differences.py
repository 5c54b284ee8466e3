"""Which differences hold: the tests against brute force and scipy, and what they do in simulated studies."""

from itertools import combinations, product
from math import isnan, nan

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from reports.differences import Difference, Key, Whole, can_flip, flipped, holm, of_clips, of_sets, sums_of
from reports.ranges import rank_ranges

KINDS = ("normal", "skewed", "heavy")


def draw(rng: np.random.Generator, kind: str, *shape: int) -> NDArray[np.float64]:
    if kind == "skewed":
        return rng.exponential(size=shape) - 1
    return rng.standard_t(3, size=shape) / 1.73 if kind == "heavy" else rng.normal(size=shape)


def study(
    rng: np.random.Generator, speakers: int, kind: str = "normal", better: float = 0.0
) -> tuple[dict[Key, NDArray[np.float64]], list[str | None]]:
    """Return four methods' values of 2 to 7 clips a speaker; the first is `better` than the equal others.

    A method has an own effect on every speaker, of .6, beside what speaker (1) and clip (.8) do to each
    value.
    """
    who = np.repeat(np.arange(speakers), rng.integers(2, 8, speakers))
    values = 0.6 * draw(rng, kind, 4, speakers)[:, who] + 0.8 * draw(rng, kind, 4, len(who))
    values += draw(rng, kind, speakers)[who]
    values[0] += better
    return {("m", str(i)): v for i, v in enumerate(values)}, [f"s{s}" for s in who]


def errors(speakers: int, kind: str, studies: int) -> float:
    """Return the share of studies of four equal methods in which any pair is told apart."""
    rng = np.random.default_rng(speakers)
    return float(
        np.mean([any(d.shown for d in of_clips(*study(rng, speakers, kind))) for _ in range(studies)])
    )


def power(speakers: int, better: float, studies: int) -> float:
    """Return the share of the better method's three pairs that are told apart."""
    rng = np.random.default_rng(speakers)
    found = [of_clips(*study(rng, speakers, better=better)) for _ in range(studies)]
    return float(np.mean([d.shown for one in found for d in one if d.first == ("m", "0")]))


@pytest.mark.parametrize("speakers", [4, 8, 12])
def test_family_wise_error_is_kept(speakers: int) -> None:
    # .05 plus what 400 studies leave to chance.
    assert errors(speakers, "normal", 400) <= 0.075


def test_a_large_difference_is_found_from_eight_speakers_on_and_not_from_three() -> None:
    assert power(8, 2.0, 60) > 0.7
    assert power(3, 2.0, 60) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("speakers", [3, 4, 6, 8, 12, 30, 90])
def test_family_wise_error_in_simulated_studies(speakers: int, kind: str) -> None:
    assert errors(speakers, kind, 2000) <= 0.06


@pytest.mark.slow
def test_power_grows_with_speakers() -> None:
    """A difference of .8 is about as large as what speakers and clips make of a pair's differences."""
    found = [power(speakers, 0.8, 300) for speakers in (8, 12, 30, 90)]
    assert found == sorted(found) and found[2] > 0.85 and found[3] > 0.99


def test_flips_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    apart, clusters = rng.normal(0.4, 1, (3, 14)), np.repeat(np.arange(7), 2)
    signs = np.array(list(product((1, -1), repeat=7)))
    for values, p in zip(apart, flipped(sums_of(apart, clusters), 3), strict=True):
        moved = np.abs((signs[:, clusters] * values).sum(1))
        assert p == pytest.approx((moved >= abs(values.sum()) - 1e-12).mean())


def test_drawn_flips_agree_with_scipy_on_single_clips() -> None:
    values = np.random.default_rng(1).normal(0.35, 1, 40)
    expected = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=20_000, random_state=0
    ).pvalue
    assert flipped(values[None], 1)[0] == pytest.approx(expected, abs=0.006)


def test_few_speakers_are_tested_by_t_of_their_means() -> None:
    rng = np.random.default_rng(2)
    values = {("m", name): rng.normal(i, 1, 12) for i, name in enumerate("abcd")}
    speakers: list[str | None] = [f"s{i // 3}" for i in range(12)]
    for d in of_clips(values, speakers):
        means = (values[d.first] - values[d.second]).reshape(4, 3).mean(1)
        assert d.how == "t" and d.units == 4
        assert d.p == pytest.approx(stats.ttest_1samp(means, 0).pvalue)


def test_flips_are_taken_where_they_can_reach_the_corrected_level() -> None:
    assert not can_flip(7, 6) and can_flip(8, 6)
    assert can_flip(6, 1) and not can_flip(5, 1)


def test_holm_is_scipys_step_down() -> None:
    p = [0.01, 0.04, 0.03, nan, 0.2, 0.001]
    ordered = sorted(x for x in p if not isnan(x))
    highest, expected = 0.0, {}
    for i, x in enumerate(ordered):
        highest = max(highest, min(1.0, x * (5 - i)))
        expected[x] = highest
    found = holm(p)
    assert isnan(found[3])
    assert [f for f in found if not isnan(f)] == pytest.approx([expected[x] for x in p if not isnan(x)])


def test_only_clips_that_both_scored_count() -> None:
    a, b = np.array([1.0, 2.0, nan, 4.0]), np.array([0.0, nan, 5.0, 3.5])
    (found,) = of_clips({("a", "-"): a, ("b", "-"): b}, [None] * 4)
    assert (found.n, found.value, found.by_speaker) == (2, 0.75, False)
    assert found.wins == 1.0


def test_rows_without_a_common_clip_are_not_tested() -> None:
    found = of_clips({("a", "-"): np.array([1.0, nan]), ("b", "-"): np.array([nan, 1.0])}, ["s", "t"])[0]
    assert found.n == 0 and isnan(found.p) and isnan(found.corrected) and not found.shown


def test_equal_rows_are_a_tie_and_a_constant_gap_is_none() -> None:
    base = np.random.default_rng(3).normal(size=12)
    speakers: list[str | None] = [f"s{i // 3}" for i in range(12)]
    same, apart = of_clips({("a", "-"): base, ("b", "-"): base}, speakers)[0], base + 1
    assert same.corrected == 1.0 and not same.shown
    assert of_clips({("a", "-"): apart, ("b", "-"): base}, speakers)[0].shown


def test_turned_is_the_same_pair() -> None:
    values, speakers = study(np.random.default_rng(4), 8)
    a, b = list(values)[:2]
    one, other = (of_clips({x: values[x], y: values[y]}, speakers)[0] for x, y in ((a, b), (b, a)))
    turned = other.turned()
    for name in ("value", "low", "high", "effect", "wins", "p", "corrected"):
        assert getattr(turned, name) == pytest.approx(getattr(one, name))


def whole(value: float, half: float = 1.0, n: int = 40, of: str = "400 frames a side") -> Whole:
    return Whole(value, max(0.0, value - half), value + half, n, of)


def test_sets_are_compared_at_equal_numbers_only() -> None:
    speakers: list[str | None] = [f"s{i % 20}" for i in range(40)]
    rows = {("a", "-"): whole(1.0), ("b", "-"): whole(9.0), ("c", "-"): whole(9.0, of="390 frames a side")}
    found = {(d.first[0], d.second[0]): d for d in of_sets(rows, speakers)}
    assert found["a", "b"].shown and found["a", "b"].how == "sets"
    assert isnan(found["a", "c"].corrected) and isnan(found["b", "c"].corrected)


@pytest.mark.parametrize("speakers", [2, 4])
def test_sets_of_too_few_speakers_are_not_tested(speakers: int) -> None:
    who: list[str | None] = [f"s{i % speakers}" for i in range(40)]
    assert isnan(of_sets({("a", "-"): whole(1.0), ("b", "-"): whole(90.0)}, who)[0].p)


def test_sets_told_apart_have_intervals_that_do_not_touch() -> None:
    rng, who = np.random.default_rng(5), [f"s{i}" for i in range(40)]
    for _ in range(50):
        a, b = (whole(float(rng.uniform(2, 8)), float(rng.uniform(0.2, 2))) for _ in range(2))
        (found,) = of_sets({("a", "-"): a, ("b", "-"): b}, [*who])
        apart = max(a.value, b.value) - max(a.high - a.value, b.high - b.value)
        assert not found.shown or apart > min(a.value, b.value)


def test_rank_ranges_hold_what_is_known() -> None:
    keys = [("m", name) for name in "abcd"]
    a, b, c, d = keys
    assert rank_ranges(keys, []) == dict.fromkeys(keys, (1, 4))
    found = rank_ranges(keys, [(a, b), (a, c), (a, d), (b, d)])
    assert found == {a: (1, 1), b: (2, 3), c: (2, 4), d: (3, 4)}
    whole_order = rank_ranges(keys, list(combinations(keys, 2)))
    assert [whole_order[k] for k in keys] == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_a_difference_without_a_test_is_never_shown() -> None:
    assert not Difference(("a", "-"), ("b", "-"), 3, 1, False, 5.0).shown
