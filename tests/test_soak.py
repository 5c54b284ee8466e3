"""Random processes of a run are killed at random times: the resumed run's table is the same."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness import results, speed
from harness.command import STOPPED
from harness.datasets.synthetic import SynthSpec, write_corpus

SWEEP = """
name: soak
data: {{reader: crema_d, root: {root}, test_clips: 4, split: {{train: 0.34, val: 0.33, test: 0.33}}}}
methods:
  - name: tests.toys
    label: toy
    config: {{steps: 4, seconds: 0.1}}
    search: {{space: {{alpha: [-1.0, 1.0, 20.0]}}}}
metrics: [psnr, tests.toys]
"""
KILLS = 20
LONGEST = 600.0
"""Seconds after which a run that was hurt must have ended: Ray waits a minute for its own lost server."""


class Run:
    """A run in a process of its own, and all processes that were ever seen to descend from it."""

    def __init__(
        self, path: Path, out: Path, resume: bool, address: str = "", said: Path | None = None
    ) -> None:
        command = [sys.executable, "-m", "harness.sweep", str(path), "--out", str(out), "--workers", "2"]
        with (said or Path(os.devnull)).open("w") as stderr:
            self.process = subprocess.Popen(
                [*command, *(["--resume"] if resume else [])],
                stderr=stderr,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", "RAY_ADDRESS": address},
            )
        self.seen: dict[int, psutil.Process] = {}
        self.began = time.monotonic()

    def look(self) -> list[psutil.Process]:
        """Return the run's processes that are there now, the driver first."""
        try:
            driver = psutil.Process(self.process.pid)
            now = [driver, *driver.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        self.seen |= {process.pid: process for process in now}
        return now

    def running(self) -> list[psutil.Process]:
        """Return those that still run; a process id that was given to another process is not one."""
        return [p for p in self.seen.values() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]

    def until(self, seconds: float) -> bool:
        """Let it run until so many seconds after its start; return whether it still does."""
        while self.process.poll() is None and time.monotonic() - self.began < seconds:
            self.look()
            time.sleep(0.05)
        return self.process.poll() is None

    def end(self) -> int:
        """Wait for its end and that of all its processes; return its exit code."""
        assert not self.until(LONGEST), "the run hangs"
        deadline = time.monotonic() + 90
        while self.running() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not self.running(), f"left running: {[p.cmdline()[:3] for p in self.running()]}"
        return self.process.wait()


def numbers(out: Path) -> list[dict[str, str]]:
    return [row for row in results.read_rows(out / "results.csv") if row["metric"] not in speed.NAMES]


def temporary(folder: Path) -> set[str]:
    """Return the names of hidden and partial files, which a killed writer would leave more of."""
    return {p.name for p in folder.rglob("*") if p.name.endswith(".partial") or p.name.startswith(".")}


@pytest.fixture
def own_ray_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ray's files of killed sessions, apart from those of other runs; its sockets want a short path."""
    with tempfile.TemporaryDirectory(prefix="soak-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        yield


@pytest.mark.slow
def test_a_run_whose_processes_are_killed_at_random_gives_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_ray_folder: None
) -> None:
    monkeypatch.setenv("TMPDIR", str(scratch := tmp_path / "tmp"))
    scratch.mkdir()
    write_corpus(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=6), root := tmp_path / "corpus")
    path = tmp_path / "soak.yaml"
    path.write_text(SWEEP.format(root=root))
    whole = Run(path, tmp_path / "whole" / "out", resume=False)
    assert whole.end() == 1  # the trial with a NaN loss is told
    took = time.monotonic() - whole.began
    expected = numbers(tmp_path / "whole" / "out")

    chance = random.Random(8)
    rounds, killed = 0, 0
    resume = False
    while killed < KILLS or resume:
        out = tmp_path / f"round{rounds}" / "out"
        run = Run(path, out, resume)
        what = "nothing"
        if killed < KILLS and run.until(chance.uniform(0.5, took)) and (there := run.look()):
            victim = chance.choice(there)
            what = " ".join(victim.cmdline())[:60]
            victim.send_signal(signal.SIGKILL)
            killed += 1
        code = run.end()
        complete = (out / "run.json").exists() and results.read_json(out / "run.json")["complete"]
        print(f"{killed}: killed {what}: code {code}, complete: {complete}", flush=True)
        resume = not complete
        if complete:
            assert numbers(out) == expected
            assert temporary(out.parent) == temporary(tmp_path / "whole")
            rounds += 1
    assert not temporary(scratch)


def trained_slowly(folder: Path) -> tuple[Run, Path, Path]:
    """Return a run in the middle of its training, its sweep file and its folder."""
    write_corpus(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=6), root := folder / "corpus")
    path, out = folder / "soak.yaml", folder / "run" / "out"
    path.write_text(SWEEP.format(root=root).replace("seconds: 0.1", "seconds: 5"))
    run = Run(path, out, resume=False)
    while not list(out.glob("tune/toy/*/result.json")):
        assert run.until(time.monotonic() - run.began + 0.5), "it ended before it was to be disturbed"
    return run, path, out


@pytest.mark.slow
def test_a_run_whose_own_ray_server_dies_ends_and_goes_on(tmp_path: Path, own_ray_folder: None) -> None:
    run, path, out = trained_slowly(tmp_path)
    (raylet,) = (process for process in run.look() if process.name() == "raylet")
    raylet.send_signal(signal.SIGKILL)
    assert run.end() == 2
    assert Run(path, out, resume=True).end() == 1  # the trial with a NaN loss is told
    assert results.read_json(out / "run.json")["complete"]


@pytest.mark.slow
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_told_to_stop_says_so_and_leaves_nothing(
    tmp_path: Path, own_ray_folder: None, told: signal.Signals
) -> None:
    run, _, _ = trained_slowly(tmp_path)
    run.process.send_signal(told)
    assert run.end() == STOPPED
