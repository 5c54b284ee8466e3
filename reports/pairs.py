"""Tested pairs of rows as views show them: which of two is better on what, by how much, how surely."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal

from harness.contracts import MetricCard
from reports import words
from reports.differences import Difference
from reports.ranges import OVERALL
from reports.rank import Board, Row

MOST_ROWS = 5
"""Pages show the pairs of as many rows; comparisons.csv has all."""

Verdict = Literal["better", "worse", "differs", "tie", "untested"]

MARKS = {"better": "▲", "worse": "▼", "differs": "≠", "tie": "≈", "untested": ""}
"""What stands before a difference."""

_TESTS = {
    "flips": "signs of {} flipped",
    "t": "Student's t over {}",
    "sets": "Student's t of both jackknife errors",
    "": "not tested",
}


@dataclass(frozen=True)
class Pair:
    """One pair on one column: card None is the whole table (mean rank per clip, lower is better)."""

    card: MetricCard | None
    difference: Difference
    places: int

    @property
    def verdict(self) -> Verdict:
        """What the corrected test says of the first row; "differs" where a metric has no direction."""
        d = self.difference
        if isnan(d.corrected):
            return "untested"
        if not d.shown or d.value == 0:
            return "tie"
        if self.card is not None and self.card.higher_is_better is None:
            return "differs"
        higher = self.card is not None and bool(self.card.higher_is_better)
        return "better" if (d.value > 0) == higher else "worse"

    @property
    def gap(self) -> str:
        """The difference, with its sign."""
        return words.gap(self.difference.value, self.places)

    @property
    def interval(self) -> str:
        """Its 95 % interval, of this pair alone."""
        return words.interval(self.difference.low, self.difference.high, self.places)

    @property
    def test(self) -> str:
        """How it was tested."""
        d = self.difference
        return f"{_TESTS[d.how].format('speakers' if d.by_speaker else 'clips')}, {d.n} clips"

    @property
    def p(self) -> str:
        """The corrected p, a dash where there is none."""
        return words.NOTHING if isnan(self.difference.corrected) else words.p_value(self.difference.corrected)

    @property
    def effect(self) -> str:
        """The effect size and the share of clips that the first row won, empty for a metric of whole sets."""
        d = self.difference
        if isnan(d.wins):
            return ""
        higher = self.card is not None and bool(self.card.higher_is_better)
        won = words.share(d.wins if higher else 1 - d.wins)
        size = "" if isnan(d.effect) else f"d {words.gap(d.effect, 2)} · "
        return f"{size}won {won}"


@dataclass(frozen=True)
class Line:
    """Two rows, the better placed first, and what is known of them, column by column."""

    first: Row
    second: Row
    cells: tuple[Pair | None, ...]


def pairs(board: Board) -> Iterator[Pair]:
    """Return every tested pair, the whole table first, then column by column; the better placed row first."""
    order = {row.key: i for i, row in enumerate(board.competing)}
    for card in (None, *board.ranked_by):
        places = _places(board, card)
        for d in board.differences[card.name if card else OVERALL]:
            yield Pair(card, d if order[d.first] < order[d.second] else d.turned(), places)


def lines(board: Board) -> list[Line]:
    """Return the pairs among the first rows of the board, a cell for the whole table and for each column."""
    shown = board.competing[:MOST_ROWS]
    keys = {row.key for row in shown}
    found = {
        (p.difference.first, p.difference.second, p.card.name if p.card else OVERALL): p
        for p in pairs(board)
        if {p.difference.first, p.difference.second} <= keys
    }
    names = [OVERALL, *(c.name for c in board.ranked_by)]
    return [
        Line(a, b, tuple(found.get((a.key, b.key, name)) for name in names))
        for i, a in enumerate(shown)
        for b in shown[i + 1 :]
    ]


def told_apart(found: Sequence[Pair]) -> tuple[int, int]:
    """Return how many pairs the tests tell apart, of how many they were asked of."""
    return sum(p.verdict in ("better", "worse", "differs") for p in found), len(found)


def _places(board: Board, card: MetricCard | None) -> int:
    if card is None:
        return 2
    return words.decimals(d.value for d in board.differences[card.name])
