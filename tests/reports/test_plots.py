"""Fronts, parallel coordinates, offset histograms, worst and best clips: what they hold, and of bad input."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plotly.graph_objects import Figure

from harness import report
from harness.pareto import pareto_front
from harness.results import CLIP_COLUMNS, RESULT_COLUMNS, number, read_rows, write_rows
from reports import write_views
from reports.extremes import EACH, extremes
from reports.fronts import objective_fronts, speed_fronts
from reports.load import Run, load
from reports.offsets import offset_histograms
from reports.parallel import Axis, parallel
from reports.plots import plots
from reports.rank import Board, rank
from reports.stills import slug, write_figures
from reports.trends import trends
from tests.reports.made_up import HOSTILE, Options, make


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("run"), Options(frames=0))


@pytest.fixture(scope="module")
def shown(folder: Path) -> tuple[Run, Board]:
    run = load(folder)
    return run, rank(run)


def changed(
    folder: Path, name: str, columns: tuple[str, ...], edit: Callable[[dict[str, Any]], None]
) -> None:
    """Rewrite a table, each row edited."""
    rows: list[dict[str, Any]] = [*read_rows(folder / name)]
    for row in rows:
        edit(row)
    write_rows(folder / name, columns, rows)


def test_a_front_is_what_nothing_beats() -> None:
    points = [(1.0, 5.0), (2.0, 3.0), (2.0, 4.0), (3.0, 3.0), (4.0, 1.0), (1.0, 5.0)]
    assert pareto_front(points) == [True, True, False, False, True, True]
    rng = np.random.default_rng(0)
    cloud = [(float(x), float(y)) for x, y in rng.normal(size=(60, 2))]
    lowest, expected = math.inf, set()
    for x, y in sorted(cloud):
        if y < lowest:
            lowest = y
            expected.add((x, y))
    assert {p for p, on in zip(cloud, pareto_front(cloud), strict=True) if on} == expected


def test_quality_against_speed_has_every_row_once_and_marks_the_front(shown: tuple[Run, Board]) -> None:
    _, board = shown
    panels = speed_fronts(board)
    assert len(panels) == 1 + len(board.ranked_by)
    for panel, card in zip(panels, (None, *board.ranked_by), strict=True):
        rest, best = panel.spec["data"]
        found = {*zip(rest["x"], rest["y"], strict=True), *zip(best["x"], best["y"], strict=True)}
        values = [(r.value("fps"), r.value(card.name) if card else r.mean_rank) for r in board.competing]
        assert found == {v for v in values if not math.isnan(v[1])}
        sign = -1 if card is not None and card.higher_is_better else 1
        fastest = max(found, key=lambda p: (p[0], -sign * p[1]))
        assert fastest in set(zip(best["x"], best["y"], strict=True))


def test_objectives_of_a_search_are_drawn_with_its_front(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", Options(frames=0, trials=4))
    record = json.loads((folder / "run.json").read_text())
    for i, trial in enumerate(t for t in record["trials"] if t["method"] == "cvae"):
        trial |= {"objectives": {"recon": 1.0 + i, "<b>sync": 5.0 - i, "kl": 1.0}, "pareto": i != 1}
    record["trials"][0]["objectives"]["kl"] = float("nan")
    (folder / "run.json").write_text(json.dumps(record))
    panels = objective_fronts(load(folder))
    assert len(panels) == 3
    rest, best = panels[0].spec["data"]
    assert (rest["x"], len(best["x"])) == ([2.0], 4)
    assert "line" not in best, "the steps of a front of three losses are none of two"
    assert len(panels[1].spec["data"][1]["x"]) == 3, "a trial without a number on an axis is left out"
    write_views(folder)
    assert "<b>sync" not in (folder / "leaderboard.html").read_text().split('id="fronts"')[1]


def test_axes_of_metrics_are_turned_so_that_up_is_better() -> None:
    assert Axis("LPIPS", "", (0.1, math.nan, 0.3, 0.2), turned=True).heights() == [
        1.0,
        None,
        0.0,
        pytest.approx(0.5),
    ]
    assert Axis("PSNR", "", (20.0, 30.0), turned=False).heights() == [0.0, 1.0]
    assert Axis("SSIM", "", (0.5, 0.5), turned=False).heights() == [0.5, 0.5]
    assert Axis("FID", "", (math.nan, math.inf), turned=True).heights() == [None, None]


def test_a_trial_is_one_line_through_its_weights_and_scores(shown: tuple[Run, Board]) -> None:
    _, board = shown
    ((panel, width),) = parallel(board)
    rows = [r for r in board.competing if r.method == "cvae"]
    axes = panel.spec["layout"]["xaxis"]["ticktext"]
    assert axes[:3] == ["<b>α</b>", "<b>β</b>", "<b>γ</b>"] and len(axes) == 3 + len(board.ranked_by) + 1
    assert width > 800 and len(panel.spec["data"]) == len(rows)
    best = panel.spec["data"][-1]
    assert best["name"] == rows[0].trial and best["y"][-1] == 1.0
    assert best["text"][0] == f"{rows[0].params['alpha']:.4g}"


def test_offsets_are_counted_by_whole_frames(shown: tuple[Run, Board]) -> None:
    run, board = shown
    panels = {p.heading: p for p in offset_histograms(run, board)}
    assert list(panels) == [r.name for r in board.shown()]
    (bars,) = panels["shifted_audio"].spec["data"]
    clips = [number(r["value"]) for r in read_rows(run.folder / "per_clip.csv")
             if (r["method"], r["metric"]) == ("shifted_audio", "av_offset")]  # fmt: skip
    assert (bars["x"], bars["customdata"]) == ([5], [len(clips)])
    assert panels["shifted_audio"].note == "0 % within 1 frame, n 18"
    assert panels["ground_truth"].note == "100 % within 1 frame, n 18"


def test_worst_and_best_are_those_of_a_sorted_table(shown: tuple[Run, Board]) -> None:
    run, board = shown
    found = {e.heading: e for e in extremes(run, board)}
    assert not any("Speed" in heading or "offset" in heading for heading in found)
    for metric, heading, higher in (("psnr", "PSNR ↑", True), ("lpips", "LPIPS [st-lpips-alex] ↓", False)):
        for ends in found[heading].ends:
            values = {
                r["clip"]: number(r["value"])
                for r in read_rows(run.folder / "per_clip.csv")
                if (r["method"], r["trial"], r["metric"]) == (*ends.row.key, metric) and r["value"]
            }
            ordered = sorted(values, key=lambda clip: values[clip], reverse=higher)
            assert [clip for clip, _ in ends.best] == ordered[:EACH]
            assert [clip for clip, _ in ends.worst] == ordered[::-1][:EACH]
    assert [e.row.method for e in found["all metrics (mean rank of the clip)"].ends] == ["cvae", HOSTILE]


def test_a_clip_is_never_both_worst_and_best(shown: tuple[Run, Board]) -> None:
    run, board = shown
    few = replace(run, clips=run.clips.iloc[:3])
    for order in extremes(few, board):
        for ends in order.ends:
            assert len(ends.best) == len(ends.worst) == 1
            assert ends.best[0][0] != ends.worst[0][0]
    assert extremes(replace(run, clips=run.clips.iloc[:1]), board) == []


def _unscored(row: dict[str, Any]) -> None:
    row.update(value=None, reason="no face", detail="")


def _no_value(row: dict[str, Any]) -> None:
    row.update(value=None, ci_low=None, ci_high=None, n=0, n_unscored=18)


def nothing_scored(folder: Path) -> Path:
    changed(folder, "per_clip.csv", CLIP_COLUMNS, _unscored)
    changed(folder, "results.csv", RESULT_COLUMNS, _no_value)
    return folder


def test_a_run_in_which_nothing_was_scored_has_its_page_and_figures(tmp_path: Path) -> None:
    folder = nothing_scored(make(tmp_path / "run", Options(frames=0, trials=3)))
    write_views(folder)
    run = load(folder)
    board = rank(run)
    assert (speed_fronts(board), offset_histograms(run, board), extremes(run, board)) == ([], [], [])
    for panel in plots(run, board, trends(board)).panels():
        Figure(panel.spec)
    assert write_figures(folder, "svg")


def test_one_speaker_and_one_trial_have_views(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", Options(frames=4, trials=1, speakers=1))
    write_views(folder)
    assert parallel(rank(load(folder))) == []
    assert 'id="ends"' in (folder / "leaderboard.html").read_text()


@pytest.mark.parametrize("name", ['<b>a</b>,"b"', "$x_{1}$", "müller, 表\u202e"])
def test_hostile_method_names_are_text_in_views_and_figures(tmp_path: Path, name: str) -> None:
    folder = make(tmp_path / "run", Options(frames=0, trials=3))
    for table, columns in (("results.csv", RESULT_COLUMNS), ("per_clip.csv", CLIP_COLUMNS)):
        changed(
            folder, table, columns, lambda row: row.update(method=name) if row["method"] == HOSTILE else None
        )
    text = (folder / "run.json").read_text()
    (folder / "run.json").write_text(text.replace(json.dumps(HOSTILE)[1:-1], json.dumps(name)[1:-1]))
    write_views(folder)
    run = load(folder)
    board = rank(run)
    specs = json.dumps([p.spec for p in plots(run, board, trends(board)).panels()], ensure_ascii=False)
    assert "<b>a</b>" not in specs
    assert f"{name} only" in {p.heading for p in offset_histograms(run, board)}


@pytest.mark.parametrize(
    ("kind", "trials"),
    [
        ("svg", 1),
        pytest.param("pdf", 3, marks=pytest.mark.slow),
        pytest.param("png", 3, marks=pytest.mark.slow),
    ],
)
def test_figures_are_the_same_bytes_twice_and_named_in_ascii(tmp_path: Path, kind: str, trials: int) -> None:
    folder = make(tmp_path / "run", Options(frames=2, trials=trials, sentences=1, clips=6))
    written = write_figures(folder, kind)
    assert all(path.name.isascii() and path.suffix == f".{kind}" for path in written)
    assert len(set(written)) == len(written) == len(list((folder / "figures").iterdir()))
    always = {"curve", "front", "offset", "strip", "trace"}
    swept = {"scatter", "parallel", "surface"} if trials > 1 else set()
    assert {path.name.split("-")[0] for path in written} == always | swept
    before = [path.read_bytes() for path in written]
    assert all(len(content) > 1000 for content in before)
    assert [path.read_bytes() for path in write_figures(folder, kind)] == before


def test_slugs() -> None:
    assert slug("LSE-C [sync-judge] against α") == "lse-c-sync-judge-against-alpha"
    assert slug("../../<b>é$") == "b"


def test_json_says_what_was_written_and_the_ranking(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main([str(folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert all(Path(file).is_file() for file in said["files"])
    assert [r["method"] for r in said["ranking"]] == [r.method for r in rank(load(folder)).competing]
    assert said["ranking"][0]["place_first"] == 1 and said["ranking"][0]["kind"] == "competing"
    nothing = nothing_scored(make(tmp_path / "run", Options(frames=0, trials=2)))
    assert report.main([str(nothing), "--json"]) == 0
    assert {r["mean_rank"] for r in json.loads(capsys.readouterr().out)["ranking"]} == {None}


def test_figures_are_of_one_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        report.main([str(folder), str(folder), "--figures", "svg"])
    assert "--figures is of one run" in capsys.readouterr().err
