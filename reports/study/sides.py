"""Whether people chose a side whatever stood there: sides are drawn, so half of the votes should be left."""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from scipy.special import stdtr, stdtrit
from scipy.stats import binomtest

from reports.study.judgements import Choices, Estimate


@dataclass(frozen=True)
class SideBias:
    """The share of "left" among decided votes, with the p of 50 %, two-sided.

    p: Student's t over participants (a person who always answers left counts once). p_votes: the exact
    binomial test that takes every vote for a person's only one: shown, never the verdict.
    """

    share: Estimate
    p: float
    p_votes: float

    @property
    def found(self) -> bool:
        """Whether so uneven a share comes up by chance in less than 1 of 20 studies."""
        return self.p < 0.05


def side_bias(choices: Choices) -> SideBias:
    """Test the sides. NaN where fewer than two participants decided; ties say nothing of a side."""
    decided = choices[choices.score != 0.5]
    count = len(decided)
    if not count:
        return SideBias(Estimate(nan, nan, nan, 0), nan, nan)
    left = float(decided.score.mean())
    exact = float(binomtest(int(decided.score.sum()), count).pvalue)
    people = np.unique(decided.who.participant, return_inverse=True)[1]
    groups = int(people.max()) + 1
    if groups < 2:
        return SideBias(Estimate(left, nan, nan, count), nan, exact)
    scale = groups / (groups - 1)
    error = sqrt(scale * float((np.bincount(people, decided.score - left) ** 2).sum())) / count
    half = float(stdtrit(groups - 1, 0.975)) * error
    # Where all participants chose left equally often, their spread is nothing to hold the share to.
    p = 2 * float(stdtr(groups - 1, -abs(left - 0.5) / error)) if error else exact
    return SideBias(Estimate(left, max(0.0, left - half), min(1.0, left + half), count), p, exact)
