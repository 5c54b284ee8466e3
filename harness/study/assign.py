"""Who sees what, in which order, on which side: a pure function of what the database holds.

A participant's whole plan is drawn at once, when they consent:
1. every pair of trials gets its equal share of the judgements, what is left over goes to the least judged;
2. each goes to the sample on which that pair was judged least, then to what this participant saw least;
3. the side that each trial stood on less often;
4. the order is the row of a Williams design that was used least.
Ties are broken by a generator seeded by the study and the participant's number. What was answered counts, and
what somebody who is about may yet answer; what was given to somebody who left is given again.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.study.config import StudyConfig
from harness.study.material import Cell, Material
from harness.study.orders import williams
from harness.study.votes import Kind, Side, Sound, Trial

Shown = tuple[str, Trial, Trial | None]
"""A sample with the trial on the left and the one on the right."""

_CHECKED: tuple[Side, Side] = ("left", "right")


@dataclass(frozen=True, slots=True)
class State:
    """What counts towards balance: how often each was shown, each hidden side, each order."""

    shown: Mapping[Shown, int] = field(default_factory=dict)
    sequences: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """One thing that a participant will be shown; the fields are those of `votes.Assignment`."""

    place: int
    kind: Kind
    sample: str
    left: Trial
    right: Trial | None
    sound: Sound
    hidden: Side | None = None
    expected: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one participant will be shown. `sequence` is the row of the Williams design."""

    sequence: int
    items: tuple[Planned, ...]


def plan(material: Material, study: StudyConfig, state: State, number: int) -> Plan:
    """Return the plan of participant `number` (from 0)."""
    rng = np.random.default_rng([study.seed, number])
    rows = williams(study.pairs)
    sequence = min(range(len(rows)), key=lambda row: (state.sequences.get(row, 0), row))
    chosen = _choose(material, study, state, rng)
    judged = [chosen[thing] for thing in rows[sequence]]
    drawn = _Drawing(material, study, rng)
    items = [drawn.training() for _ in range(study.training)]
    waiting = iter(judged)
    for at in range(1, study.length - study.training + 1):
        if at in study.attention.at:
            items.append(drawn.attention())
        elif at in study.gold.at:
            items.append(drawn.gold())
        else:
            items.append(drawn.judgement(next(waiting)))
    return Plan(sequence, tuple(_placed(items)))


def _choose(material: Material, study: StudyConfig, state: State, rng: np.random.Generator) -> list[Shown]:
    """Return a participant's judgements grouped by trials, for the Williams row to permute."""
    by_trials: dict[tuple[Trial, Trial | None], list[Cell]] = defaultdict(list)
    for cell in material.cells:
        by_trials[cell.first, cell.second].append(cell)
    counts = Counter(state.shown)
    used: Counter[str] = Counter()
    taken: set[Cell] = set()
    chosen: list[tuple[int, Shown]] = []
    order = list(by_trials)
    totals = {trials: sum(_seen(counts, c) for c in cells) for trials, cells in by_trials.items()}
    for _ in range(study.pairs):
        mine = Counter(index for index, _ in chosen)
        free = [i for i, trials in enumerate(order) if any(c not in taken for c in by_trials[trials])]
        at = min(free, key=lambda i: (mine[i], totals[order[i]], rng.random()))
        open_cells = [c for c in by_trials[order[at]] if c not in taken]
        cell = min(open_cells, key=lambda c: (_seen(counts, c), used[c.sample], rng.random()))
        shown = _sided(cell, by_trials[order[at]], counts, rng)
        taken.add(cell)
        used[cell.sample] += 1
        counts[shown] += 1
        chosen.append((at, shown))
    return [shown for _, shown in sorted(chosen, key=lambda pair: pair[0])]


def _seen(counts: Mapping[Shown, int], cell: Cell) -> int:
    """Count how often a cell was shown, either way round."""
    both = {(cell.sample, cell.first, cell.second), _turned(cell)}
    return sum(counts.get(shown, 0) for shown in both)


def _turned(cell: Cell) -> Shown:
    if cell.second is None:
        return cell.sample, cell.first, None
    return cell.sample, cell.second, cell.first


def _sided(cell: Cell, alike: Sequence[Cell], counts: Mapping[Shown, int], rng: np.random.Generator) -> Shown:
    """Choose the way round that was shown less: of this cell, then of its two trials over all samples."""
    straight: Shown = (cell.sample, cell.first, cell.second)
    if cell.second is None:
        return straight
    ways = [straight, _turned(cell)]
    over_all = [
        sum(counts.get((c.sample, c.first, c.second), 0) for c in alike),
        sum(counts.get(_turned(c), 0) for c in alike),
    ]
    best = min((0, 1), key=lambda way: (over_all[way], counts.get(ways[way], 0), rng.random()))
    return ways[best]


def _placed(items: Sequence[Planned]) -> list[Planned]:
    return [
        Planned(place, i.kind, i.sample, i.left, i.right, i.sound, i.hidden, i.expected)
        for place, i in enumerate(items)
    ]


class _Drawing:
    """Makes items, drawing what is chance's alone: sound, hidden side, material and answers of checks."""

    def __init__(self, material: Material, study: StudyConfig, rng: np.random.Generator) -> None:
        self._material, self._study, self._rng = material, study, rng
        self._gold = [material.gold[i] for i in rng.permutation(len(material.gold))]

    def judgement(self, shown: Shown) -> Planned:
        """Return an item that counts."""
        kinds: dict[str, Kind] = {"ab": "pair", "acr": "single", "abx": "abx"}
        return self._item(kinds[self._study.design], shown)

    def training(self) -> Planned:
        """Return an item that only shows how it goes."""
        return self._item("training", self._any(self._material.cells))

    def attention(self) -> Planned:
        """Return a check that says itself what to answer."""
        answers = {"ab": ("left", "right", "none"), "acr": ("1", "2", "4", "5"), "abx": _CHECKED}
        item = self._item("attention", self._any(self._material.cells))
        asked = answers[self._study.design]
        return _expecting(item, asked[self._rng.integers(len(asked))])

    def gold(self) -> Planned:
        """Return a pair whose answer is known, no sample twice."""
        item = self._item("gold", self._any([self._gold.pop()]))
        if item.hidden is not None:
            return _expecting(item, item.hidden)
        better = self._study.gold.better
        left_is_better = better in (item.left.method, f"{item.left.method}/{item.left.trial}")
        return _expecting(item, "left" if left_is_better else "right")

    def _any(self, cells: Sequence[Cell]) -> Shown:
        cell = cells[int(self._rng.integers(len(cells)))]
        straight: Shown = (cell.sample, cell.first, cell.second)
        return straight if self._rng.integers(2) else _turned(cell)

    def _item(self, kind: Kind, shown: Shown) -> Planned:
        sample, left, right = shown
        side = _CHECKED[self._rng.integers(2)]
        both = {Cell(sample, left, right), Cell(sample, right, left)} if right is not None else set()
        sound: Sound = "left" if right is None else "each" if both & self._material.own_sound else side
        hidden = _CHECKED[self._rng.integers(2)] if self._study.design == "abx" else None
        return Planned(0, kind, sample, left, right, sound, hidden)


def _expecting(item: Planned, answer: str) -> Planned:
    return Planned(0, item.kind, item.sample, item.left, item.right, item.sound, item.hidden, answer)
