"""The randomisation tests itself: cells, sides, orders and places are balanced, whoever computes them."""

from collections import Counter
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

from harness.study.assign import Plan, Planned, State, plan
from harness.study.config import StudyConfig
from harness.study.material import Cell, ClipFile, Material
from harness.study.orders import williams
from harness.study.votes import Trial

TRIALS = tuple(Trial(f"m{i}", "-") for i in range(4))
SAMPLES = tuple(f"s{i:02d}" for i in range(12))
PAIRS = tuple(combinations(TRIALS, 2))


def material(samples: tuple[str, ...] = SAMPLES, single: bool = False) -> Material:
    cells = (
        [Cell(s, t) for s in samples for t in TRIALS]
        if single
        else [Cell(s, a, b) for s in samples for a, b in PAIRS]
    )
    gold = [Cell(s, TRIALS[0], TRIALS[3]) for s in samples]
    clips = {(t, s): ClipFile(Path("x"), 1.0) for t in TRIALS for s in samples}
    return Material("run", tuple(cells), tuple(gold), clips, frozenset())


def config(**keys: object) -> StudyConfig:
    return StudyConfig.model_validate({"name": "s", "pairs": 12, "training": 1, **keys})


def everybody(
    study: StudyConfig, people: int, stays: float = 1.0, what: Material | None = None
) -> list[Plan]:
    """Return the plans of people who come one after the other; some leave half way, for good."""
    shown: Counter[tuple[str, Trial, Trial | None]] = Counter()
    sequences: Counter[int] = Counter()
    rng = np.random.default_rng(0)
    plans = []
    for number in range(people):
        drawn = plan(what or material(), study, State(shown, sequences), number)
        judged = [i for i in drawn.items if i.kind in ("pair", "single", "abx")]
        whole = rng.random() < stays
        kept = judged if whole else judged[: len(judged) // 2]
        shown.update((i.sample, i.left, i.right) for i in kept)
        sequences[drawn.sequence] += whole
        plans.append(Plan(drawn.sequence, tuple(kept)))
    return plans


def pair_of(item: Planned) -> tuple[Trial, Trial]:
    assert item.right is not None
    first, second = sorted((item.left, item.right))
    return first, second


def even(counts: Counter[object], cells: int) -> float:
    """Return the p of counts as even as these among `cells`, and require that it is no worse than chance."""
    observed = [*counts.values()] + [0] * (cells - len(counts))
    p = float(chisquare(observed).pvalue)
    assert p > 0.01, (p, observed)
    return p


@pytest.mark.parametrize("count", [1, 2, 5, 8, 11])
def test_a_williams_design_balances_places_and_followers(count: int) -> None:
    rows = williams(count)
    places = Counter((at, thing) for row in rows for at, thing in enumerate(row))
    followers = Counter((a, b) for row in rows for a, b in pairwise(row))
    assert len(places) == count**2 and len(set(places.values())) == 1
    assert len(followers) == count * (count - 1) and len(set(followers.values())) <= 1


@pytest.mark.parametrize("stays", [1.0, 0.7])
@pytest.mark.parametrize("pairs", [12, 7])
def test_pairs_samples_sides_and_places_are_balanced(pairs: int, stays: float) -> None:
    items = [i for p in everybody(config(pairs=pairs), 200, stays) for i in p.items]
    even(Counter(pair_of(i) for i in items), len(PAIRS))
    even(Counter((i.sample, *pair_of(i)) for i in items), len(SAMPLES) * len(PAIRS))
    even(Counter((pair_of(i), i.left == pair_of(i)[0]) for i in items), 2 * len(PAIRS))
    even(Counter(i.left for i in items), len(TRIALS))
    even(Counter(i.sound for i in items), 2)
    if stays == 1.0:
        even(Counter((i.place, pair_of(i)) for i in items), pairs * len(PAIRS))


def test_each_participant_sees_each_pair_equally_often_and_no_cell_twice() -> None:
    for drawn in everybody(config(), 30):
        assert set(Counter(pair_of(i) for i in drawn.items).values()) == {2}
        assert len({(i.sample, *pair_of(i)) for i in drawn.items}) == 12
        assert max(Counter(i.sample for i in drawn.items).values()) <= 3


def test_orders_are_used_equally_often_and_follow_williams() -> None:
    plans = everybody(config(), 48)
    assert set(Counter(p.sequence for p in plans).values()) == {4}


def test_the_least_judged_cells_are_topped_up_first() -> None:
    shown = {(s, a, b): 5 for s in SAMPLES for a, b in PAIRS}
    poor = [(SAMPLES[i], *PAIRS[0]) for i in range(4)]
    shown |= dict.fromkeys(poor, 0)
    drawn = plan(material(), config(pairs=6), State(shown, {}), 3)
    mine = [i for i in drawn.items if i.kind == "pair" and pair_of(i) == PAIRS[0]]
    assert {i.sample for i in mine} <= {s for s, _, _ in poor}


def test_a_plan_is_a_function_of_state_seed_and_number_alone() -> None:
    study, state = config(), State({(SAMPLES[0], *PAIRS[0]): 2}, {0: 1})
    assert plan(material(), study, state, 7) == plan(material(), study, state, 7)
    assert plan(material(), study, state, 7) != plan(material(), study, state, 8)
    assert plan(material(), study, state, 7) != plan(material(), replace_seed(study), state, 7)


def replace_seed(study: StudyConfig) -> StudyConfig:
    return study.model_copy(update={"seed": study.seed + 1})


def test_checks_stand_where_they_were_set_with_their_answers() -> None:
    study = config(attention={"at": [2, 9]}, gold={"at": [5], "better": "m0", "worse": "m3"})
    for number in range(20):
        drawn = plan(material(), study, State(), number)
        kinds = [i.kind for i in drawn.items]
        assert len(kinds) == study.length == 16 and [i.place for i in drawn.items] == list(range(16))
        assert kinds[0] == "training" and kinds[2] == kinds[9] == "attention" and kinds[5] == "gold"
        gold = drawn.items[5]
        assert {"left": gold.left, "right": gold.right}[gold.expected or ""] == TRIALS[0]
        assert drawn.items[2].expected in ("left", "right", "none")
        assert all(i.expected is None for i in drawn.items if i.kind == "pair")


def test_abx_hides_either_side_equally_often() -> None:
    items = [i for p in everybody(config(design="abx"), 100) for i in p.items]
    even(Counter(i.hidden for i in items), 2)


def test_single_clips_are_balanced() -> None:
    study = config(design="acr")
    items = [i for p in everybody(study, 60, 0.8, material(single=True)) for i in p.items]
    even(Counter((i.sample, i.left) for i in items), len(SAMPLES) * len(TRIALS))
    assert {i.right for i in items} == {None}


def test_a_lopsided_assignment_would_be_found() -> None:
    plans = everybody(config(), 60)
    items = [replace(i, left=min(i.left, i.right or i.left)) for p in plans for i in p.items]
    with pytest.raises(AssertionError):
        even(Counter((pair_of(i)[0], i.left == pair_of(i)[0]) for i in items), 8)
