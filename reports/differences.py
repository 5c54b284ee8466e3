"""Which rows differ on a metric by more than chance: paired tests over the clips that both scored.

For a metric that is a mean over clips, the differences of two rows' values, clip by clip, are summed by
speaker, and the signs of whole speakers are flipped: all flips up to 14 speakers, 10,000 seeded ones or more
beyond (Fisher 1935; speakers, because clips of one are not independent). Where so few speakers cannot give a
p that the correction would let pass, Student's t of the clustered error takes its place (harness.intervals),
which trusts that speakers' differences are bell-shaped. Clips stand for themselves where speakers are
unknown, or one. A metric of whole sets (FID, KID, a macro recall) has no value per clip: two rows differ as
Student's t says of the sum of both jackknife errors, which no correlation can exceed, with at most 9 degrees
of freedom, and only at equal numbers of clips and frames. Speakers below five are too few to leave out by
turns: no test then.

The family is all pairs of rows on one metric; its p values are corrected by Holm's rule (1979). Simulated
with four equal rows, 3 to 90 speakers, normal, skewed and heavy-tailed: at .05 the family-wise error is .02
to .05 (tests/reports/test_differences.py); power to find a row that is better by .8, about the spread of a
pair's differences, is .11 with 8 speakers, .35 with 12, .91 with 30. Not done here: correction over metrics,
and anything of speed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import ceil, isnan, nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from harness.intervals import clusters_of, errors_of_means

LEVEL = 0.05
"""The family-wise error that is allowed."""

EXACT = 14
"""Up to as many speakers all flips of signs are tried."""

_DRAWS = 10_000
_CHUNK = 2048

Key = tuple[str, str]
Values = NDArray[np.float64]
How = Literal["flips", "t", "sets", ""]


@dataclass(frozen=True)
class Difference:
    """First less second on one metric; NaN where there is none.

    n: clips that both scored. units: speakers, or clips where `by_speaker` is false. low, high: 95 %
    interval, of this pair alone. effect: value over the spread (SD) of the clips' differences. wins: share
    of clips where first has more, a draw counting half. p: of this pair alone; corrected: Holm's. how: which
    test; empty where there is none.
    """

    first: Key
    second: Key
    n: int
    units: int
    by_speaker: bool
    value: float
    low: float = nan
    high: float = nan
    effect: float = nan
    wins: float = nan
    p: float = nan
    corrected: float = nan
    how: How = ""

    @property
    def shown(self) -> bool:
        """Whether the corrected test says that the two differ."""
        return self.corrected <= LEVEL

    def turned(self) -> "Difference":
        """Return the same pair the other way round."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            value=-self.value,
            low=-self.high,
            high=-self.low,
            effect=-self.effect,
            wins=1 - self.wins,
        )


@dataclass(frozen=True)
class Whole:
    """A set metric's number in one row: value and interval over n clips; `of` names what must be equal."""

    value: float
    low: float
    high: float
    n: int
    of: str


def of_clips(
    values: Mapping[Key, Values],
    speakers: Sequence[str | None],
    wanted: Sequence[tuple[Key, Key]] | None = None,
) -> list[Difference]:
    """Return pairs of rows, corrected; values (N,) by row, NaN where a clip has none.

    wanted: the family, every pair unless it is given.
    """
    wanted = list(combinations(values, 2)) if wanted is None else wanted
    scored = {key: np.isfinite(v) for key, v in values.items()}
    groups: dict[bytes, list[tuple[Key, Key]]] = {}
    for a, b in wanted:
        groups.setdefault((scored[a] & scored[b]).tobytes(), []).append((a, b))
    shared = {kept: np.frombuffer(kept, bool) for kept in groups}
    family = sum(len(pairs) for kept, pairs in groups.items() if shared[kept].sum() > 1)
    found: dict[tuple[Key, Key], Difference] = {}
    sums: dict[int, dict[tuple[Key, Key], Values]] = {}
    for kept, pairs in groups.items():
        used = shared[kept]
        apart = np.stack([(values[a] - values[b])[used] for a, b in pairs])
        clusters, by_speaker = clusters_of([s for s, u in zip(speakers, used, strict=True) if u])
        of_group = _of_same_clips(pairs, apart, (clusters, by_speaker), family)
        found |= dict(zip(pairs, of_group, strict=True))
        if of_group[0].how == "flips":
            units = sums.setdefault(of_group[0].units, {})
            units |= dict(zip(pairs, sums_of(apart, clusters), strict=True))
    for of_pairs in sums.values():
        p_values = flipped(np.stack([*of_pairs.values()]), family)
        found |= {pair: replace(found[pair], p=float(p)) for pair, p in zip(of_pairs, p_values, strict=True)}
    return corrected([found[pair] for pair in wanted])


