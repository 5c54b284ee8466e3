"""Trials that differ only in their seed, made one row: the mean over seeds, and how far seeds lie apart.

A clip's value is its mean over the seeds, and there is none where one seed has none, so that every seed
speaks of the same clips. A mean over clips has the interval of those means, which is that of speakers: it
holds for these seeds. What other seeds would do is the spread beside it, the SD between seeds. A set metric
has the mean of its seeds' values and of their intervals' ends. Remarks on clips (what a judge took them
for), pictures and films are those of the first seed.
"""

from collections.abc import Mapping, Sequence
from math import isnan, nan
from typing import Any

import numpy as np
import pandas as pd

from harness.contracts import MetricCard
from harness.intervals import mean_interval
from reports.differences import Key
from reports.ranges import is_mean, sample

SEED = "seed"
"""The swept parameter that is no property of a method."""


def groups(trials: Sequence[Any]) -> dict[Key, dict[str, int]]:
    """Return the finished trials (Trial) that differ only in their seed: by the first, each trial's seed."""
    found: dict[str, list[Any]] = {}
    for trial in trials:
        if trial.status == "done" and isinstance(trial.params.get(SEED), int):
            rest = sorted((k, repr(v)) for k, v in trial.params.items() if k != SEED)
            found.setdefault(repr((trial.method, rest)), []).append(trial)
    return {
        (alike[0].method, alike[0].trial): {t.trial: t.params[SEED] for t in alike}
        for alike in found.values()
        if len(alike) > 1
    }


def merge_clips(per_clip: pd.DataFrame, alike: Mapping[Key, Mapping[str, int]]) -> pd.DataFrame:
    """Return per_clip.csv with one row a clip and metric for all seeds."""
    parts, rest = [], per_clip
    for (method, first), seeds in alike.items():
        mine = (rest["method"] == method) & rest["trial"].isin(seeds)
        parts.append(_clips_of(rest[mine], first, seeds))
        rest = rest[~mine]
    return pd.concat([*parts, rest], ignore_index=True) if parts else per_clip


def _clips_of(rows: pd.DataFrame, first: str, seeds: Mapping[str, int]) -> pd.DataFrame:
    grouped = rows.groupby(["metric", "clip"], sort=False)
    told = rows[rows["reason"] != ""]
    why = {
        (m, c): f"with seed {seeds[t]}: {reason}"
        for m, c, t, reason in zip(told["metric"], told["clip"], told["trial"], told["reason"], strict=True)
    }
    merged = rows[rows["trial"] == first].copy()
    keys = list(zip(merged["metric"], merged["clip"], strict=True))
    means, counts = grouped["value"].mean(), grouped["value"].count()
    merged["value"] = [means[k] if counts[k] == len(seeds) else nan for k in keys]
    merged["reason"] = [why.get(k, "") for k in keys]
    return merged


def merge_results(
    results: pd.DataFrame,
    tables: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame],
    alike: Mapping[Key, Mapping[str, int]],
    cards: Mapping[str, MetricCard],
) -> pd.DataFrame:
    """Return results.csv with one row a metric for all seeds, and a column `spread`, NaN for one seed.

    tables: clips.csv, per_clip.csv as it was and as `merge_clips` made it.
    """
    clips, apart, merged = tables
    one_by_one, together = sample(clips, apart), sample(clips, merged)
    results = results.assign(spread=nan)
    rows: list[dict[str, Any]] = []
    for (method, first), seeds in alike.items():
        mine = (results["method"] == method) & results["trial"].isin(seeds)
        for metric, lines in results[mine].groupby("metric", sort=False):
            values = one_by_one.values.get(str(metric), {})
            means = all(
                is_mean(value, values.get((method, trial)))
                for trial, value in zip(lines["trial"], lines["value"], strict=True)
            )
            row = _of_all_seeds(lines) | {"trial": first}
            if means:
                of_clips = together.values[str(metric)][method, first]
                row |= _of_clips(of_clips, together.speakers, cards[str(metric)])
            rows.append(row)
        results = results[~mine]
    return pd.concat([pd.DataFrame(rows), results], ignore_index=True) if rows else results


def _of_all_seeds(lines: pd.DataFrame) -> dict[str, Any]:
    """Return a metric's row of those seeds that it was asked of (people: not all): no value where one has
    none.
    """
    row = dict(lines.iloc[0])
    whole = bool(lines["value"].notna().all())
    row |= {c: float(lines[c].mean()) if whole else nan for c in ("value", "ci_low", "ci_high")}
    row |= {"n": lines["n"].min(), "n_unscored": lines["n_unscored"].max()}
    row["spread"] = float(lines["value"].std(ddof=1))
    row["reason"] = next((r for r in lines["reason"] if r), "" if whole else "one seed has no value")
    row["detail"] = lines["detail"].iloc[0] if lines["detail"].nunique() == 1 else ""
    return row


def _of_clips(values: Any, speakers: Sequence[str | None], card: MetricCard) -> dict[str, Any]:
    """Return value, interval and counts of a mean over clips (N,)."""
    kept = np.isfinite(values)
    found = {"n": float(kept.sum()), "n_unscored": float((~kept).sum())}
    if not kept.any():
        return found | {"value": nan, "ci_low": nan, "ci_high": nan}
    low, high = mean_interval(values[kept], [s for s, k in zip(speakers, kept, strict=True) if k])
    if not isnan(low):
        low, high = max(low, card.range[0]), min(high, card.range[1])
    return found | {"value": float(values[kept].mean()), "ci_low": low, "ci_high": high}
