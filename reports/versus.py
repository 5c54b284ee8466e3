"""Two runs side by side: what differs in how they were made, and which of their numbers differ by more than
chance.

Runs are compared where they answer the same question: the same kind of run on the same clips, cropped in the
same way, from the same reference pictures. A metric is compared where both runs mean the same by it: the
same card, and the same score of the real clips, which no method touches: where those differ, the instrument
does. Anything else is refused with its reason. Rows are matched by method and parameters and tested pair by
pair over the clips that both scored, Holm's rule over all matched rows on one metric.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.contracts import MetricCard
from harness.types import BadInput
from reports.differences import Difference, Key, Values, Whole, of_clips, of_sets
from reports.load import Run
from reports.pairs import Pair
from reports.ranges import Sample, is_mean, sample
from reports.rank import HUMAN, REAL, SPEED, Board, Cell, Row, rank
from reports.words import decimals

_SAME_INSTRUMENT = 1e-3
"""Real clips may score this much apart, as a share of their own size, and still be measured by one
instrument.
"""

_MEANING = ("backbone", "variant", "unit", "higher_is_better")
_PROVENANCE = ("code", "git", "seeds", "versions", "backbones", "hardware")


@dataclass(frozen=True)
class Changed:
    """One thing in which the runs differ; None where a run has none."""

    what: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Match:
    """A row of both runs, with its number in each and their difference (after less before), by metric."""

    before: Row
    after: Row
    cells: tuple[tuple[Cell | None, Cell | None, Pair | None], ...]


@dataclass(frozen=True)
class Versus:
    """Two runs. refused: metrics that are not compared, by name, with the reason."""

    before: Run
    after: Run
    changed: tuple[Changed, ...]
    columns: tuple[MetricCard, ...]
    places: Mapping[str, int]
    matches: tuple[Match, ...]
    refused: Mapping[str, str]
    alone: tuple[tuple[str, str], ...]
    clips: int


def versus(before: Run, after: Run) -> Versus:
    """Return the comparison. Raises BadInput, with every reason, where the runs cannot be compared."""
    shared = _shared_clips(before, after)
    boards = rank(before), rank(after)
    samples = tuple(_sample(run, shared) for run in (before, after))
    refused = _refused(before, after, samples)
    cards = [c for c in boards[1].columns if c.name in before.record.metrics and c.name not in refused]
    if not cards:
        reasons = "; ".join(f"{name}: {why}" for name, why in refused.items())
        raise BadInput(f"{before.folder} and {after.folder}: no metric means the same in both ({reasons})")
    rows = _rows(*boards)
    if not rows:
        raise BadInput(f"{before.folder} and {after.folder}: no method with the same parameters is in both")
    tested = {c.name: _tested(c, rows, samples) for c in cards}
    places = {
        c.name: decimals(v for b in boards for r in b.competing for v in [r.value(c.name)]) for c in cards
    }
    return Versus(
        before,
        after,
        tuple(_changed(before, after)),
        tuple(cards),
        places,
        tuple(_match(pair, i, cards, tested, places) for i, pair in enumerate(rows)),
        refused,
        tuple(_alone(boards[0], boards[1], rows)),
        len(shared),
    )


def _shared_clips(before: Run, after: Run) -> set[str]:
    """Return the clips of both runs. Raises BadInput where they do not answer the same question."""
    one, other = _task(before), _task(after)
    wrong = [f"{what} ({one[what]} and {other[what]})" for what in one if one[what] != other.get(what)]
    shared = set(before.clips["clip"]) & set(after.clips["clip"])
    if not wrong and not shared:
        wrong = ["the tested clips: none is in both"]
    if wrong:
        raise BadInput(
            f"{before.folder} and {after.folder} cannot be compared, their numbers are of different tasks: "
            f"they differ in {'; '.join(wrong)}"
        )
    return shared


def _task(run: Run) -> dict[str, str]:
    """Return what two runs must have in common."""
    record, data = run.record, run.record.config.get("data")
    given: Mapping[str, Any] = data if isinstance(data, dict) else {}
    drawn = record.reader == "synthetic" and given.get("root") is None
    return {
        "the kind of run": record.kind,
        "the corpus": f"{record.reader} {given.get('synthetic', '')}" if drawn else record.reader,
        "the split or the clips' contents": record.split.hash,
        "faces": str(record.faces),
        "the clips' size": str(given.get("size", "as given")),
        "the reference picture": str(record.reference.get("policy")),
    }


def _sample(run: Run, shared: set[str]) -> Sample:
    clips = run.clips[run.clips["clip"].isin(shared)].sort_values("clip")
    return sample(clips, run.per_clip)


def _refused(before: Run, after: Run, samples: tuple[Sample, ...]) -> dict[str, str]:
    found = {}
    for name, card in after.record.metrics.items():
        old = before.record.metrics.get(name)
        if old is None or card.family == HUMAN:
            continue
        meant = [f for f in _MEANING if getattr(old, f) != getattr(card, f)]
        if meant:
            told = ", ".join(f"{f} {getattr(old, f)!r} and {getattr(card, f)!r}" for f in meant)
            found[name] = f"it means another thing in each run: {told}"
        elif _instrument(name, before, after, samples) > _SAME_INSTRUMENT:
            found[name] = (
                "the real clips, which are the same in both runs, have other scores: the versions of the "
                "instrument, or of the codec, are incompatible"
            )
    return found


def _instrument(name: str, before: Run, after: Run, samples: tuple[Sample, ...]) -> float:
    """Return how far the real clips' scores lie apart at most, as a share of all rows' spread; 0 where none
    is.
    """
    runs = tuple(zip((before, after), samples, strict=True))
    values = [found.values.get(name, {}).get(_real(run), np.empty(0)) for run, found in runs]
    rows = [*samples[1].values.get(name, {}).values()]
    if not all(np.isfinite(v).any() for v in values):  # a metric of whole sets
        if set(before.clips["clip"]) != set(after.clips["clip"]):
            return 0.0
        values = [_scores(run, name, [_real(run)]) for run, _ in runs]
        rows = [_scores(after, name, None)]
    apart = np.abs(values[0] - values[1]) if len(values[0]) == len(values[1]) else np.empty(0)
    if not np.isfinite(apart).any() or np.nanmax(apart) == 0:
        return 0.0
    spread = float(np.nanstd(np.concatenate(rows)))
    return float(np.nanmax(apart)) / spread if spread else np.inf


def _scores(run: Run, name: str, keys: list[Key] | None) -> Values:
    """Return the scores (R,) of rows on a metric, of all rows without `keys`."""
    table = run.results[run.results["metric"] == name]
    found = zip(table["method"], table["trial"], table["value"], strict=True)
    return np.array([v for m, t, v in found if keys is None or (m, t) in keys], float)


def _real(run: Run) -> Key:
    """Return the row of the real clips, by the name on its card."""
    keys = run.results[["method", "trial"]].drop_duplicates().itertuples(index=False, name=None)
    name = REAL[run.record.kind]
    return next(((str(m), str(t)) for m, t in keys if run.record.methods[m].name == name), (name, ""))


def _rows(before: Board, after: Board) -> list[tuple[Row, Row]]:
    """Return the competing rows of both runs, matched by method and parameters, in the later run's order."""
    known: dict[str, Row] = {}
    for row in before.competing:
        known.setdefault(_identity(row), row)
    return [(known[_identity(row)], row) for row in after.competing if _identity(row) in known]