def _of_same_clips(
    pairs: Sequence[tuple[Key, Key]],
    apart: Values,
    grouped: tuple[NDArray[np.intp], bool],
    family: int,
) -> list[Difference]:
    """Return pairs that have the same clips in common, by their differences (P, N), not yet corrected.

    grouped: each clip's cluster (N,), and whether clusters are speakers. p is NaN where signs are to be
    flipped.
    """
    n = apart.shape[1]
    if not n:
        return [Difference(a, b, 0, 0, False, nan) for a, b in pairs]
    clusters, by_speaker = grouped
    units = int(clusters.max()) + 1
    means = apart.mean(1)
    errors, degrees = errors_of_means(apart, clusters)
    halves = errors * (float(stdtrit(degrees, 0.975)) if degrees else nan)
    spreads = apart.std(1, ddof=1) if n > 1 else np.full(len(apart), nan)
    how: How = "" if units < 2 else "flips" if can_flip(units, family) else "t"
    p = np.full(len(pairs), nan) if how == "flips" else _t_of(means, errors, degrees)
    wins = ((apart > 0) + 0.5 * (apart == 0)).mean(1)
    return [
        Difference(
            *pair,
            n=n,
            units=units,
            by_speaker=by_speaker,
            value=float(means[i]),
            low=float(means[i] - halves[i]),
            high=float(means[i] + halves[i]),
            effect=float(means[i] / spreads[i]) if spreads[i] > 0 else nan,
            wins=float(wins[i]),
            p=float(p[i]),
            how=how,
        )
        for i, pair in enumerate(pairs)
    ]


def can_flip(units: int, family: int) -> bool:
    """Whether flipping the signs of so many units can give a p that Holm's rule lets pass."""
    return 2.0 ** (1 - units) <= LEVEL / family


def sums_of(apart: Values, clusters: NDArray[np.intp]) -> Values:
    """Return the sum (P, G) of each cluster's differences (P, N)."""
    member = (clusters[:, None] == np.arange(int(clusters.max()) + 1)).astype(float)
    return np.asarray(apart @ member, float)


def flipped(sums: Values, family: int, seed: int = 0) -> Values:
    """Return the two-sided p (P,) of sums (P, G), by cluster, whose signs are flipped."""
    units = sums.shape[1]
    least = np.abs(sums.sum(1)) * (1 - 1e-9)
    if units <= EXACT:
        signs = np.array([(1, *rest) for rest in product((1, -1), repeat=units - 1)], np.float32)
        return _as_far(signs, sums, least) / len(signs)
    draws = max(_DRAWS, ceil(2 * family / LEVEL))
    rng, count = np.random.default_rng(seed), np.ones(len(sums))
    for start in range(0, draws, _CHUNK):
        rows = min(_CHUNK, draws - start)
        count += _as_far(2 * rng.integers(0, 2, (rows, units), np.int8) - 1, sums, least)
    return np.asarray(count / (draws + 1), float)


def _as_far(signs: NDArray[np.generic], sums: Values, least: Values) -> Values:
    """Return how many rows of signs (B, G) move each of sums (P, G) as far from zero as it is, (P,)."""
    found = np.zeros(len(sums))
    for i in range(0, len(signs), _CHUNK):
        part = signs[i : i + _CHUNK].astype(float)
        for j in range(0, len(sums), _CHUNK):
            of = slice(j, j + _CHUNK)
            found[of] += (np.abs(part @ sums[of].T) >= least[of]).sum(0)
    return found


def _t_of(means: Values, errors: Values, degrees: float) -> Values:
    """Return the two-sided p (P,) of means; where nothing varies, 1 for no difference and 0 for a constant
    one.
    """
    if not degrees:
        return np.full(len(means), nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(means == 0, 1.0, 2 * stdtr(degrees, -np.abs(means / errors))), float)


def of_sets(
    rows: Mapping[Key, Whole],
    speakers: Sequence[str | None],
    wanted: Sequence[tuple[Key, Key]] | None = None,
) -> list[Difference]:
    """Return pairs of rows on a metric of whole sets, corrected; `wanted` as in `of_clips`."""
    known = clusters_of(speakers)[1]
    units = len(set(speakers)) if known else len(speakers)
    found = []
    for a, b in combinations(rows, 2) if wanted is None else wanted:
        one, other = rows[a], rows[b]
        apart = Difference(a, b, min(one.n, other.n), units, known, one.value - other.value)
        halves = [max(w.high - w.value, w.value - w.low) for w in (one, other)]
        comparable = (one.n, one.of) == (other.n, other.of) and not isnan(sum(halves))
        if comparable and units >= 5:
            half, degrees = sum(halves), min(10, units) - 1
            error = half / float(stdtrit(degrees, 0.975))
            p = float(_t_of(np.array([apart.value]), np.array([error]), degrees)[0])
            apart = replace(apart, low=apart.value - half, high=apart.value + half, p=p, how="sets")
        found.append(apart)
    return corrected(found)


def corrected(found: Sequence[Difference]) -> list[Difference]:
    """Return differences with Holm's corrected p over all that have one."""
    return [replace(d, corrected=p) for d, p in zip(found, holm([d.p for d in found]), strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's step-down corrected p values, NaN (no test) left out of the family."""
    tested = sorted((p, i) for i, p in enumerate(p_values) if not isnan(p))
    found, highest = [nan] * len(p_values), 0.0
    for place, (p, i) in enumerate(tested):
        highest = max(highest, min(1.0, p * (len(tested) - place)))
        found[i] = highest
    return found
