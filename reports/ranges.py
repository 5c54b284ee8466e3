"""From tested differences to rank ranges: where a row may stand, given what the tests could tell apart.

A row's range on a metric begins after the rows that are better by the corrected test and ends before those
that are worse. As the test is wrong about any pair of a metric in at most 5 % of runs, the ranges of its
column hold all true ranks together in at least 95 % (Mogstad, Romano, Shaikh and Wilhelm 2024). A row is
best in a column where none is better and at least one is worse: two that only lead together are both marked.
For the whole table the rows are ranked on each clip and metric, and the mean rank per clip is tested in the
same way. It decides only where it agrees with the table's own mean rank, which sets (FID, KID) enter too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import cast

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from harness.contracts import MetricCard
from reports.differences import Difference, Key, Values, Whole, of_clips, of_sets

OVERALL = "mean rank"
"""What the differences of the whole table are called."""

_SAME = 1e-6


@dataclass(frozen=True)
class Sample:
    """The clips that tests are made of: speakers (N,), None where unknown, and values by metric and row."""

    speakers: tuple[str | None, ...]
    values: Mapping[str, Mapping[Key, Values]]


def sample(clips: pd.DataFrame, per_clip: pd.DataFrame) -> Sample:
    """Return a run's per-clip values as arrays in the order of clips.csv, NaN where a clip has none."""
    place = {clip: i for i, clip in enumerate(clips["clip"])}
    known = per_clip[per_clip["clip"].isin(place)]
    positions = known["clip"].map(place).to_numpy(int)
    numbers = known["value"].to_numpy(float)
    values: dict[str, dict[Key, Values]] = {}
    grouped = known.groupby(["metric", "method", "trial"], sort=False).indices
    for key, rows in grouped.items():
        metric, method, trial = cast(tuple[str, str, str], key)
        found = np.full(len(place), np.nan)
        found[positions[rows]] = numbers[rows]
        values.setdefault(metric, {})[method, trial] = found
    return Sample(tuple(s or None for s in clips["speaker"]), values)


def is_mean(value: float, clips: Values | None) -> bool:
    """Whether a score is the plain mean of its clips' values (N,): not so for sets, macro means, medians."""
    if clips is None or not np.isfinite(clips).any():
        return False
    mean = float(clips[np.isfinite(clips)].mean())
    return isnan(value) or abs(value - mean) <= _SAME * max(1.0, abs(value))


def differences(found: Sample, card: MetricCard, rows: Mapping[Key, Whole]) -> list[Difference]:
    """Return every pair of the rows that have a value on a metric, tested as its kind allows."""
    clips = found.values.get(card.name, {})
    if all(is_mean(row.value, clips.get(key)) for key, row in rows.items()):
        return of_clips({key: clips[key] for key in rows}, found.speakers)
    return of_sets(rows, found.speakers)


def overall(found: Sample, cards: Sequence[MetricCard], keys: Sequence[Key]) -> list[Difference]:
    """Return every pair of rows by their mean rank per clip, over the metrics with a value per clip."""
    none = np.full(len(found.speakers), np.nan)
    ranked = [
        _ranks(np.stack([found.values[c.name].get(key, none) for key in keys]), bool(c.higher_is_better))
        for c in cards
        if any(np.isfinite(v).any() for k, v in found.values.get(c.name, {}).items() if k in set(keys))
    ]
    if not ranked:
        return []
    means = np.mean(ranked, axis=0)
    return of_clips(dict(zip(keys, means, strict=True)), found.speakers)


def _ranks(values: Values, higher_is_better: bool) -> Values:
    """Return each clip's ranks (R, N) of the rows, 1 = best; a clip that a row lacks ranks with the worst."""
    lost = -np.inf if higher_is_better else np.inf
    kept = np.where(np.isnan(values), lost, values)
    return np.asarray(rankdata(-kept if higher_is_better else kept, axis=0), float)


def is_better(difference: Difference, higher_is_better: bool) -> bool:
    """Whether the first of a pair is better than the second by the corrected test."""
    return difference.shown and (difference.value > 0) == higher_is_better and difference.value != 0


def rank_ranges(keys: Sequence[Key], better: Sequence[tuple[Key, Key]]) -> dict[Key, tuple[int, int]]:
    """Return each row's range of ranks, 1 = best, from pairs (better row, worse row)."""
    above, below = dict.fromkeys(keys, 0), dict.fromkeys(keys, 0)
    for winner, loser in better:
        below[winner] += 1
        above[loser] += 1
    return {key: (1 + above[key], len(keys) - below[key]) for key in keys}


def best(
    places: Mapping[Key, tuple[int, int]], values: Mapping[Key, float], higher_is_better: bool
) -> set[Key]:
    """Return the rows that are marked best, none where the leading one is not better than another."""
    leading = {key for key, (first, last) in places.items() if first == 1 and last < len(places)}
    top = max(places, key=lambda key: values[key] if higher_is_better else -values[key], default=None)
    return leading if top in leading else set()


def beaten(found: Sequence[Difference], higher_is_better: bool) -> list[tuple[Key, Key]]:
    """Return the pairs (better row, worse row) that the corrected test tells apart."""
    return [
        (d.first, d.second) if is_better(d, higher_is_better) else (d.second, d.first)
        for d in found
        if d.shown and d.value != 0
    ]


def known_speakers(speakers: Sequence[str | None]) -> int:
    """Return how many speakers are known; 0 where one clip's is not."""
    return 0 if None in speakers else len(set(speakers))
