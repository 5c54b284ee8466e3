"""How sure a number from votes is when votes of one participant, and votes on one clip, are not independent.

A study asks few people about few clips, and speaks of all people and all clips: both are drawn, so both
count. Every estimate here is told as a mean of influences, one a vote (for a mean: the vote less the mean,
over their number), and its error is Cameron, Gelbach and Miller's two-way cluster-robust one (2011): the
sums over participants plus those over clips less those over both. It is never taken below either one-way
error (MacKinnon, Nielsen and Webb 2021), because the difference can fall to nothing or below. Student's t
has one degree of freedom less than the smaller number of clusters. Not done here: anything for fewer than
two participants or two clips, which gives NaN.
"""

from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from reports.study.judgements import Estimate, Who


def estimate(value: float, influence: NDArray[np.float64], who: Who, floor: float = 0.0) -> Estimate:
    """Return a value with its 95 % interval from the influences (N,) of its votes.

    floor: an error that the interval is never made narrower than.
    """
    error, degrees = two_way_error(influence, who)
    half = float(stdtrit(degrees, 0.975)) * max(error, floor) if degrees else nan
    return Estimate(value, value - half, value + half, len(influence))


def mean(values: NDArray[np.float64], who: Who) -> Estimate:
    """Return the mean of values (N,), one a vote, with its 95 % interval; NaN where there is none."""
    if not len(values):
        return Estimate(nan, nan, nan, 0)
    return estimate(float(values.mean()), (values - values.mean()) / len(values), who)


def share(hits: NDArray[np.float64], who: Who) -> Estimate:
    """Return the mean of values within [0, 1] with an interval that stays there."""
    found = mean(hits, who)
    low, high = np.clip((found.low, found.high), 0.0, 1.0)
    return Estimate(found.value, float(low), float(high), found.n)


def p_value(value: float, influence: NDArray[np.float64], who: Who) -> float:
    """Return the two-sided p of a value against zero, NaN where its error is not known or nothing varies."""
    error, degrees = two_way_error(influence, who)
    if not degrees or error == 0:
        return nan
    return 2 * float(stdtr(degrees, -abs(value) / error))


def two_way_error(influence: NDArray[np.float64], who: Who) -> tuple[float, int]:
    """Return the standard error of a sum of influences (N,), and its degrees of freedom; NaN and 0: none."""
    people, clips = (len(np.unique(codes)) for codes in (who.participant, who.clip))
    if min(people, clips) < 2:
        return nan, 0
    cells = np.unique(who.participant * (int(who.clip.max()) + 1) + who.clip, return_inverse=True)[1]
    by_person, by_clip, by_both = (_variance(influence, c) for c in (who.participant, who.clip, cells))
    variance = max(by_person + by_clip - by_both, by_person, by_clip)
    return sqrt(variance), min(people, clips) - 1


def _variance(influence: NDArray[np.float64], clusters: NDArray[np.intp]) -> float:
    sums = np.bincount(clusters, weights=influence)
    count = len(np.unique(clusters))
    return count / (count - 1) * float((sums**2).sum())
