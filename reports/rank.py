"""The board: one row per (method, trial), the rank of those that compete, the controls apart.

Rule: on each quality metric (one with a direction and a judge that is valid for this footage; generation
speed is shown but not ranked) the competing rows are ranked 1 = best, ties sharing the mean of their ranks;
a row without a value there ranks with the worst. A row's mean rank over these metrics orders the board. What
is said of the order is what tests say (reports.differences): a row's rank is a range, and none is called
best in a column that is not better than another there. No value is shown of which too few clips are scored.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.contracts import MethodCard, MetricCard
from harness.results import NO_TRIAL
from harness.types import BadInput
from reports import ranges
from reports.differences import Difference, Whole
from reports.load import Run
from reports.words import decimals

SPEED = frozenset({"fps", "first_frame_ms", "peak_mb"})
"""The engine's own metrics, what generating costs: shown, never ranked as quality."""

HUMAN = "human"
"""The family of columns that a study brought: shown, never ranked: metrics are held against them."""

CONTROLS = {
    "ground_truth": "upper bound: the recorded clip itself",
    "still": "copying the picture: no motion at all",
    "wrong_audio": "lips of another sentence",
    "shifted_audio": "sound early by a fixed number of frames",
    "wrong_emotion": "the same speaker in another emotion",
}
"""The controls without which no sweep's leaderboard is shown, in the order shown, and what each one shows."""

LEAST_COVERAGE = 0.8
"""The share of its clips that a method must have scored for its value on a metric to be shown."""

_EMBEDDED_CORPUS = "synthetic"
_SIZE = re.compile(r"\d+ frames a side")

REAL = {"sweep": "ground_truth", "evaluation": "reference"}
"""The control that stands for the real clips."""


@dataclass(frozen=True)
class Cell:
    """One number of the board.

    related: its judge is a relative of what the method trains on. reason: why there is no value though clips
    were scored. detail: what to know beside the value. ranks: the first and last place that the tests leave
    among competing rows, None where the column is not ranked. best: better than another there, and none
    better. spread: SD between seeds, NaN of one seed.
    """

    value: float
    low: float
    high: float
    n: int
    unscored: int
    related: bool
    reason: str = ""
    detail: str = ""
    ranks: tuple[int, int] | None = None
    best: bool = False
    spread: float = math.nan


@dataclass(frozen=True)
class Row:
    """One (method, trial): its cells by metric name, and its place where it competes.

    places: the first and last place in the whole table that the tests leave. seeds: those that it was trained
    with, where they are several: the trial is then the first of them.
    """

    method: str
    trial: str
    card: MethodCard
    params: dict[str, Any]
    cells: dict[str, Cell]
    mean_rank: float = math.nan
    places: tuple[int, int] = (0, 0)
    seeds: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What a reader calls this row: the method, and the trial where there is one."""
        return self.method if self.trial == NO_TRIAL else f"{self.method} {self.trial}"

    @property
    def key(self) -> tuple[str, str]:
        """What tells this row from the others."""
        return self.method, self.trial

    def value(self, metric: str) -> float:
        """Return the score on a metric, NaN where there is none."""
        return self.cells[metric].value if metric in self.cells else math.nan


@dataclass(frozen=True)
class Board:
    """Columns in the order of run.json, people's first, speeds last; `ranked_by` make the rank.

    differences: every pair of competing rows by metric, and of the whole table under `ranges.OVERALL`.
    speakers: how many there are, 0 where one clip's is not known.
    """

    columns: tuple[MetricCard, ...]
    ranked_by: tuple[MetricCard, ...]
    competing: tuple[Row, ...]
    controls: tuple[Row, ...]
    differences: Mapping[str, tuple[Difference, ...]]
    speakers: int

    def best_trials(self) -> list[Row]:
        """Return the best-placed row of each competing method, best method first."""
        first: dict[str, Row] = {}
        for row in self.competing:
            first.setdefault(row.method, row)
        return list(first.values())

    def control(self, name: str) -> Row | None:
        """Return the row of a control, by the name on its card; None where the run has none."""
        return next((row for row in self.controls if row.card.name == name), None)

    @property
    def real(self) -> Row | None:
        """The row of the real clips."""
        return next((row for row in self.controls if row.card.name in REAL.values()), None)

    def decimals(self, metric: str) -> int:
        """Return how many decimal places every row of a column is written with."""
        return decimals(row.value(metric) for row in (*self.competing, *self.controls))

    def shown(self) -> list[Row]:
        """Return the rows that breakdowns show: ground truth, best trials, the other controls."""
        real = [self.real] if self.real else []
        return [*real, *self.best_trials(), *(r for r in self.controls if r not in real)]


def rank(run: Run) -> Board:
    """Return the board of a run. Raises BadInput when a control is missing."""
    rows = _rows(run)
    controls = [r for r in rows if r.card.control]
    missing = [name for name in CONTROLS if name not in {r.card.name for r in controls}]
    if missing and run.record.kind == "sweep" and run.record.complete:
        raise BadInput(
            f"{run.folder / 'results.csv'}: no row of the control {', '.join(missing)}; a leaderboard is not "
            "shown without its controls: measure them in the sweep and finish it with --resume"
        )
    order = list(CONTROLS)
    controls.sort(key=lambda r: order.index(r.card.name) if r.card.name in CONTROLS else len(order))
    competing = [r for r in rows if not r.card.control]
    columns = sorted(run.record.metrics.values(), key=lambda c: (c.name in SPEED) - (c.family == HUMAN))
    ranked_by = [
        c
        for c in columns
        if is_quality(c)
        and not is_out_of_domain(run, c)
        and not all(math.isnan(r.value(c.name)) for r in competing)
    ]
    found = ranges.sample(run.clips, run.per_clip)
    differences = {c.name: tuple(_differences(found, c, competing)) for c in ranked_by}
    competing = _ordered(competing, ranked_by)
    differences[ranges.OVERALL] = tuple(ranges.overall(found, ranked_by, [r.key for r in competing]))
    competing = _placed(_with_ranks(competing, ranked_by, differences), differences[ranges.OVERALL])
    speakers = ranges.known_speakers(found.speakers)
    return Board(tuple(columns), tuple(ranked_by), tuple(competing), tuple(controls), differences, speakers)


def is_out_of_domain(run: Run, card: MetricCard) -> bool:
    """Whether a metric's judge knows only the embedded corpus and this run is on another one."""
    return card.domain == "embedded-corpus" and run.record.reader != _EMBEDDED_CORPUS


