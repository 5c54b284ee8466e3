"""What the board says of its order: ranges, ties, what is called best, coverage, few speakers, seeds."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from harness.intervals import mean_interval
from harness.results import CLIP_COLUMNS, RESULT_COLUMNS, read_rows, write_rows
from reports import VIEWS, write_views
from reports.load import load, load_trials
from reports.notes import few
from reports.rank import Board, Cell, rank
from tests.reports.made_up import Options, make

METHODS = ("good", "alike", "poor", "poor_too")


@dataclass(frozen=True)
class Made:
    """A run of four methods on `speakers` x 6 clips; `value(method, rng)` is a clip's score of SSIM."""

    speakers: int = 12
    value: Callable[[str, np.random.Generator], float] = lambda method, rng: (
        (0.9 if method in ("good", "alike") else 0.6) + rng.normal(0, 0.02)
    )
    unscored: tuple[str, int] = ("", 0)

    def write(self, folder: Path) -> Path:
        make(folder, Options(frames=0))
        rng, record = np.random.default_rng(1), json.loads((folder / "run.json").read_text())
        card = record["methods"]["cvae"]
        record["methods"] |= {m: {**card, "name": m, "trained_against": []} for m in METHODS}
        record["trials"] = [
            {"method": m, "trial": "t00", "params": {}, "status": "done", "reason": None} for m in METHODS
        ]
        record["metrics"] = {"ssim": record["metrics"]["ssim"]}
        (folder / "run.json").write_text(json.dumps(record))
        speakers = [f"s{i:02}" for i in range(self.speakers)]
        clips = [{"clip": f"{s}_{i}", "speaker": s, "emotion": "happy"} for s in speakers for i in range(6)]
        columns = (*read_rows(folder / "clips.csv")[0],)
        write_rows(folder / "clips.csv", columns, clips)
        controls = [r["method"] for r in read_rows(folder / "results.csv") if r["metric"] == "ssim"]
        names = [*METHODS, *(m for m in dict.fromkeys(controls) if record["methods"][m]["control"])]
        per_clip = [
            {
                "run": "made up",
                "method": m,
                "trial": "t00" if m in METHODS else "-",
                "metric": "ssim",
                "clip": clip["clip"],
                **({"reason": "no face"} if (m, i) < (m, self._lost(m)) else {"value": self.value(m, rng)}),
            }
            for m in names
            for i, clip in enumerate(clips)
        ]
        write_rows(folder / "per_clip.csv", CLIP_COLUMNS, per_clip)
        who = {c["clip"]: c["speaker"] for c in clips}
        write_rows(folder / "results.csv", RESULT_COLUMNS, [_result(m, per_clip, who) for m in names])
        return folder

    def _lost(self, method: str) -> int:
        return self.unscored[1] if method == self.unscored[0] else 0


def _result(method: str, per_clip: list[dict], who: dict[str, str]) -> dict:  # type: ignore[type-arg]
    mine = [r for r in per_clip if r["method"] == method]
    kept = [r for r in mine if "value" in r]
    values = np.array([r["value"] for r in kept], float)
    low, high = mean_interval(values, [who[r["clip"]] for r in kept])
    return {
        "run": "made up",
        "method": method,
        "trial": mine[0]["trial"],
        "metric": "ssim",
        "value": values.mean() if len(values) else math.nan,
        "ci_low": low,
        "ci_high": high,
        "n": len(kept),
        "n_unscored": len(mine) - len(kept),
        "backbone": "none",
        "comparable": True,
    }


def board_of(folder: Path) -> Board:
    return rank(load(folder))


def cells(board: Board) -> dict[str, Cell]:
    return {row.method: row.cells["ssim"] for row in board.competing}


