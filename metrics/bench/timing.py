"""What a line of the performance table is: both sides timed in turns, on the same input, to the same numbers.

A round times one side after the other, so that a machine that slows down slows both. The ratio is of the
medians over rounds; its spread is that of the single rounds. Numbers that differ are an error, not a result.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.bench.rows import Bar, Row, What, compared
from harness.types import BadInput
from metrics.bench.material import Material

Numbers = NDArray[np.float64]
Side = Callable[[], Numbers]


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of both sides: seconds, and the numbers that each found."""

    ours: float
    peer: float
    our_numbers: Numbers
    peer_numbers: Numbers


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table.

    peer: what ours is divided into. bar: the least ratio that the project promises, None where it promises
    none. absolute, relative: how near the numbers must be. amount: what a round works on, in `unit` without
    its "/s".
    """

    name: str
    peer: str
    bar: float | None
    run: Callable[[Material], Sequence[Round]]
    absolute: float = 0.0
    relative: float = 0.0
    amount: int = 1
    unit: str = "runs/s"

    @property
    def what(self) -> What:
        """What its row measures."""
        return What("metrics", self.name, self.unit, self.peer)


def alternate(ours: Side, peer: Side, rounds: int) -> list[Round]:
    """Return rounds of two functions, in CPU seconds of this process: other work moves them least."""
    return [Round(*_timed_both(ours, peer)) for _ in range(rounds)]


def _timed_both(ours: Side, peer: Side) -> tuple[float, float, Numbers, Numbers]:
    begin = time.process_time()
    our_numbers = ours()
    middle = time.process_time()
    peer_numbers = peer()
    return middle - begin, time.process_time() - middle, our_numbers, peer_numbers


def row(case: Case, rounds: Sequence[Round]) -> Row:
    """Return the case's row. Raises BadInput where the two sides' numbers differ."""
    worst = max(_difference(case, turn) for turn in rounds)
    ours, theirs = [case.amount / r.ours for r in rounds], [case.amount / r.peer for r in rounds]
    bar = None if case.bar is None else Bar(case.bar)
    return compared(case.what, ours, theirs, bar, f"numbers within {worst:.1e}")


def line(case: Case, rounds: Sequence[Round]) -> str:
    """Return the case's line. Raises BadInput where the two sides' numbers differ."""
    found = row(case, rounds)
    bar = "" if found.met is None else f"bar {case.bar:g} {'met' if found.met else 'SHORT':5}  "
    seconds = statistics.median(r.ours for r in rounds)
    return (
        f"{case.name:14} {found.ratio:8.2f} x {case.peer:28} ({found.low:.2f} to {found.high:.2f})  "
        f"{bar}ours {seconds:.3g} s, {found.note}"
    )


def _difference(case: Case, turn: Round) -> float:
    ours, peer = turn.our_numbers, turn.peer_numbers
    if ours.shape != peer.shape or not np.allclose(ours, peer, case.relative, case.absolute):
        raise BadInput(
            f"{case.name}: ours is {ours}, the peer's {peer}: a speed of another number is no result"
        )
    return float(np.abs(ours - peer).max())
