"""Many items through the engine: a broken one costs no other, and one that is lost is an error."""

from argparse import Namespace
from pathlib import Path

import pytest

from harness.bench import items
from harness.jobs import InProcess
from harness.measure import read_values
from harness.results import read_rows, write_rows
from harness.types import BadInput


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("items")
    found = items.measured(InProcess(), 300, 1, folder)
    assert found.items == 300 and found.cpu > 0
    return folder / "many"


def test_a_broken_item_is_told_and_every_whole_one_scored(run: Path) -> None:
    rows = read_rows(run / "per_clip.csv")
    assert len(rows) == 600
    psnr = [row for row in rows if row["metric"] == "psnr"]
    assert [int(row["clip"][4:]) for row in psnr if row["value"]] == [0, 100, 200]
    broken = [row for row in psnr if "broken.mp4" in row["reason"]]
    assert [int(row["clip"][4:]) for row in broken] == [50, 150, 250]
    assert sum("not generated" in row["reason"] for row in psnr) == 294


def test_an_item_that_is_lost_is_an_error(run: Path, tmp_path: Path) -> None:
    rows = read_rows(run / "results.csv")
    for row in rows:
        row["n"] = "2"
    write_rows(tmp_path / "results.csv", [*rows[0]], rows)
    with pytest.raises(BadInput, match="psnr: 2 scored and 297 unscored of 300 items, 3 of them whole"):
        items._check(tmp_path, 300)


def test_what_an_item_costs_is_held_against_what_is_promised() -> None:
    rows = {row.name: row for row in items.Found(1000, 2, cpu=2.0, wall=5.0, growth=250.0).rows()}
    assert rows["driver's CPU an item"].ours == 2.0 and rows["driver's CPU an item"].met
    assert rows["wall time an item"].ours == 5.0
    assert rows["driver's memory growth"].met is False
    unknown = items.Found(1000, 2, cpu=4.0, wall=5.0, growth=None).rows()
    assert len(unknown) == 2 and unknown[0].met is False


def test_on_actors_they_are_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(items.rows(Namespace(items=300, workers=2)))
    assert [row.note for row in rows] == ["300 items on 2 workers"] * len(rows)
    assert "driver's CPU an item" in capsys.readouterr().out


def test_tables_read_no_features(tmp_path: Path) -> None:
    record = tmp_path / "a.measured.json"
    record.write_text(
        '{"metrics": {"fid": {"clip_id": "a", "value": null, "reason": null, "speaker": "1", "emotion": null,'
        ' "level": null, "detail": null, "features": {"generated": "/nowhere/rows.npy"}}}}'
    )
    found = read_values(record)["fid"]
    assert found.clip_id == "a" and found.speaker == "1" and found.features is None
