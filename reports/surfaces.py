"""Response surfaces: a metric's mean over the trials that share the values of two swept parameters.

What else varied between trials is averaged over, which `Surface.note` says, and whether all cells average
over the same of it. A parameter of many values (a random search) is cut into ranges of equally many values.
Not done here: a fit, an interpolation, a test. A cell without a trial stays empty.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from harness.contracts import MetricCard
from reports.rank import Board, Row
from reports.trends import number, swept
from reports.words import decimals, fixed, symbol

_MOST_VALUES = 7
_RANGES = 5
"""A parameter of more values than the former is cut into as many ranges as the latter."""


@dataclass(frozen=True)
class Axis:
    """A parameter and the ranges (first and last value) that its trials are put into, in ascending order."""

    parameter: str
    ranges: tuple[tuple[float, float], ...]

    @property
    def cut(self) -> bool:
        """Whether a range holds several values."""
        return any(low != high for low, high in self.ranges)

    @property
    def labels(self) -> list[str]:
        """What stands at each range."""
        return [f"{low:g}" if low == high else f"{low:.3g} to {high:.3g}" for low, high in self.ranges]

    def place(self, row: Row) -> int | None:
        """Return the range that a trial is in, None where it has no number there."""
        value = number(row, self.parameter)
        if value is None:
            return None
        return next((i for i, (low, high) in enumerate(self.ranges) if low <= value <= high), None)


@dataclass(frozen=True)
class Cell:
    """The mean of `trials` trials, `lacking` more have no value; NaN where none has one."""

    mean: float
    trials: int
    lacking: int


@dataclass(frozen=True)
class Surface:
    """One metric of one method over two parameters; `cells` by place on `down`, then on `across`.

    over: the names of what else varied. even: whether every cell with a mean averages over the same values
    of that. span: the least and the greatest mean of this metric over all the method's pairs, which the
    shades of all its surfaces lie between.
    """

    method: str
    card: MetricCard
    across: Axis
    down: Axis
    cells: tuple[tuple[Cell | None, ...], ...]
    over: tuple[str, ...]
    even: bool
    span: tuple[float, float] = (math.nan, math.nan)

    @property
    def heading(self) -> str:
        """The two parameters, the one that goes down first."""
        return f"{symbol(self.down.parameter)} against {symbol(self.across.parameter)}"

    @property
    def note(self) -> str:
        """What a cell is averaged over, what it leaves out, and how parameters were cut."""
        said = [self._averaged()]
        said += [
            f"{symbol(axis.parameter)} in {len(axis.ranges)} ranges of about as many values each"
            for axis in (self.down, self.across)
            if axis.cut
        ]
        if lacking := sum(cell.lacking for line in self.cells for cell in line if cell):
            said.append(f"{lacking} {'trial' if lacking == 1 else 'trials'} without a value left out")
        return "; ".join(said)

    def text(self, cell: Cell) -> str:
        """Return a cell's mean as it is written on all surfaces of this method and metric."""
        return fixed(cell.mean, decimals(self.span))

    def shade(self, cell: Cell | None) -> float | None:
        """Return 0..1, deeper is better (higher where no direction is better); None where there is none."""
        low, high = self.span
        if cell is None or not math.isfinite(cell.mean) or not low < high:
            return None
        share = (cell.mean - low) / (high - low)
        return 1 - share if self.card.higher_is_better is False else share

    def means(self) -> list[float]:
        """Return the means that there are."""
        return [c.mean for line in self.cells for c in line if c is not None and math.isfinite(c.mean)]

    def _averaged(self) -> str:
        if self.over:
            names = ", ".join(map(symbol, self.over))
            even = "the same values in every cell"
            uneven = f"whose values differ between cells: part of a difference may be due to {names}"
            return f"averaged over {names}, {even if self.even else uneven}"
        most = max((c.trials for line in self.cells for c in line if c), default=0)
        return "a cell is one trial" if most <= 1 else "mean over trials that share both"


def surfaces(board: Board) -> list[tuple[MetricCard, tuple[Surface, ...]]]:
    """Return, for each metric with a value, a surface for each method and pair of its swept parameters."""
    by_method: dict[str, list[Row]] = {}
    for row in board.competing:
        by_method.setdefault(row.method, []).append(row)
    found = []
    for card in board.columns:
        of_card = [s for method, rows in by_method.items() for s in _of_method(method, rows, card)]
        if of_card:
            found.append((card, tuple(of_card)))
    return found


def _of_method(method: str, rows: Sequence[Row], card: MetricCard) -> list[Surface]:
    """Return a method's surfaces of one metric, on one scale."""
    axes = [_axis(rows, name) for name in swept(rows)]
    found = [_surface(method, rows, card, down, across) for across, down in combinations(axes, 2)]
    means = [mean for surface in found for mean in surface.means()]
    if not means:
        return []
    span = (min(means), max(means))
    return [replace(surface, span=span) for surface in found]


def _axis(rows: Sequence[Row], name: str) -> Axis:
    values = sorted({v for row in rows if (v := number(row, name)) is not None and math.isfinite(v)})
    if len(values) <= _MOST_VALUES:
        return Axis(name, tuple((v, v) for v in values))
    ends = [round(i * len(values) / _RANGES) for i in range(_RANGES + 1)]
    return Axis(name, tuple((values[a], values[b - 1]) for a, b in pairwise(ends)))


def _surface(method: str, rows: Sequence[Row], card: MetricCard, down: Axis, across: Axis) -> Surface:
    inside: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        i, j = down.place(row), across.place(row)
        if i is not None and j is not None:
            inside.setdefault((i, j), []).append(row)
    cells = tuple(
        tuple(_cell(inside.get((i, j), []), card) for j in range(len(across.ranges)))
        for i in range(len(down.ranges))
    )
    over = _others([row for group in inside.values() for row in group], (down.parameter, across.parameter))
    mixes = {
        tuple(sorted(_mix(row, over) for row in valued))
        for group in inside.values()
        if (valued := [row for row in group if math.isfinite(row.value(card.name))])
    }
    return Surface(method, card, across, down, cells, over, len(mixes) <= 1)


def _cell(rows: Sequence[Row], card: MetricCard) -> Cell | None:
    if not rows:
        return None
    values = [v for row in rows if math.isfinite(v := row.value(card.name))]
    mean = math.fsum(values) / len(values) if values else math.nan
    return Cell(mean, len(values), len(rows) - len(values))


def _others(rows: Sequence[Row], pair: tuple[str, str]) -> tuple[str, ...]:
    """Return what else varies over these trials, numbers or not, in its own order."""
    names = dict.fromkeys(name for row in rows for name in row.params if name not in pair)
    return tuple(n for n in names if len({repr(row.params.get(n)) for row in rows}) > 1)


def _mix(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    given: Mapping[str, object] = row.params
    return tuple(repr(given.get(name)) for name in names)