def test_ties_are_ranges_and_those_who_share_the_lead_are_both_best(tmp_path: Path) -> None:
    board = board_of(Made().write(tmp_path / "run"))
    found = cells(board)
    assert {m: c.ranks for m, c in found.items()} == {
        "good": (1, 2), "alike": (1, 2), "poor": (3, 4), "poor_too": (3, 4)
    }  # fmt: skip
    assert {m for m, c in found.items() if c.best} == {"good", "alike"}
    assert {r.method: r.places for r in board.competing} == {m: c.ranks for m, c in found.items()}


def test_nothing_is_best_where_no_test_tells_rows_apart(tmp_path: Path) -> None:
    folder = Made(value=lambda method, rng: 0.5 + rng.normal(0, 0.1)).write(tmp_path / "run")
    board = board_of(folder)
    assert not any(c.best for c in cells(board).values())
    assert {c.ranks for c in cells(board).values()} == {(1, 4)}
    write_views(folder)
    line = next(x for x in (folder / "leaderboard.md").read_text().splitlines() if "**good t00**" in x)
    assert (
        line.startswith("| 1–4 |") and "no test tells rows apart" in (folder / "leaderboard.html").read_text()
    )


@pytest.mark.parametrize(("lost", "shown"), [(14, True), (15, False)])
def test_no_mean_is_shown_below_the_stated_coverage(tmp_path: Path, lost: int, shown: bool) -> None:
    folder = Made(unscored=("good", lost)).write(tmp_path / "run")
    cell = cells(board_of(folder))["good"]
    assert math.isnan(cell.value) is not shown
    assert (cell.n, cell.unscored) == (72 - lost, lost)
    write_views(folder)
    text = (folder / "leaderboard.md").read_text()
    assert f"n {72 - lost} of 72" in text
    assert ("57 of 72 clips are scored, fewer than 80 %" in text) is not shown
    assert "fewer than 80 % of the clips" in text


def test_a_metric_that_scored_nothing_has_no_ranks_and_the_page_is_written(tmp_path: Path) -> None:
    folder = Made(value=lambda method, rng: math.nan).write(tmp_path / "run")
    rows = read_rows(folder / "per_clip.csv")
    write_rows(folder / "per_clip.csv", CLIP_COLUMNS, [{**r, "reason": "no face"} for r in rows])
    write_views(folder)
    board = board_of(folder)
    assert all(c.ranks is None and not c.best and math.isnan(c.value) for c in cells(board).values())
    assert {r.places for r in board.competing} == {(1, 4)}


@pytest.mark.parametrize(
    ("speakers", "said"), [(1, "One speaker"), (4, "4 speakers are few"), (7, "7 speakers"), (8, None)]
)
def test_few_speakers_are_said(tmp_path: Path, speakers: int, said: str | None) -> None:
    folder = Made(speakers=speakers).write(tmp_path / "run")
    warning = few(board_of(folder))
    assert warning is None if said is None else said in (warning or "")
    write_views(folder)
    for view in ("leaderboard.html", "leaderboard.md", "leaderboard.tex"):
        assert said is None or said in (folder / view).read_text()


def test_one_speaker_has_no_interval_over_speakers(tmp_path: Path) -> None:
    folder = Made(speakers=1).write(tmp_path / "run")
    assert all(not d.by_speaker for d in board_of(folder).differences["ssim"])
    write_views(folder)
    assert "there is no interval over speakers" in (folder / "leaderboard.html").read_text()


def test_unknown_speakers_are_said(tmp_path: Path) -> None:
    folder = Made().write(tmp_path / "run")
    rows = read_rows(folder / "clips.csv")
    write_rows(folder / "clips.csv", tuple(rows[0]), [{**r, "speaker": ""} for r in rows])
    assert "not known" in (few(board_of(folder)) or "")


