"""Response surfaces: their means by hand, what they are averaged over, ranges, and bad input."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.results import RESULT_COLUMNS, read_rows, write_rows
from reports import write_views
from reports.load import load
from reports.rank import Board, Row, rank
from reports.stills import write_figures
from reports.surfaces import Surface, surfaces
from tests.reports.made_up import Options, make

Change = Callable[[int], Mapping[str, Any]]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return rank(load(make(tmp_path_factory.mktemp("run"), Options(frames=0))))


def with_trials(board: Board, params: Change, count: int, value: Callable[[int], float] = float) -> Board:
    """Return a board of `count` trials of one method, the i-th of psnr `value(i)` and `params(i)`."""
    first = board.competing[0]
    rows = []
    for i in range(count):
        cells = {"psnr": replace(first.cells["psnr"], value=value(i))}
        rows.append(Row("m", f"t{i:02d}", first.card, dict(params(i)), cells))
    return replace(board, competing=tuple(rows))


def of(board: Board, metric: str = "psnr") -> list[Surface]:
    return [s for card, found in surfaces(board) if card.name == metric for s in found]


def grid(i: int) -> dict[str, Any]:
    return {"alpha": (0.0, 0.1)[i & 1], "beta": (1, 2)[i >> 1 & 1], "gamma": (3, 5)[i >> 2 & 1]}


def test_a_cell_is_the_mean_of_its_trials(board: Board) -> None:
    found = of(with_trials(board, grid, 8))
    assert [s.heading for s in found] == ["β against α", "γ against α", "γ against β"]
    first = found[0]
    assert (first.across.labels, first.down.labels) == (["0", "0.1"], ["1", "2"])
    # Trials 0 and 4 share alpha 0 and beta 1, and so on.
    assert [[(c.mean, c.trials) for c in line if c] for line in first.cells] == [
        [(2.0, 2), (3.0, 2)],
        [(4.0, 2), (5.0, 2)],
    ]
    assert first.over == ("gamma",) and first.even
    assert first.note == "averaged over γ, the same values in every cell"


def test_what_is_averaged_over_unevenly_is_said(board: Board) -> None:
    first = of(with_trials(board, grid, 7))[0]
    assert not first.even
    assert first.note == (
        "averaged over γ, whose values differ between cells: part of a difference may be due to γ"
    )
    kinds = with_trials(board, lambda i: {"a": i & 1, "b": i >> 1, "kind": "xy"[i & 1]}, 4)
    (surface,) = of(kinds)
    assert surface.over == ("kind",) and not surface.even, "what is no number is averaged over, too"


def test_a_grid_of_two_parameters_has_a_trial_a_cell(board: Board) -> None:
    (surface,) = of(with_trials(board, lambda i: {"a": i % 3, "b": i // 3, "c": 1}, 6))
    assert surface.note == "a cell is one trial"
    (repeated,) = of(with_trials(board, lambda i: {"a": i % 2, "b": i // 2 % 2}, 8))
    assert repeated.note == "mean over trials that share both"


def test_trials_without_a_value_are_left_out_and_counted(board: Board) -> None:
    values = {0: math.nan, 4: math.nan, 1: math.inf}
    first = of(with_trials(board, grid, 8, lambda i: values.get(i, float(i))))[0]
    empty, half = first.cells[0]
    assert empty is not None and half is not None
    assert math.isnan(empty.mean) and (empty.trials, empty.lacking) == (0, 2)
    assert (half.mean, half.trials, half.lacking) == (5.0, 1, 1)
    assert first.shade(empty) is None and first.text(empty) == "–"
    assert "3 trials without a value left out" in first.note and not first.even
    assert of(with_trials(board, grid, 8, lambda i: math.nan)) == []


def test_a_pair_that_no_trial_had_is_empty_and_no_zero(board: Board) -> None:
    (surface,) = of(with_trials(board, lambda i: {"a": i % 3, "b": i % 3}, 3))
    assert [sum(c is not None for c in line) for line in surface.cells] == [1, 1, 1]
    assert surface.means() == [0.0, 1.0, 2.0]


def test_many_values_are_cut_into_ranges_that_hold_every_trial(board: Board) -> None:
    (surface,) = of(with_trials(board, lambda i: {"a": (i * 7 % 23) / 100, "b": i % 2}, 23))
    assert surface.across.cut and not surface.down.cut and len(surface.across.ranges) == 5
    assert surface.across.labels[0] == "0 to 0.04"
    counts = [sum(c.trials for line in surface.cells if (c := line[j])) for j in range(5)]
    assert sum(counts) == 23 and max(counts) - min(counts) <= 1
    assert "α" not in surface.note and "a in 5 ranges of about as many values each" in surface.note


def test_shades_are_on_one_scale_and_deeper_is_better(board: Board) -> None:
    found = with_trials(board, grid, 8)
    shades = [s.shade(c) for s in of(found) for line in s.cells for c in line]
    assert min(shades, key=lambda v: v or 0) == 0 and max(shades, key=lambda v: v or 0) == 1
    first = of(found)[0]
    assert first.shade(first.cells[0][0]) < first.shade(first.cells[1][1])  # type: ignore[operator]
    lower = replace(first, card=replace(first.card, higher_is_better=False))
    assert lower.shade(first.cells[0][0]) > lower.shade(first.cells[1][1])  # type: ignore[operator]
    assert all(s.shade(c) is None for s in of(with_trials(board, grid, 8, lambda i: 3.0)) for c in s.cells[0])


def test_one_swept_parameter_has_no_surface(board: Board) -> None:
    assert surfaces(with_trials(board, lambda i: {"a": i, "seed": i, "flag": bool(i & 1)}, 4)) == []


def test_the_page_has_a_view_for_each_metric_and_hostile_names_are_text(
    tmp_path: Path,
) -> None:
    folder = make(tmp_path / "run", Options(frames=0))
    record = json.loads((folder / "run.json").read_text())
    for trial in record["trials"]:
        if "beta" in trial["params"]:
            trial["params"]['<b onmouseover=x>,"β'] = trial["params"].pop("beta")
    (folder / "run.json").write_text(json.dumps(record))
    rows: list[dict[str, Any]] = [*read_rows(folder / "results.csv")]
    for row in rows:
        if row["metric"] == "psnr":
            row.update(value=None, ci_low=None, ci_high=None, n=0, n_unscored=18)
    write_rows(folder / "results.csv", RESULT_COLUMNS, rows)
    write_views(folder)
    page = (folder / "leaderboard.html").read_text()
    assert "<b onmouseover" not in page.split('id="figures"')[0]
    options = page.split('<select id="surface"')[1].split("</select>")[0]
    assert options.count("<option") == 11 and "PSNR" not in options
    views = page.split('<div id="surfaces">')[1].split("Spearman")[0]
    assert views.count('<div class="tables surfaces" hidden>') == 10 and views.count("<caption>") == 33


def test_every_surface_is_exported_under_a_name_of_its_own(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", Options(frames=0, trials=3))
    board = rank(load(folder))
    found = [s for _, of_card in surfaces(board) for s in of_card]
    names = [p.name for p in write_figures(folder, "svg") if p.name.startswith("surface-")]
    assert len(names) == len(set(names)) == len(found) == 12
    assert "surface-0-psnr-beta-against-alpha-cvae.svg" in names
