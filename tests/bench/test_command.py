"""`python -m harness.bench`: which tables run, what is kept, how it ends."""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from harness import bench
from harness.bench.rows import Bar, Row, What, alone, missing
from harness.types import BadInput

ROOT = Path(__file__).resolve().parents[2]


def table(name: str, *rows: Row) -> ModuleType:
    module = ModuleType(f"made_up_{name}", f"The table {name}.")

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--more", type=int, default=1)

    def give(options: argparse.Namespace) -> Iterator[Row]:
        yield from rows * options.more

    module.add_arguments, module.rows = add_arguments, give  # type: ignore[attr-defined]
    return module


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    fast, slow = (
        alone(What("speed", "fast", "1/s"), [9.0], Bar(2)),
        alone(What("more", "slow", "1/s"), [1.0], Bar(2)),
    )
    lacking = missing(What("lacking", "a", "1/s", "b"), "b")
    for name, row in (("speed", fast), ("more", slow), ("lacking", lacking)):
        monkeypatch.setitem(sys.modules, f"made_up_{name}", table(name, row))
    monkeypatch.setattr(bench, "TABLES", {name: f"made_up_{name}" for name in ("speed", "more", "lacking")})


def kept(folder: str) -> list[str]:
    return [row["name"] for row in json.loads((Path(folder) / "bench.json").read_text())["rows"]]


def test_without_a_name_all_tables_run_into_one_folder(tables: None) -> None:
    assert bench.main(["--out", "all"]) == 1  # one is short, one's peer is missing
    assert kept("all") == ["fast", "slow", "a"]
    assert {p.name for p in Path("all").iterdir()} == {"bench.json", "bench.md", "bench.html"}


def test_one_table_adds_its_rows(tables: None) -> None:
    assert bench.main(["speed", "--more", "1"]) == 0
    assert kept("bench") == ["fast"]
    assert bench.main(["more"]) == 1
    assert bench.main(["lacking"]) == 1
    assert kept("bench") == ["fast", "slow", "a"]


def test_what_was_measured_is_kept_though_a_later_row_ends_the_run(
    tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(_: argparse.Namespace) -> Iterator[Row]:
        yield alone(What("more", "first", "1/s"), [3.0])
        raise BadInput("more: the numbers differ")

    monkeypatch.setattr(sys.modules["made_up_more"], "rows", ends)
    assert bench.main([]) == 2
    assert kept("bench") == ["fast", "first"]


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_is_measured(
    tables: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.modules["made_up_speed"], "rows", None)
    Path("text.txt").write_text("hello")
    assert bench.main(["speed", "--out", "text.txt"]) == 2
    assert "text.txt" in capsys.readouterr().err


def test_a_table_that_is_not_there_is_named(tables: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["spede"]) == 2
    assert 'no table "spede": did you mean "speed"?' in capsys.readouterr().err


def test_every_table_keeps_to_the_contract() -> None:
    for name in (*bench.TABLES, bench.COST):
        assert "\n    python -m harness.bench " + name in (help_of := bench._parser(name).format_help()), name
        assert "Exit codes: 0 done;" in help_of and "--out" in help_of


def test_help_that_nobody_reads_to_its_end_leaves_no_trace() -> None:
    command = f"{sys.executable} -m harness.bench --help | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.startswith("usage: python -m harness.bench") and not done.stderr


def test_threads_are_pinned_before_a_library_that_reads_them_is_loaded() -> None:
    code = (
        "import sys, os; from harness import bench; assert not {'numpy', 'torch'} & set(sys.modules);"
        "bench.main(['nothing']); assert os.environ['OMP_NUM_THREADS'] == '1'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
