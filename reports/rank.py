"""The board: one row per (method, trial), the rank of those that compete, the controls apart.

Rule: on each quality metric (one with a direction and a judge that is valid for this footage; generation
speed is shown but not ranked) the competing rows are ranked 1 = best, ties sharing the mean of their ranks; a
row without a value there ranks with the worst. A row's mean rank over these metrics orders the board; equal
mean ranks share a place.
Not done here: tests of whether a difference is more than chance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.contracts import MethodCard, MetricCard
from harness.results import NO_TRIAL
from harness.types import BadInput
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

_EMBEDDED_CORPUS = "synthetic"

REAL = {"sweep": "ground_truth", "evaluation": "reference"}
"""The control that stands for the real clips."""


@dataclass(frozen=True)
class Cell:
    """One number of the board.

    related: its judge is a relative of what the method trains on. reason: why there is no value though clips
    were scored. detail: what to know beside the value.
    """

    value: float
    low: float
    high: float
    n: int
    unscored: int
    related: bool
    reason: str = ""
    detail: str = ""
    best: bool = False


@dataclass(frozen=True)
class Row:
    """One (method, trial): its cells by metric name, and its place where it competes."""

    method: str
    trial: str
    card: MethodCard
    params: dict[str, Any]
    cells: dict[str, Cell]
    mean_rank: float = math.nan
    place: int = 0
    tied: bool = False

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
    """Columns in the order of run.json, people's first, speeds last; `ranked_by` make the rank."""

    columns: tuple[MetricCard, ...]
    ranked_by: tuple[MetricCard, ...]
    competing: tuple[Row, ...]
    controls: tuple[Row, ...]

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
    if missing and run.record.kind == "sweep":
        raise BadInput(
            f"{run.folder / 'results.csv'}: no row of the control {', '.join(missing)}; a leaderboard is not "
            "shown without its controls: measure them in the sweep and finish it with --resume"
        )
    order = list(CONTROLS)
    controls.sort(key=lambda r: order.index(r.card.name) if r.card.name in CONTROLS else len(order))
    competing = [r for r in rows if not r.card.control]
    columns = sorted(run.record.metrics.values(), key=lambda c: (c.name in SPEED) - (c.family == HUMAN))
    valid = [c for c in columns if not is_out_of_domain(run, c)]
    ranked_by = [
        c for c in valid if is_quality(c) and not all(math.isnan(r.value(c.name)) for r in competing)
    ]
    competing = _placed([_with_best(r, competing, valid) for r in competing], ranked_by)
    return Board(tuple(columns), tuple(ranked_by), tuple(competing), tuple(controls))


def is_out_of_domain(run: Run, card: MetricCard) -> bool:
    """Whether a metric's judge knows only the embedded corpus and this run is on another one."""
    return card.domain == "embedded-corpus" and run.record.reader != _EMBEDDED_CORPUS


def is_quality(card: MetricCard) -> bool:
    """Whether a metric has a direction, and is neither speed nor people's own judgement."""
    return card.higher_is_better is not None and card.name not in SPEED and card.family != HUMAN


def place_of(row: Row) -> str:
    """Return a place as a reader writes it: "3", or "3=" when it is shared."""
    return f"{row.place}=" if row.tied else str(row.place)


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
        cells = {
            str(line["metric"]): Cell(
                value=line["value"],
                low=line["ci_low"],
                high=line["ci_high"],
                n=int(line["n"]),
                unscored=int(line["n_unscored"]),
                related=run.record.metrics[line["metric"]].family in (card.trained_against or ()),
                reason=line["reason"],
                detail=line["detail"],
            )
            for line in table.to_dict("records")
        }
        rows.append(Row(method, trial, card, run.record.params(method, trial), cells))
    return rows


def _with_best(row: Row, rows: Sequence[Row], columns: Sequence[MetricCard]) -> Row:
    cells = dict(row.cells)
    for card in columns:
        scored = [v for r in rows if not math.isnan(v := r.value(card.name))]
        if card.higher_is_better is None or not scored or card.name not in cells:
            continue
        best = max(scored) if card.higher_is_better else min(scored)
        cells[card.name] = replace(cells[card.name], best=row.value(card.name) == best)
    return replace(row, cells=cells)


def _placed(rows: Sequence[Row], ranked_by: Sequence[MetricCard]) -> list[Row]:
    if not ranked_by:
        return [replace(r, place=1, tied=len(rows) > 1) for r in rows]
    by_metric = [ranks([r.value(c.name) for r in rows], bool(c.higher_is_better)) for c in ranked_by]
    means = [sum(column) / len(ranked_by) for column in zip(*by_metric, strict=True)]
    placed = [
        replace(row, mean_rank=mean, place=1 + sum(m < mean for m in means), tied=means.count(mean) > 1)
        for row, mean in zip(rows, means, strict=True)
    ]
    return sorted(placed, key=lambda r: r.place)
