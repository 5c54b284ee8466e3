"""How far people agree with each other: Krippendorff's alpha, nominal and ordinal.

1 is agreement in everything, 0 what chance gives. Computed by coincidences (Krippendorff 2011, "Computing
Krippendorff's Alpha-Reliability"): any number of judges, missing votes allowed; a unit with one vote says
nothing. Its interval is a percentile bootstrap over clips.
"""

from dataclasses import dataclass
from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reports.study.judgements import Choices, Estimate, Ratings

Level = Literal["nominal", "ordinal"]

_DRAWS = 1000


@dataclass(frozen=True)
class Agreement:
    """Alpha at both levels of measurement."""

    nominal: Estimate
    ordinal: Estimate


def of_choices(choices: Choices, seed: int = 0) -> Agreement:
    """Return alpha of preferences: a unit is a pair of methods on a clip, whatever side each one stood on."""
    count = len(choices.cast.methods)
    swapped = choices.left > choices.right
    first = np.where(swapped, choices.right, choices.left)
    second = np.where(swapped, choices.left, choices.right)
    values = np.rint(2 * np.where(swapped, 1 - choices.score, choices.score)).astype(np.intp)
    return _both((choices.who.clip * count + first) * count + second, choices.who.clip, values, 3, seed)


def of_ratings(ratings: Ratings, seed: int = 0) -> Agreement:
    """Return alpha of ratings: a unit is one method's clip."""
    units = ratings.who.clip * len(ratings.cast.methods) + ratings.shown
    return _both(units, ratings.who.clip, np.rint(ratings.score).astype(np.intp) - 1, 5, seed)


def coincidences(
    units: NDArray[np.intp], values: NDArray[np.intp], levels: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the units with more than one vote (U,), and the coincidences of values in each (U, L, L)."""
    names, row = np.unique(units, return_inverse=True)
    counts = np.bincount(row * levels + values, minlength=len(names) * levels).reshape(-1, levels)
    shared = counts.sum(1) > 1
    kept = counts[shared].astype(float)
    pairs = kept[:, :, None] * kept[:, None, :] - np.eye(levels) * kept[:, :, None]
    return names[shared], pairs / (kept.sum(1) - 1)[:, None, None]


def alpha(together: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """Return alpha of coincidences (..., L, L); NaN where all votes are alike."""
    each = together.sum(-1)
    total = each.sum(-1)
    apart = _distances(each, level)
    expected = (each[..., :, None] * each[..., None, :] * apart).sum((-1, -2))
    observed = (together * apart).sum((-1, -2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(expected > 0, 1 - (total - 1) * observed / expected, nan))


def _distances(each: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """Return the squared distances of values, (..., L, L)."""
    size = each.shape[-1]
    if level == "nominal":
        return 1 - np.eye(size)
    # What lies between two values, half of each end counted: the same for both orders.
    upto = np.cumsum(each, -1) - each / 2
    return np.asarray((upto[..., :, None] - upto[..., None, :]) ** 2)


def _both(
    units: NDArray[np.intp], clips: NDArray[np.intp], values: NDArray[np.intp], levels: int, seed: int
) -> Agreement:
    names, pairs = coincidences(units, values, levels)
    clip_of = dict(zip(units.tolist(), clips.tolist(), strict=True))
    clip = np.unique([clip_of[name] for name in names.tolist()], return_inverse=True)[1]
    count = int(clip.max()) + 1 if len(clip) else 0
    by_clip = np.zeros((count, levels, levels))
    np.add.at(by_clip, clip, pairs)
    return Agreement(_interval(by_clip, "nominal", seed), _interval(by_clip, "ordinal", seed))


def _interval(by_clip: NDArray[np.float64], level: Level, seed: int) -> Estimate:
    count = len(by_clip)
    together = by_clip.sum(0)
    value = float(alpha(together, level))
    votes = round(float(together.sum()))
    if count < 2 or np.isnan(value):
        return Estimate(value, nan, nan, votes)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), _DRAWS)
    drawn = alpha(np.tensordot(weights, by_clip, 1), level)
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Estimate(value, float(low), float(high), votes)
