"""The tables of more workers and of a sweep's overhead: how their figures become rows."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from harness.bench import sweep, workers
from harness.types import BadInput


def test_what_two_workers_bring_is_held_against_what_is_promised() -> None:
    line = workers.Line("measured", "clips/s", one=[1.0, 2.0, 1.0], many=[1.9, 3.0, 1.7], note="seen")
    row = line.row(2)
    assert (row.name, row.peer, row.n, row.note) == ("measured, 2 workers", "one worker", 3, "seen")
    assert row.ratio == pytest.approx(1.9) and row.low == 1.5 and row.high == 1.9
    assert row.bar == "ratio at least 1.8" and row.met
    assert line.row(4).met is None  # nothing is promised of four
    assert set(workers.BARS) == set(workers.LINES)


def test_a_line_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput, match='no line "mesured": did you mean "measured"'):
        next(workers.rows(Namespace(names=["mesured"], workers=2, rounds=1)))


@pytest.mark.parametrize(("wall", "met"), [(110.0, True), (130.0, False)])
def test_a_sweeps_overhead_is_its_wall_time_over_half_the_work(
    wall: float, met: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees: list[dict[str, Any]] = []

    def plain(out: Path, tree: dict[str, Any]) -> dict[str, float]:
        trees.append(tree)
        probe = {"trials": 50.0, "generate": 9.0, "measure": 9.0, "aggregate": 9.0}
        return probe if out.name == "probe" else {**probe, "trials": 173.0}

    monkeypatch.setattr(sweep, "plain", plain)
    monkeypatch.setattr(sweep, "with_ray", lambda out, tree: wall)
    (row,) = sweep.rows(Namespace(seconds=60, trials=4))
    assert row.ours == pytest.approx(wall / 100) and row.met is met
    # 100 steps took 50 s, so 120 take a minute.
    assert trees[1]["methods"][0]["config"]["steps"] == 120
