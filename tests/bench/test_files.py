"""bench.json, bench.md and bench.html: one machine's rows, each measured anew in its own place."""

import json
import re
from pathlib import Path

import pytest

from harness.bench import files
from harness.bench.rows import Bar, Row, What, alone, compared, missing
from harness.types import BadInput


def psnr(ours: float) -> Row:
    return compared(What("metrics", "psnr", "frames/s", "some|body"), [ours], [2.0], Bar(3))


ITEMS = alone(What("items", "each", "ms"), [0.25], Bar(3, most=True))
LACKING = missing(What("metrics", "ssim", "frames/s", "<nobody>"), "nobody")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    files.write(tmp_path / "bench", files.begun(tmp_path / "bench").with_rows([psnr(4.0), LACKING, ITEMS]))
    return tmp_path / "bench"


def test_the_json_holds_every_row_in_one_shape_and_the_machine(out: Path) -> None:
    whole = json.loads((out / "bench.json").read_text())
    assert {"cpu", "cores", "threads", "versions"} <= set(whole["machine"])
    assert {"torch", "ray", "torchmetrics", "syncnet-python"} <= set(whole["machine"]["versions"])
    columns = "table name peer unit ours theirs ratio low high n bar met note"
    assert [" ".join(row) for row in whole["rows"]] == [columns] * 3
    assert whole["rows"][0] | {"ours": 4.0, "theirs": 2.0, "ratio": 2.0, "met": False} == whole["rows"][0]
    assert files.read(out / "bench.json").rows == (psnr(4.0), LACKING, ITEMS)


def test_what_is_measured_again_takes_its_own_place_and_the_rest_stays(out: Path) -> None:
    again = files.begun(out).with_rows([psnr(8.0)])
    assert again.rows == (psnr(8.0), LACKING, ITEMS)


def test_another_machine_is_never_mixed_in(out: Path) -> None:
    whole = json.loads((out / "bench.json").read_text())
    whole["machine"]["cores"] = 999
    (out / "bench.json").write_text(json.dumps(whole))
    with pytest.raises(BadInput, match=r"bench\.json: measured with another cores; give another --out"):
        files.begun(out)


@pytest.mark.parametrize("text", ["", "[]", '{"machine": {}}', '{"machine": {}, "rows": [{"table": "a"}]}'])
def test_a_file_of_something_else_is_told(out: Path, text: str) -> None:
    (out / "bench.json").write_text(text)
    with pytest.raises(BadInput, match=r"bench\.json: not what python -m harness\.bench writes"):
        files.begun(out)


def test_the_page_in_markdown_says_what_is_short_and_what_is_missing(out: Path) -> None:
    lines = (out / "bench.md").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("| psnr ")]
    assert "| 4 frames/s | some\\|body | 2 | 2 | 2 to 2 | 1 | ratio at least 3: SHORT |" in line
    (line,) = [line for line in lines if line.startswith("| ssim ")]
    assert "not measured: needs the Python package nobody" in line
    assert [line for line in lines if line.startswith("## ")] == ["## metrics", "## items"]


def test_the_plot_opens_from_disk_and_escapes_names(out: Path) -> None:
    page = (out / "bench.html").read_text()
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)
    assert (
        "2.00 x some|body" in page and "not measured: peer not installed" in page and "<nobody>" not in page
    )
