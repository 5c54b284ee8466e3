"""Every command: help with an example and its exit codes, and a user's mistake is a line and code 2."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness import evaluate
from harness.command import STOPPED, ended

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = [
    "sweep",
    "evaluate",
    "generate",
    "serve",
    "data",
    "weights",
    "calibrate",
    "doctor",
    "docs",
    "bench",
    "report",
]
SWEEP = str(ROOT / "sweeps" / "loss_weights.yaml")


@pytest.mark.parametrize("name", [*COMMANDS, "study.power"])
def test_help_has_an_example_and_the_exit_codes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"harness.{name}").main(["--help"])
    told = capsys.readouterr().out
    assert end.value.code == 0
    assert f"\n    python -m harness.{name} " in told or f"\n    python -m harness.{name}\n" in told
    assert "Exit codes: 0 " in told and re.search(r"\b2 \w", told)


MISTAKES = [
    ("sweep", ["nowhere.yaml"], "no such sweep file"),
    ("sweep", ["bin.yaml"], "bin.yaml: not YAML"),
    ("sweep", ["list.yaml"], "a sweep is a mapping"),
    ("sweep", [SWEEP, "--set", "data.reader=crema"], 'did you mean "crema_d"'),
    ("sweep", [SWEEP, "--set", "metrics=[]"], '"metrics"'),
    ("sweep", [SWEEP, "--set", "weights=/nowhere"], "key weights: /nowhere is not a folder"),
    ("sweep", [SWEEP, "--set", "methods.0.search.space.alpha=[]"], "an empty list leaves nothing to try"),
    ("sweep", [SWEEP, "--workers", "0"], "--workers"),
    ("sweep", [SWEEP, "--out", "text.txt/run"], "text.txt/run"),
    ("sweep", [SWEEP, "--out", "/proc/run"], "--out /proc/run"),
    ("evaluate", ["nowhere", "--reference", "empty", "--out", "o"], "no video file in it"),
    ("evaluate", ["empty", "--reference", "empty", "--out", "o", "--metrics", ","], 'no metric ""'),
    ("evaluate", ["empty", "--reference", "empty", "--out", "o", "--workers", "-1"], "--workers"),
    ("generate", ["cvea", "--image", "a", "--audio", "b", "--out", "c"], 'did you mean "cvae"'),
    ("generate", ["still", "--image", "a", "--audio", "text.txt", "--out", "c"], "not a readable media"),
    ("serve", ["empty"], "no such page"),
    ("serve", ["empty", "--port", "70000"], "a port is 1 to 65535"),
    ("serve", ["empty", "--port", "-1"], "--port"),
    ("data", ["synth", "text.txt", "--speakers", "2"], "text.txt"),
    ("data", ["synth", "new", "--speakers", "2", "--workers", "0"], "--workers"),
    ("data", ["inspect", "foldr", "empty"], 'did you mean "folder"'),
    ("data", ["requests", "list.yaml", "--out", "o"], "a sweep is a mapping"),
    ("weights", ["fetch", "syncnet-v2", "--weights", "text.txt"], "text.txt"),
    ("weights", ["list", "--weights", "nowhere"], "weights folder nowhere does not exist"),
    ("weights", ["fetch", "nothing"], 'no weights "nothing"'),
    ("calibrate", ["--metrics", "psnrr"], 'did you mean "psnr"'),
    ("calibrate", ["--workers", "0"], "--workers"),
    ("doctor", ["--port", "0"], "--port 0"),
    ("report", ["text.txt"], "RUN_DIR text.txt is not a folder"),
    ("report", ["empty"], "run.json"),
    ("report", ["empty", "nowhere"], "AFTER nowhere is not a folder"),
    ("study.power", ["--preference", "0.4"], "--preference 0.4"),
]


@pytest.mark.parametrize(("name", "words", "said"), MISTAKES)
def test_a_mistake_is_a_line_and_code_2(
    name: str,
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("text.txt").write_text("hello")
    Path("list.yaml").write_text("- 1\n")
    Path("bin.yaml").write_bytes(b"\xff\xfe\x00\x01")
    try:
        code = importlib.import_module(f"harness.{name}").main(words)
    except SystemExit as end:  # argparse's own
        code = end.code
    told = capsys.readouterr().err
    assert code == 2 and said in told and "Traceback" not in told


def test_what_is_no_mistake_of_the_users_keeps_its_trace() -> None:
    def broken() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ended(broken)


def test_ctrl_c_is_told_without_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    def stopped() -> int:
        raise KeyboardInterrupt

    assert ended(stopped) == STOPPED
    assert "--resume" in capsys.readouterr().err


def test_a_reader_that_has_enough_ends_a_command_quietly() -> None:
    listing = f"{sys.executable} -m harness.weights list | head -1"
    done = subprocess.run(listing, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr and done.stdout


def test_json_is_what_the_table_says(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("method,value\nmine,3\n")
    assert '"method": "mine"' in evaluate._as_json(tmp_path)
