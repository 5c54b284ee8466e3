"""One shape for every row of every performance table, and the arithmetic of ratios and their spread.

Rates are measured in rounds that take turns, ours and the peer's. A row gives the medians, the ratio of the
medians, and the smallest and the largest ratio of a single round. A peer that is not installed has a row that
says so: nothing is left out in silence.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from harness.types import BadInput

EXTRA = 'install the extra: python -m pip install -e ".[bench]"'


@dataclass(frozen=True, slots=True)
class What:
    """What is measured. peer: what ours is compared with; empty where there is nothing to compare with."""

    table: str
    name: str
    unit: str
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """What the project promises: at least `value`, or at most."""

    value: float
    most: bool = False

    def met(self, found: float) -> bool:
        """Return whether a number keeps the promise."""
        return found <= self.value if self.most else found >= self.value

    def __str__(self) -> str:
        return f"{'at most' if self.most else 'at least'} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `ours` and `theirs` are rates (or sizes) in `unit`, None where nothing was measured.

    ratio: ours over theirs. low, high: its spread over the `n` rounds, or that of `ours` where there is no
    peer. bar: what is promised of the ratio, or of `ours` where there is no peer; met: whether it is kept,
    None without a promise.
    """

    table: str
    name: str
    peer: str
    unit: str
    ours: float | None
    theirs: float | None
    ratio: float | None
    low: float | None
    high: float | None
    n: int
    bar: str = ""
    met: bool | None = None
    note: str = ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What is measured once: another measurement of the same takes this row's place."""
        return self.table, self.name, self.peer, self.unit

    @property
    def fell_short(self) -> bool:
        """Whether a promise is not kept, or could not be looked at because a peer is not installed."""
        return self.met is False or self.n == 0


def compared(
    what: What, ours: Sequence[float], theirs: Sequence[float], bar: Bar | None = None, note: str = ""
) -> Row:
    """Return the row of two rates, measured in turns: as many of ours as of the peer's, in order.

    Raises ValueError where they are not as many, BadInput where a rate is not above 0.
    """
    single = [_positive(what, a) / _positive(what, b) for a, b in zip(ours, theirs, strict=True)]
    mine, its = statistics.median(ours), statistics.median(theirs)
    ratio = mine / its
    told = "" if bar is None else f"ratio {bar}"
    met = None if bar is None else bar.met(ratio)
    spread = min(single), max(single), len(single)
    return Row(what.table, what.name, what.peer, what.unit, mine, its, ratio, *spread, told, met, note)


def alone(what: What, found: Sequence[float], bar: Bar | None = None, note: str = "") -> Row:
    """Return the row of what has no peer: the median over rounds, and their spread."""
    value = statistics.median(found)
    told = "" if bar is None else str(bar)
    met = None if bar is None else bar.met(value)
    spread = min(found), max(found), len(found)
    return Row(what.table, what.name, "", what.unit, value, None, None, *spread, told, met, note)


def missing(what: What, package: str | None) -> Row:
    """Return the row that says that a peer is not installed, and how to get it."""
    note = f"not measured: needs the Python package {package}; {EXTRA}"
    return Row(what.table, what.name, what.peer, what.unit, None, None, None, None, None, 0, note=note)


def _positive(what: What, rate: float) -> float:
    if not rate > 0:
        raise BadInput(f"{what.table} {what.name}: a rate of {rate:g} {what.unit}: too short to be measured")
    return rate