def seeded(folder: Path) -> Path:
    """Make the four methods four seeds of two trials: `good` with seeds 1 and 2, 3 and 4 at another alpha."""
    path = folder / "run.json"
    record = json.loads(path.read_text())
    record["trials"] = [
        {
            "method": "good",
            "trial": f"t0{i}",
            "status": "done",
            "reason": None,
            "params": {"alpha": float(i // 2), "seed": 1 + i},
        }
        for i in range(4)
    ]
    path.write_text(json.dumps(record))
    for name, columns in (("results.csv", RESULT_COLUMNS), ("per_clip.csv", CLIP_COLUMNS)):
        rows = read_rows(folder / name)
        for row in rows:
            if row["method"] in METHODS:
                row |= {"trial": f"t0{METHODS.index(row['method'])}", "method": "good"}
        write_rows(folder / name, columns, rows)
    return folder


def test_trials_that_differ_in_their_seed_alone_are_one_row(tmp_path: Path) -> None:
    folder = seeded(Made(unscored=("alike", 3)).write(tmp_path / "run"))
    apart = {r.trial: r.cells["ssim"] for r in rank(load_trials(folder)).competing}
    rows = {r.trial: r for r in board_of(folder).competing}
    assert set(apart) == {"t00", "t01", "t02", "t03"} and set(rows) == {"t00", "t02"}
    assert (rows["t00"].seeds, rows["t02"].seeds) == ((1, 2), (3, 4))
    assert rows["t00"].params == {"alpha": 0.0}
    later = rows["t02"].cells["ssim"]
    assert later.value == pytest.approx((apart["t02"].value + apart["t03"].value) / 2)
    assert later.spread == pytest.approx(abs(apart["t02"].value - apart["t03"].value) / math.sqrt(2))
    first = rows["t00"].cells["ssim"]
    assert (first.n, first.unscored) == (69, 3), "a clip that one seed lacks is not averaged in"
    assert rows["t00"].places == (1, 1) and first.best
    write_views(folder)
    assert "with seed 2: no face" in (folder / "leaderboard.html").read_text()
    assert "Several seeds: good t00 (1, 2), good t02 (3, 4)" in (folder / "leaderboard.md").read_text()
    assert f"± {later.spread:.3f} seeds" in (folder / "leaderboard.md").read_text()


def test_the_interval_of_seeds_is_that_of_the_clips_means(tmp_path: Path) -> None:
    folder = seeded(Made().write(tmp_path / "run"))
    values = {(r["trial"], r["clip"]): float(r["value"]) for r in read_rows(folder / "per_clip.csv")}
    clips = read_rows(folder / "clips.csv")
    means = np.array([(values["t00", c["clip"]] + values["t01", c["clip"]]) / 2 for c in clips])
    cell = next(r for r in board_of(folder).competing if r.trial == "t00").cells["ssim"]
    assert (cell.low, cell.high) == pytest.approx(mean_interval(means, [c["speaker"] for c in clips]))


def test_views_agree_and_are_the_same_bytes_again(tmp_path: Path) -> None:
    folder = Made().write(tmp_path / "run")
    write_views(folder)
    before = {name: (folder / name).read_bytes() for name in VIEWS}
    sheet = {r["method"]: r for r in read_rows(folder / "leaderboard.csv")}
    lines = [x for x in (folder / "leaderboard.md").read_text().splitlines() if x.startswith("|")]
    for row in board_of(folder).competing:
        cell, line = row.cells["ssim"], next(x for x in lines if f"**{row.name}**".replace("_", r"\_") in x)
        assert float(sheet[row.method]["value"]) == pytest.approx(cell.value)
        assert sheet[row.method]["best"] == str(cell.best).lower()
        assert (f"**{cell.value:.3f}**" in line) is cell.best and f"{cell.value:.3f}" in line
        for view in ("leaderboard.html", "leaderboard.tex"):
            assert f"{cell.value:.3f}" in (folder / view).read_text()
        assert (rf"\textbf{{{cell.value:.3f}}}" in before["leaderboard.tex"].decode()) is cell.best
    for name in VIEWS:
        (folder / name).unlink()
    write_views(folder)
    assert {name: (folder / name).read_bytes() for name in VIEWS} == before
