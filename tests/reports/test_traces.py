"""Action units over time: the lines of the table, gaps, what is drawn of odd tables, and why nothing is."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plotly.graph_objects import Figure

from harness.results import TRACE_COLUMNS, number, read_rows, write_rows
from harness.types import BadInput
from reports import write_views
from reports.load import load
from reports.rank import rank
from reports.stills import write_figures
from reports.traces import TraceView, au_traces, most_varying
from tests.reports.made_up import HOSTILE, Options, make


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("run"), Options(frames=0, trials=2))


def view(folder: Path) -> TraceView:
    run = load(folder)
    return au_traces(run, rank(run))


def changed(folder: Path, edit: Callable[[dict[str, Any]], bool]) -> Path:
    """Rewrite traces.csv, each row edited; it stays where `edit` says so."""
    rows: list[dict[str, Any]] = [*read_rows(folder / "traces.csv")]
    write_rows(folder / "traces.csv", TRACE_COLUMNS, [row for row in rows if edit(row)])
    return folder


def test_lines_are_those_of_the_table_on_an_axis_of_seconds(folder: Path) -> None:
    found = view(folder)
    assert len(found.clips) == 6 and all(len(clip.panels) == 6 for clip in found.clips)
    run = load(folder)
    best = rank(run).best_trials()[0]
    clip, panel = run.clips["clip"].iloc[0], found.clips[0].panels[0]
    truth, mine = panel.spec["data"]
    assert clip in found.clips[0].label and mine["name"] == best.name
    for line, column in ((truth, "reference"), (mine, "generated")):
        expected = [
            number(row[column])
            for row in read_rows(folder / "traces.csv")
            if (row["method"], row["trial"], row["clip"], row["unit"]) == (*best.key, clip, panel.heading)
        ]
        assert [math.nan if y is None else y for y in line["y"]] == pytest.approx(expected, nan_ok=True)
    assert mine["x"][:3] == [0.0, 0.04, 0.08] and mine["x"][-1] == panel.spec["layout"]["xaxis"]["range"][1]
    assert [i for i, y in enumerate(mine["y"]) if y is None] == [20, 21, 22, 23, 24], "gaps, no zeros"
    assert mine["mode"] == "lines"


def test_clips_are_in_the_order_of_the_run_and_share_an_axis(folder: Path) -> None:
    found = view(folder)
    order = [clip for clip in load(folder).clips["clip"] if any(c.label.endswith(clip) for c in found.clips)]
    assert [c.label.rsplit(" · ", 1)[1] for c in found.clips] == order
    for clip in found.clips:
        assert len({tuple(p.spec["layout"]["yaxis"]["range"]) for p in clip.panels}) == 1
    colours = [entry.colour for entry in found.legend]
    assert len(set(colours)) == len(colours) == 1 + 2
    assert colours[:2] == [line["line"]["color"] for line in found.clips[0].panels[0].spec["data"]]


def test_units_are_those_that_vary_most_in_their_own_order() -> None:
    truth = {"a": [0.0, 1.0], "b": [5.0, 5.0], "c": [0.0, math.nan, 3.0], "d": [math.nan], "e": [0.0, 2.0]}
    assert most_varying(truth, 3) == ["a", "c", "e"]
    assert most_varying(truth, 9) == [*truth]


def test_a_method_without_a_series_is_named(folder: Path) -> None:
    assert {clip.absent for clip in view(folder).clips} == {f"{HOSTILE} only"}
    write_views(folder)
    page = (folder / "leaderboard.html").read_text()
    assert "No line, as its clip has no score: &lt;img src=x" in page and "<img src=x" not in page


def test_one_frame_or_one_between_gaps_is_a_point(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", Options(frames=0, trials=1))
    one = view(changed(folder, lambda row: int(row["frame"]) == 0)).clips[0].panels[0]
    assert {line["mode"] for line in one.spec["data"]} == {"lines+markers"}
    assert one.spec["layout"]["xaxis"]["range"][1] > 0
    write_views(folder)
    written = [path.name for path in write_figures(folder, "svg") if path.name.startswith("trace-")]
    assert len(written) == 6 and written[0].startswith("trace-0-neutral-speaker-1001-")


def test_frames_that_are_empty_everywhere_are_drawn_as_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", Options(frames=0, trials=1))

    def nothing(row: dict[str, Any]) -> bool:
        row.update(generated="", reference="")
        return True

    for panel in view(changed(folder, nothing)).clips[0].panels:
        Figure(panel.spec)
        assert {y for line in panel.spec["data"] for y in line["y"]} == {None}
    write_views(folder)


def test_hostile_names_are_text(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", Options(frames=0, trials=1))
    unit = '<b>AU1</b>,"é'

    def hostile(row: dict[str, Any]) -> bool:
        row["unit"] = unit if row["unit"] == "AU1" else row["unit"]
        row["method"], row["trial"] = (HOSTILE, "only") if row["method"] == "cvae" else ("still", "-")
        return True

    found = view(changed(folder, hostile))
    assert any(panel.heading == unit for clip in found.clips for panel in clip.panels)
    specs = json.dumps([p.spec for clip in found.clips for p in clip.panels], ensure_ascii=False)
    assert HOSTILE not in specs and "&lt;img src=x" in specs
    write_views(folder)
    page = (folder / "leaderboard.html").read_text()
    assert "<b>AU1</b>" not in page and "&lt;b&gt;AU1&lt;/b&gt;" in page


def test_why_there_is_nothing_to_draw_is_said_where_there_could_be(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", Options(frames=0, trials=1))
    changed(folder, lambda row: False)
    assert view(folder) == TraceView((), (), "none of the clips that were to be traced has a score")
    (folder / "traces.csv").unlink()
    assert "no traces.csv" in view(folder).why and not view(folder).clips
    write_views(folder)
    assert "Nothing to draw: this run has no traces.csv" in (folder / "leaderboard.html").read_text()
    (folder / "traces.csv").write_text("unit\nAU1\n")
    with pytest.raises(BadInput, match=r"traces\.csv: no column run"):
        write_views(folder)


def test_a_run_without_au_mae_has_no_such_section(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", Options(frames=0, trials=1))
    (folder / "traces.csv").unlink()
    for name in ("results.csv", "per_clip.csv", "run.json"):
        path = folder / name
        path.write_text(path.read_text().replace("au_mae", "au_else"))
    assert view(folder) == TraceView((), ())
    write_views(folder)
    assert 'id="traces"' not in (folder / "leaderboard.html").read_text()
