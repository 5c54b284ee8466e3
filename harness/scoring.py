"""Measure and aggregate rows of pairs: what a sweep's comparison and `harness.evaluate` have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.contracts import Setup
from harness.jobs import Executor
from harness.measure import Aggregate, Comparison, Measure, Scores, View, write_lost
from harness.record import Record
from harness.store import Store
from harness.types import BadInput
from harness.weights import Weights


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table to be: a method, a trial, its pairs, and what making each clip cost (`speed`)."""

    method: str
    trial: str
    pairs: tuple[Comparison, ...]
    speeds: Sequence[Mapping[str, float | None]] | None = None


def score(
    pool: Executor,
    rows: Sequence[Row],
    metrics: tuple[tuple[str, Setup], ...],
    view: View,
    store: Store,
    weights: Weights,
    record: Record,
) -> list[tuple[Row, Scores]]:
    """Return every row with its scores. Faults are noted in `record`; a clip's reasons are in its record."""
    pairs = [(row, pair) for row in rows for pair in row.pairs]
    job = Measure(metrics, view, store, weights)
    with record.phase("measure"):
        outcomes = pool.map(job, [pair for _, pair in pairs], "measuring clips")
    for (row, pair), outcome in zip(pairs, outcomes, strict=True):
        what = f"{row.method} {row.trial} {pair.clip}"
        for fault in outcome.value or ():
            record.failure(f"{what}: {fault.metric}", fault.reason, fault.crash)
        if outcome.reason is not None:
            record.failure(f"{what}: measuring", outcome.reason, outcome.crash)
            write_lost(pair, [name for name, _ in metrics], outcome.reason)
    with record.phase("aggregate"):
        items = [tuple(pair.record for pair in row.pairs) for row in rows]
        found = pool.map(Aggregate(metrics), items, "aggregating")
    for row, outcome in zip(rows, found, strict=True):
        if outcome.value is None:
            reason = f"{row.method} {row.trial}: scores could not be aggregated: {outcome.reason}"
            raise BadInput(f"{reason}\n{outcome.crash or ''}")
    scored = [(row, o.value) for row, o in zip(rows, found, strict=True) if o.value is not None]
    record.metrics(scored[0][1].cards, timed=any(row.speeds is not None for row in rows))
    return scored
