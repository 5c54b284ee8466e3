"""What people said, coded for arithmetic: choices between two clips, and ratings of one.

Methods, clips and participants are numbers here; a `Cast` says which row of the board and which clip each
one is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.study.votes import Trial, Vote

_SCORES = {"left": 1.0, "none": 0.5, "right": 0.0}


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval and the votes that it is made of; NaN where there is none."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Who:
    """Whose vote on which clip, one number a vote (N,)."""

    participant: NDArray[np.intp]
    clip: NDArray[np.intp]

    def __getitem__(self, kept: NDArray[np.bool_]) -> "Who":
        return Who(self.participant[kept], self.clip[kept])


@dataclass(frozen=True)
class Cast:
    """What was judged: the numbers of methods and clips count through these."""

    methods: tuple[Trial, ...]
    clips: tuple[str, ...]


@dataclass(frozen=True)
class Choices:
    """Answers of one question to pairs, (N,) each.

    left, right: what was shown there, as numbers of `cast.methods`. score: 1 where the left one is preferred,
    0 where the right one is, 0.5 for no difference.
    """

    cast: Cast
    who: Who
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    score: NDArray[np.float64]

    def __getitem__(self, kept: NDArray[np.bool_]) -> "Choices":
        return Choices(self.cast, self.who[kept], self.left[kept], self.right[kept], self.score[kept])

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True)
class Ratings:
    """Answers of one question to single clips, (N,) each; score 1 (bad) to 5 (excellent)."""

    cast: Cast
    who: Who
    shown: NDArray[np.intp]
    score: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.score)


def cast_of(votes: Iterable[Vote], order: Sequence[Trial]) -> Cast:
    """Return what votes judged: methods in the order given, others after them by name, and clips by name."""
    votes = list(votes)
    seen = {t for v in votes for t in (v.assignment.left, v.assignment.right) if t is not None}
    known = [trial for trial in order if trial in seen]
    return Cast((*known, *sorted(seen - set(known))), tuple(sorted({v.assignment.sample for v in votes})))


def choices(votes: Iterable[Vote], question: str, cast: Cast) -> Choices:
    """Return the preferences that answer a question: pairs that judge methods, no check, no training."""
    rows = [
        (v, v.assignment.left, v.assignment.right, _SCORES[v.answer])
        for v in votes
        if v.assignment.kind == "pair" and v.target == "pair" and v.question == question
    ]
    method = {trial: number for number, trial in enumerate(cast.methods)}
    return Choices(
        cast,
        _who([v for v, *_ in rows], cast),
        _numbers(method[left] for _, left, _, _ in rows),
        _numbers(method[right] for _, _, right, _ in rows if right is not None),
        np.array([score for *_, score in rows], float),
    )


def ratings(votes: Iterable[Vote], question: str, cast: Cast) -> Ratings:
    """Return the ratings that answer a question, of single clips and of clips in pairs."""
    rows = [
        (v, about)
        for v in votes
        if v.assignment.kind in ("pair", "single")
        and v.question == question
        and (about := v.about) is not None
    ]
    method = {trial: number for number, trial in enumerate(cast.methods)}
    return Ratings(
        cast,
        _who([v for v, _ in rows], cast),
        _numbers(method[about] for _, about in rows),
        np.array([float(v.answer) for v, _ in rows]),
    )


def compared(given: Ratings) -> Choices:
    """Return the choices that ratings imply: who rated two methods on one clip compared them."""
    by_cell: dict[tuple[int, int], list[int]] = {}
    for row, cell in enumerate(zip(given.who.participant.tolist(), given.who.clip.tolist(), strict=True)):
        by_cell.setdefault(cell, []).append(row)
    pairs = [
        pair
        for rows in by_cell.values()
        for pair in combinations(rows, 2)
        if given.shown[pair[0]] != given.shown[pair[1]]
    ]
    first, second = (_numbers(pair[side] for pair in pairs) for side in (0, 1))
    score = (np.sign(given.score[first] - given.score[second]) + 1) / 2
    who = Who(given.who.participant[first], given.who.clip[first])
    return Choices(given.cast, who, given.shown[first], given.shown[second], score)


def _who(votes: Sequence[Vote], cast: Cast) -> Who:
    clip = {name: number for number, name in enumerate(cast.clips)}
    return Who(
        _numbers(v.assignment.participant for v in votes), _numbers(clip[v.assignment.sample] for v in votes)
    )


def _numbers(values: Iterable[int]) -> NDArray[np.intp]:
    return np.fromiter(values, np.intp)
