"""Strengths, ratings and the side test: against other computations, and against a truth that is known."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from harness.study.votes import Trial
from reports.study import bradley_terry
from reports.study.clusters import mean, two_way_error
from reports.study.judgements import Cast, Choices, Who
from reports.study.sides import side_bias
from tests.study.draws import STRENGTHS, Design, bootstrap, covered, draw, draw_ratings, mos, truth


def test_strengths_are_the_maximum_that_another_optimiser_finds() -> None:
    found = draw(np.random.default_rng(3), Design(20, 10))

    def worse(at: NDArray[np.float64]) -> float:
        apart = at[found.left] - at[found.right]
        weights = np.exp(np.stack([-apart / 2, np.full(len(found), at[-1]), apart / 2]))
        picked = weights[np.rint(2 * found.score).astype(int), np.arange(len(found))] / weights.sum(0)
        return float(-np.log(picked).sum() + (at**2).sum() / 18)

    theta, tie = bradley_terry.fit(*bradley_terry.tables(found))
    expected = minimize(worse, np.zeros(5)).x
    assert np.allclose([*theta, tie], expected, atol=1e-4)
    assert abs(theta.sum()) < 1e-9


def test_two_hundred_participants_recover_the_order() -> None:
    rng = np.random.default_rng(1)
    for _ in range(10):
        values = [v.value for v in bradley_terry.strengths(draw(rng, Design(200))).values]
        assert np.argsort(values).tolist() == np.argsort(STRENGTHS).tolist()


@pytest.mark.parametrize("design", [Design(200, 18), Design(12, 18), Design(30, 8, 24, 0.3, 0.3)])
def test_intervals_hold_the_truth_at_their_nominal_rate(design: Design) -> None:
    """The full version is `python -m tests.study.draws 300`. A study's four intervals are not independent."""
    rng = np.random.default_rng(11)
    values = truth(rng, design)
    strong = rated = 0
    for _ in range(120):
        strong += covered(bradley_terry.strengths(draw(rng, design)).values, values)
        rated += covered(mos(draw_ratings(rng, design)), 3 + STRENGTHS)
    assert 0.91 <= strong / 480 <= 0.995
    assert 0.91 <= rated / 480 <= 0.995


def test_a_bootstrap_of_participants_alone_is_too_narrow_where_clips_differ() -> None:
    rng = np.random.default_rng(12)

    def ratio(clip_sd: float) -> float:
        """Return the width of the bootstrap's intervals over that of those which hold the truth."""
        widths = []
        for found in (draw(rng, Design(200, clip_sd=clip_sd)) for _ in range(5)):
            own = bradley_terry.strengths(found).values
            pairs = zip(bootstrap(rng, found, 100), own, strict=True)
            widths += [(b.high - b.low) / (v.high - v.low) for b, v in pairs]
        return float(np.mean(widths))

    assert ratio(0.4) < 0.65
    assert 0.75 < ratio(0.0) < 1.1


def test_a_method_that_always_wins_has_a_finite_strength_and_a_wide_interval() -> None:
    found = draw(np.random.default_rng(2), Design(10, 6))
    always = replace(
        found, score=np.where(found.left == 0, 1.0, np.where(found.right == 0, 0.0, found.score))
    )
    first = bradley_terry.strengths(always).values[0]
    assert 2 < first.value < 20
    assert first.high - first.low > 1


def test_methods_that_nobody_compared_have_no_strength_and_the_reason_names_them() -> None:
    found = draw(np.random.default_rng(2), Design(10, 6))
    apart = found[((found.left < 2) & (found.right < 2)) | ((found.left > 1) & (found.right > 1))]
    fitted = bradley_terry.strengths(apart)
    assert all(np.isnan(v.value) for v in fitted.values)
    assert fitted.reason == "no chain of votes leads from m0 - to m2 -"
    assert bradley_terry.strengths(found[np.zeros(len(found), bool)]).reason == "no vote on a pair"


def test_swapping_every_pair_changes_no_strength() -> None:
    found = draw(np.random.default_rng(4), Design(15, 6))
    swapped = Choices(found.cast, found.who, found.right, found.left, 1 - found.score)
    for one, other in zip(
        bradley_terry.strengths(found).values, bradley_terry.strengths(swapped).values, strict=True
    ):
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_the_error_of_independent_votes_is_that_of_their_mean() -> None:
    rng = np.random.default_rng(5)
    votes = rng.normal(size=(400, 400)).ravel()
    who = Who(np.repeat(np.arange(400), 400), np.tile(np.arange(400), 400))
    error, degrees = two_way_error((votes - votes.mean()) / len(votes), who)
    assert error == pytest.approx(votes.std() / 400, rel=0.15)
    assert degrees == 399


def test_one_participant_or_one_clip_has_no_interval() -> None:
    alone = Who(np.zeros(3, np.intp), np.arange(3))
    found = mean(np.array([1.0, 2.0, 3.0]), alone)
    assert found.value == 2 and np.isnan(found.low) and found.n == 3
    assert np.isnan(mean(np.array([]), Who(np.array([], np.intp), np.array([], np.intp))).value)


def test_a_planted_side_bias_is_found() -> None:
    rng = np.random.default_rng(6)
    found = [side_bias(draw(rng, Design(200, side=0.3, side_sd=0.3))) for _ in range(10)]
    assert all(t.found and t.share.value > 0.5 for t in found)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_no_side_bias_is_found_in_one_study_of_twenty(spread: float) -> None:
    """People who lean left and who lean right are no bias; a binomial test of all votes says they are."""
    rng = np.random.default_rng(7)
    tests = [side_bias(draw(rng, Design(20, side_sd=spread))) for _ in range(400)]
    assert 0.02 <= np.mean([t.found for t in tests]) <= 0.085
    naive = np.mean([t.p_votes < 0.05 for t in tests])
    assert naive > 0.15 if spread else naive < 0.085


def test_ties_and_single_participants_say_nothing_of_a_side() -> None:
    cast = Cast((Trial("a", "-"), Trial("b", "-")), ("c", "d"))
    codes = np.arange(2)
    tied = Choices(cast, Who(codes, codes), np.zeros(2, np.intp), np.ones(2, np.intp), np.full(2, 0.5))
    assert np.isnan(side_bias(tied).p) and not side_bias(tied).found
    one = replace(tied, who=Who(np.zeros(2, np.intp), codes), score=np.ones(2))
    assert np.isnan(side_bias(one).p) and side_bias(one).share.value == 1
