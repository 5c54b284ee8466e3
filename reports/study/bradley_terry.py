"""How strongly people prefer each method: Bradley and Terry's model with Davidson's ties (1970).

Strengths t are log-odds; i is preferred over j with probability exp((t_i - t_j) / 2) / Z, j over i with
exp((t_j - t_i) / 2) / Z, neither with exp(tie) / Z. Half a win for each side of a tie gives the same order
in a balanced design (wins and half the ties are Davidson's sufficient statistic, too), but takes "no
difference" for a coin's toss: strengths shrink as ties get more, and the model's own error is too large. So
ties are modelled. A weak prior, normal with mean 0 and standard deviation 3, keeps the strengths of who
always wins finite; against a hundred votes it is nothing. Strengths sum to zero. Not done here: an effect
of the side (sides are drawn, so it makes strengths a little smaller but favours nobody; it is tested in
reports.study.sides).
"""

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from reports.study.clusters import estimate
from reports.study.judgements import Choices, Estimate

_PRIOR_SD = 3.0
_MOST_STEPS = 100
_LONGEST_STEP = 2.0
_DONE = 1e-9

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Strengths:
    """The fitted model: strengths in log-odds, in the order of the cast, and exp(tie).

    reason: why there is none, empty where there is.
    """

    values: tuple[Estimate, ...]
    tie: float
    reason: str = ""

    def beats(self, i: int, j: int) -> float:
        """Return the chance that a decided vote prefers method i over method j."""
        return float(1 / (1 + np.exp(self.values[j].value - self.values[i].value)))


def strengths(choices: Choices) -> Strengths:
    """Return every method's strength with its 95 % interval, over participants and clips (two-way clusters).

    The error is never taken below the model's own: where one method always wins, votes do not vary at all.
    """
    count = len(choices.cast.methods)
    wins, ties = tables(choices)
    if (reason := why_none(choices, wins + ties)) is not None:
        return Strengths((Estimate(nan, nan, nan, 0),) * count, nan, reason)
    theta, tie = fit(wins, ties)
    covariance = np.linalg.inv(_information(theta, tie, wins + wins.T + ties))
    influence = _scores(choices, theta, float(tie)) @ covariance
    # The votes say nothing of the strengths' mean: what the prior alone says of it is no part of the error.
    centred = np.eye(count) - 1 / count
    own = [sqrt(v) for v in np.diag(centred @ covariance[:count, :count] @ centred)]
    shown = [int(((choices.left == k) | (choices.right == k)).sum()) for k in range(count)]
    values = [estimate(float(theta[k]), influence[:, k], choices.who, own[k]) for k in range(count)]
    values = [Estimate(v.value, v.low, v.high, n) for v, n in zip(values, shown, strict=True)]
    return Strengths(tuple(values), float(np.exp(tie)))


def tables(choices: Choices, weights: Array | None = None) -> tuple[Array, Array]:
    """Return wins[i, j], how often i was preferred over j, and ties[i, j] = ties[j, i].

    weights (B, N): tables (B, K, K) of as many weighted sets of votes.
    """
    count = len(choices.cast.methods)
    better = np.where(choices.score == 1, choices.left, choices.right)
    worse = np.where(choices.score == 1, choices.right, choices.left)
    decided = choices.score != 0.5
    given = np.ones((1, len(choices))) if weights is None else weights
    wins = np.stack([_table(better, worse, w * decided, count) for w in given])
    ties = np.stack([_table(better, worse, w * ~decided, count) for w in given])
    ties = ties + np.swapaxes(ties, -1, -2)
    return (wins[0], ties[0]) if weights is None else (wins, ties)


def why_none(choices: Choices, together: Array) -> str | None:
    """Return why strengths cannot be told from these votes, None where they can."""
    if not len(choices):
        return "no vote on a pair"
    groups, group = connected_components(together, directed=False)
    if groups > 1:
        one, other = (choices.cast.methods[int(np.argmax(group == g))] for g in range(2))
        return f"no chain of votes leads from {one.method} {one.trial} to {other.method} {other.trial}"
    return None


def fit(wins: Array, ties: Array) -> tuple[Array, Array]:
    """Return strengths (..., K) and log tie weights (...) by Newton's method, for tables (..., K, K)."""
    counts = wins + np.swapaxes(wins, -1, -2) + ties
    scores = ((wins - np.swapaxes(wins, -1, -2)) / 2).sum(-1)
    tied = ties.sum((-1, -2)) / 2
    at = np.zeros((*scores.shape[:-1], scores.shape[-1] + 1))
    for _ in range(_MOST_STEPS):
        theta, tie = at[..., :-1], at[..., -1]
        half, none = _expected(theta[..., :, None] - theta[..., None, :], tie[..., None, None])
        slope = np.concatenate(
            [scores - (counts * half).sum(-1), (tied - (counts * none).sum((-1, -2)) / 2)[..., None]], -1
        )
        step = np.linalg.solve(_information(theta, tie, counts), (slope - at / _PRIOR_SD**2)[..., None])
        at = at + np.clip(step[..., 0], -_LONGEST_STEP, _LONGEST_STEP)
        if np.abs(step).max() < _DONE:
            return at[..., :-1], at[..., -1]
    raise ArithmeticError(
        f"the strengths of {scores.shape[-1]} methods did not settle in {_MOST_STEPS} steps"
    )


def _expected(difference: Array, tie: Array) -> tuple[Array, Array]:
    """Return half the chance of winning less that of losing, and the chance of a tie."""
    top = np.maximum(np.abs(difference) / 2, tie)
    win, lose, none = (np.exp(u - top) for u in (difference / 2, -difference / 2, tie))
    total = win + lose + none
    return (win - lose) / (2 * total), none / total


def _information(theta: Array, tie: Array, counts: Array) -> Array:
    """Return the log posterior's negative second derivative, (..., K + 1, K + 1), the tie's part last."""
    half, none = _expected(theta[..., :, None] - theta[..., None, :], np.asarray(tie)[..., None, None])
    spread = counts * ((1 - none) / 4 - half**2)
    shared = (counts * -none * half).sum(-1)
    size = theta.shape[-1]
    found = np.zeros((*theta.shape[:-1], size + 1, size + 1))
    found[..., :size, :size] = -spread
    found[..., range(size), range(size)] += spread.sum(-1)
    found[..., :size, size] = found[..., size, :size] = shared
    found[..., size, size] = (counts * none * (1 - none)).sum((-1, -2)) / 2
    return found + np.eye(size + 1) / _PRIOR_SD**2


def _scores(choices: Choices, theta: Array, tie: float) -> Array:
    """Return the first derivative of each vote's log-likelihood, (N, K + 1)."""
    half, none = _expected(theta[choices.left] - theta[choices.right], np.asarray(tie))
    found = np.zeros((len(choices), len(theta) + 1))
    rows = np.arange(len(choices))
    found[rows, choices.left] = choices.score - 0.5 - half
    found[rows, choices.right] = -(choices.score - 0.5 - half)
    found[:, -1] = (choices.score == 0.5) - none
    return found


def _table(first: NDArray[np.intp], second: NDArray[np.intp], weights: Array, count: int) -> Array:
    sums = np.bincount(first * count + second, np.asarray(weights, float), count * count)
    return sums.astype(float).reshape(count, count)