def is_quality(card: MetricCard) -> bool:
    """Whether a metric has a direction, and is neither speed nor people's own judgement."""
    return card.higher_is_better is not None and card.name not in SPEED and card.family != HUMAN


def ranks(values: Sequence[float], higher_is_better: bool) -> list[float]:
    """Return the rank of each value, 1 = best; ties share their mean rank, NaN ties with the worst."""
    keys = [math.inf if math.isnan(v) else (-v if higher_is_better else v) for v in values]
    ordered = sorted(keys)
    # First position of a key plus half the length of its run of equals: the mean of those positions.
    return [ordered.index(k) + (ordered.count(k) + 1) / 2 for k in keys]


def _rows(run: Run) -> list[Row]:
    rows = []
    for key, table in run.results.groupby(["method", "trial"], sort=False):
        method, trial = (str(part) for part in key)
        card = run.record.methods[method]
        cells = {str(line["metric"]): _cell(run, card, line) for line in table.to_dict("records")}
        seeds = run.seeds.get((method, trial), ())
        rows.append(Row(method, trial, card, run.record.params(method, trial), cells, seeds=seeds))
    return rows


def _cell(run: Run, card: MethodCard, line: Mapping[Any, Any]) -> Cell:
    metric = run.record.metrics[line["metric"]]
    cell = Cell(
        value=line["value"],
        low=line["ci_low"],
        high=line["ci_high"],
        n=int(line["n"]),
        unscored=int(line["n_unscored"]),
        related=metric.family in (card.trained_against or ()),
        reason=line["reason"],
        detail=line["detail"],
        spread=float(line.get("spread", math.nan)),
    )
    clips = cell.n + cell.unscored
    if metric.family == HUMAN or math.isnan(cell.value) or cell.n >= LEAST_COVERAGE * clips:
        return cell
    reason = f"{cell.n} of {clips} clips are scored, fewer than {100 * LEAST_COVERAGE:.0f} %"
    return replace(cell, value=math.nan, low=math.nan, high=math.nan, reason=reason)


def _differences(found: ranges.Sample, card: MetricCard, rows: Sequence[Row]) -> list[Difference]:
    """Return every pair of the rows that have a value on a metric, tested."""
    cells = {r.key: r.cells[card.name] for r in rows if not math.isnan(r.value(card.name))}
    whole = {
        key: Whole(c.value, c.low, c.high, c.n, " ".join(_SIZE.findall(c.detail))) for key, c in cells.items()
    }
    return ranges.differences(found, card, whole)


def _with_ranks(
    rows: Sequence[Row], ranked_by: Sequence[MetricCard], differences: Mapping[str, Sequence[Difference]]
) -> list[Row]:
    cells = {row.key: dict(row.cells) for row in rows}
    for card in ranked_by:
        valued = [r.key for r in rows if not math.isnan(r.value(card.name))]
        better = ranges.beaten(differences[card.name], bool(card.higher_is_better))
        found = ranges.rank_ranges(valued, better)
        best_keys = ranges.best(found, {r.key: r.value(card.name) for r in rows}, bool(card.higher_is_better))
        for key, places in found.items():
            cells[key][card.name] = replace(cells[key][card.name], ranks=places, best=key in best_keys)
    return [replace(row, cells=cells[row.key]) for row in rows]


def _ordered(rows: Sequence[Row], ranked_by: Sequence[MetricCard]) -> list[Row]:
    """Return rows with their mean rank, best first; one without a metric to be ranked by has none."""
    if not ranked_by:
        return list(rows)
    by_metric = [ranks([r.value(c.name) for r in rows], bool(c.higher_is_better)) for c in ranked_by]
    means = [sum(column) / len(ranked_by) for column in zip(*by_metric, strict=True)]
    placed = [replace(row, mean_rank=mean) for row, mean in zip(rows, means, strict=True)]
    return sorted(placed, key=lambda r: r.mean_rank)


def _placed(rows: Sequence[Row], overall: Sequence[Difference]) -> list[Row]:
    """Return rows with their places: a pair is told apart where test and mean rank agree."""
    mean = {row.key: row.mean_rank for row in rows}
    better = [(a, b) for a, b in ranges.beaten(overall, higher_is_better=False) if mean[a] < mean[b]]
    places = ranges.rank_ranges([row.key for row in rows], better)
    return [replace(row, places=places[row.key]) for row in rows]
