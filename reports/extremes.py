"""The worst and the best clips of each method, by each metric with a direction and by all of them together.

"All metrics": a row's clips are ranked on each ranked metric that scored any of them, and the mean of these
ranks orders them; a clip without a value on one of them is left out. Rows are never compared.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from harness.contracts import MetricCard
from reports.load import Run
from reports.ranges import sample
from reports.rank import SPEED, Board, Row
from reports.words import arrow, decimals, fixed, title

EACH = 3
"""How many clips are shown from either end."""

_MOST_ROWS = 8


@dataclass(frozen=True)
class Ends:
    """One row's worst and best clips on one metric: (clip, value as it is written), the extreme one first."""

    row: Row
    worst: tuple[tuple[str, str], ...]
    best: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Extremes:
    """What clips are ordered by, and each method's ends."""

    heading: str
    ends: tuple[Ends, ...]


def extremes(run: Run, board: Board) -> list[Extremes]:
    """Return the ends by all metrics together, then by each; only what gives at least two clips an order."""
    rows = board.best_trials()[:_MOST_ROWS]
    clips = [str(c) for c in run.clips["clip"]]
    values = sample(run.clips, run.per_clip).values
    found = [Extremes("all metrics (mean rank of the clip)", tuple(_together(rows, board, values, clips)))]
    for card in board.columns:
        if card.higher_is_better is None or card.name in SPEED or card.name not in values:
            continue
        found.append(
            Extremes(f"{title(card)} {arrow(card)}", tuple(_by(rows, card, values[card.name], clips)))
        )
    return [e for e in found if e.ends]


_Values = Mapping[tuple[str, str], NDArray[np.float64]]


def _by(rows: list[Row], card: MetricCard, values: _Values, clips: list[str]) -> Iterator[Ends]:
    for row in rows:
        of_row = values.get(row.key)
        if of_row is not None:
            yield from _ends(row, of_row, bool(card.higher_is_better), clips)


def _together(
    rows: list[Row], board: Board, values: Mapping[str, _Values], clips: list[str]
) -> Iterator[Ends]:
    for row in rows:
        ranked = [
            rankdata(-found if card.higher_is_better else found, nan_policy="omit")
            for card in board.ranked_by
            if (found := values.get(card.name, {}).get(row.key)) is not None and np.isfinite(found).any()
        ]
        if len(ranked) > 1:
            yield from _ends(row, np.asarray(np.mean(ranked, axis=0), float), False, clips)


def _ends(row: Row, values: NDArray[np.float64], higher: bool, clips: list[str]) -> Iterator[Ends]:
    """Return one row's ends; nothing where all of its clips are alike or fewer than two are scored."""
    scored = [i for i, v in enumerate(values) if math.isfinite(v)]
    if len({values[i] for i in scored}) < 2:
        return
    places = decimals(values[i] for i in scored)
    ordered = sorted(scored, key=lambda i: values[i], reverse=higher)
    each = min(EACH, len(ordered) // 2)
    written = [(clips[i], fixed(float(values[i]), places)) for i in ordered]
    yield Ends(row, tuple(written[::-1][:each]), tuple(written[:each]))
