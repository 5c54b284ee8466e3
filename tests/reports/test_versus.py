"""Two runs side by side: what differs, what is refused and why, and which numbers the tests tell apart."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import report
from harness.results import CLIP_COLUMNS, RESULT_COLUMNS, number, read_rows, write_rows
from harness.types import BadInput
from reports import write_versus
from reports.load import load
from reports.versus import versus
from tests.reports.made_up import HOSTILE, Options, make


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    return make(tmp_path / "one", Options(frames=0)), make(tmp_path / "two <b>", Options(frames=0))


def edit(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    record = json.loads((run / "run.json").read_text())
    change(record)
    (run / "run.json").write_text(json.dumps(record))


def shift(run: Path, method: str, metric: str, by: float) -> None:
    """Add a number to every value of a method on a metric."""
    for name, columns in (("results.csv", RESULT_COLUMNS), ("per_clip.csv", CLIP_COLUMNS)):
        rows = read_rows(run / name)
        for row in rows:
            if (row["method"], row["metric"]) == (method, metric) and row["value"]:
                row["value"] = str(number(row["value"]) + by)
        write_rows(run / name, columns, rows)


def test_equal_runs_differ_in_nothing(runs: tuple[Path, Path]) -> None:
    found = versus(*(load(run) for run in runs))
    assert not found.changed and not found.refused and not found.alone and found.clips == 18
    assert len(found.matches) == 9
    pairs = [pair for match in found.matches for _, _, pair in match.cells if pair]
    assert pairs and all(p.verdict in ("tie", "untested") for p in pairs)


def test_a_better_method_is_told_with_what_was_changed(runs: tuple[Path, Path]) -> None:
    edit(runs[1], lambda r: r["config"].update(lr=0.1) or r["versions"].update(torch="2.12.0"))
    shift(runs[1], HOSTILE, "ssim", 0.2)
    found = versus(*(load(run) for run in runs))
    assert {(c.what, c.before, c.after) for c in found.changed} == {
        ("config.lr", None, 0.1),
        ("versions.torch", "2.11.0", "2.12.0"),
    }
    names = [card.name for card in found.columns]
    told = {
        (m.after.method, names[i])
        for m in found.matches
        for i, (_, _, pair) in enumerate(m.cells)
        if pair and pair.verdict == "better"
    }
    assert told == {(HOSTILE, "ssim")}


def test_a_worse_score_of_a_metric_where_less_is_better_is_an_improvement(runs: tuple[Path, Path]) -> None:
    shift(runs[1], HOSTILE, "lpips", -0.1)
    found = versus(*(load(run) for run in runs))
    index = [card.name for card in found.columns].index("lpips")
    (match,) = [m for m in found.matches if m.after.method == HOSTILE]
    pair = match.cells[index][2]
    assert pair is not None and pair.verdict == "better" and pair.difference.value == pytest.approx(-0.1)


def test_an_instrument_that_scores_the_real_clips_differently_is_refused(runs: tuple[Path, Path]) -> None:
    shift(runs[1], "ground_truth", "psnr", 0.5)
    found = versus(*(load(run) for run in runs))
    assert "incompatible" in found.refused["psnr"]
    assert "psnr" not in {card.name for card in found.columns}


def test_a_set_metric_of_another_version_is_refused(runs: tuple[Path, Path]) -> None:
    shift(runs[1], "ground_truth", "fid", 5.0)
    assert "incompatible" in versus(*(load(run) for run in runs)).refused["fid"]


def test_another_backbone_never_shares_a_column(runs: tuple[Path, Path]) -> None:
    edit(runs[1], lambda r: r["metrics"]["fid"].update(backbone="inception-2015-12-05"))
    table = (runs[1] / "results.csv").read_text().splitlines()
    changed = [x.replace("efficientnet-lite0", "inception-2015-12-05") if ",fid," in x else x for x in table]
    (runs[1] / "results.csv").write_text("\n".join(changed) + "\n")
    found = versus(*(load(run) for run in runs))
    assert "inception-2015-12-05" in found.refused["fid"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r["split"].update(hash="another"), "the split"),
        (lambda r: r["config"]["data"].update(size=128), "size"),
        (lambda r: r["reference"].update(policy="source"), "reference picture"),
        (lambda r: r["config"]["data"].update(reader="folder"), "corpus"),
    ],
)
def test_runs_of_different_tasks_are_refused(
    runs: tuple[Path, Path], change: Callable[[dict[str, Any]], None], said: str
) -> None:
    edit(runs[1], change)
    with pytest.raises(BadInput, match=said):
        versus(*(load(run) for run in runs))


def test_runs_without_a_metric_in_common_are_refused(runs: tuple[Path, Path]) -> None:
    edit(runs[1], lambda r: [c.update(variant="another") for c in r["metrics"].values()])
    with pytest.raises(BadInput, match=r"no metric means the same.*variant"):
        versus(*(load(run) for run in runs))


def test_the_page_and_the_command(runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    edit(runs[1], lambda r: r.update(name="<script>alert(1)</script>"))
    assert report.main([str(runs[0]), str(runs[1])]) == 0
    page = runs[1] / "against-one.html"
    out = capsys.readouterr().out
    assert str(page) in out and "the tests tell 0 of" in out
    html = page.read_text()
    assert "0x" not in html and "<script>" not in html and "&lt;script&gt;" in html and HOSTILE not in html
    write_versus(*runs)
    assert page.read_text() == html
    edit(runs[1], lambda r: r["split"].update(hash="another"))
    assert report.main([str(runs[0]), str(runs[1])]) == 2
    assert "different tasks" in capsys.readouterr().err