def _identity(row: Row) -> str:
    return repr((row.method, sorted((k, repr(v)) for k, v in row.params.items())))


def _alone(before: Board, after: Board, rows: list[tuple[Row, Row]]) -> list[tuple[str, str]]:
    matched = {_identity(row) for row, _ in rows}
    return [
        (which, row.name)
        for which, board in (("before", before), ("after", after))
        for row in board.competing
        if _identity(row) not in matched
    ]


def _tested(
    card: MetricCard, rows: list[tuple[Row, Row]], samples: tuple[Sample, ...]
) -> dict[int, Difference]:
    """Return each matched row's difference, after less before, by its index; none where a value lacks."""
    if card.name in SPEED or card.family == HUMAN:
        return {}
    wholes: dict[Key, Whole] = {}
    clips: dict[Key, Any] = {}
    wanted: list[tuple[Key, Key]] = []
    for i, pair in enumerate(rows):
        cells = [row.cells.get(card.name) for row in pair]
        if any(c is None or np.isnan(c.value) for c in cells):
            continue
        keys = [(which, str(i)) for which in ("before", "after")]
        wanted.append((keys[1], keys[0]))
        for key, cell, row, found in zip(keys, cells, pair, samples, strict=True):
            assert cell is not None
            wholes[key] = Whole(cell.value, cell.low, cell.high, cell.n, cell.detail)
            clips[key] = found.values.get(card.name, {}).get(row.key)
    means = all(is_mean(np.nan, v) for v in clips.values())
    speakers = samples[0].speakers
    found_pairs = of_clips(clips, speakers, wanted) if means else of_sets(wholes, speakers, wanted)
    return {int(d.first[1]): d for d in found_pairs}


def _match(
    pair: tuple[Row, Row],
    index: int,
    cards: list[MetricCard],
    tested: Mapping[str, Mapping[int, Difference]],
    places: Mapping[str, int],
) -> Match:
    before, after = pair
    cells = []
    for card in cards:
        found = tested[card.name].get(index)
        shown = None if found is None else Pair(card, found, places[card.name])
        cells.append((before.cells.get(card.name), after.cells.get(card.name), shown))
    return Match(before, after, tuple(cells))


def _changed(before: Run, after: Run) -> list[Changed]:
    """Return what differs in the records, key by key: config, code, versions, seeds, machine."""
    one, other = (_flat({"config": r.record.config, **_provenance(r)}) for r in (before, after))
    keys = dict.fromkeys([*one, *other])
    return [Changed(k, one.get(k), other.get(k)) for k in keys if one.get(k) != other.get(k)]


def _provenance(run: Run) -> dict[str, Any]:
    known = run.record.model_dump()
    return {name: known[name] for name in _PROVENANCE if name in known}


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return nested mappings and lists as dotted paths to plain values."""
    if isinstance(value, dict) and value:
        parts = [(f"{path}.{k}" if path else str(k), v) for k, v in value.items()]
    elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        parts = [(f"{path}.{i}", v) for i, v in enumerate(value)]
    else:
        return {path: value}
    return {k: v for key, inner in parts for k, v in _flat(inner, key).items()}
