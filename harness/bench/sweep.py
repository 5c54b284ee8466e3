"""What a sweep costs beside its work.

    python -m harness.bench sweep
    python -m harness.bench sweep --seconds 20 --trials 2

The same trials are trained, generated and measured by one process without Ray, by `harness.sweep` on two
CPUs, from its start to its leaderboard, and by one process again, as a machine's speed drifts; corpus and
stages are there already. One line: the wall time over half of the plain process's, before and after. One is
the ideal, 1.15 the bar for trials of a minute. They are as many as in sweeps/loss_weights.yaml: what a sweep
costs once (Ray's start, what each process loads) weighs more in one of fewer.
Exit codes: 0 done; 1 the overhead is above that; 2 bad input.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from harness import config
from harness.bench.rows import Bar, Row, What, alone
from harness.command import count
from harness.jobs import InProcess
from harness.pipeline import Engine, Run
from harness.record import Record, about_sweep
from harness.store import Store
from harness.trials import run_in_process
from harness.types import BadInput

BAR = 1.15
WORKERS = 2
_WORK = ("trials", "generate", "measure", "aggregate")
_KEPT = {"corpora", "prepared", "stages"}
_PROBE = 100
_SWEEP: dict[str, Any] = {
    "name": "overhead",
    "data": {
        "synthetic": {"speakers": 6, "clips_per_speaker": 12, "size": 64, "seed": 3},
        "split": {"train": 0.5, "val": 0.17, "test": 0.33},
        "test_clips": 12,
    },
    "metrics": [
        *("psnr", "ssim", "lpips", "fid", "kid", "lse_c", "lse_d", "av_offset"),
        *("emotion_accuracy", "au_mae", "au_correlation"),
    ],
    "fid_min_frames": 2,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this table's own arguments."""
    parser.add_argument("--seconds", type=count, default=60, metavar="S", help="training of one trial (60)")
    parser.add_argument("--trials", type=count, default=8, metavar="N", help="how many (8)")


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Print and give the row. Raises BadInput where the sweep fails."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        root = Path(scratch)
        probe = plain(root / "probe", _tree(1, _PROBE))["trials"]
        steps = max(1, round(_PROBE * options.seconds / probe))
        tree = _tree(options.trials, steps)
        took = plain(root / "before", tree)
        wall = with_ray(root / "ray", tree)
        again = plain(root / "after", tree)
    works = [sum(times[name] for name in _WORK) for times in (took, again)]
    told = (
        f"{options.trials} trials of {took['trials'] / options.trials:.0f} s, generated in "
        f"{took['generate']:.0f} s, measured in {took['measure'] + took['aggregate']:.0f} s by one process; "
        f"{works[0]:.0f} s of work, and {works[1]:.0f} s when it was done again; a sweep on {WORKERS} CPUs "
        f"took {wall:.0f} s"
    )
    what = What("sweep", f"wall time over the work / {WORKERS}", "times")
    row = alone(what, [wall / (work / WORKERS) for work in works], Bar(BAR, most=True), told)
    print(f"{told}: {row.ours:.3f} of half (bar {BAR})", flush=True)
    yield row


def _tree(trials: int, steps: int) -> dict[str, Any]:
    alphas = [round(0.001 * trial, 3) for trial in range(trials)]
    cvae = {"name": "cvae", "config": {"steps": steps}, "search": {"space": {"alpha": alphas}}}
    return {**_SWEEP, "methods": [cvae]}


def plain(out: Path, tree: dict[str, Any]) -> dict[str, float]:
    """Run a sweep in this process; return the seconds of each phase."""
    sweep = config.validated(config.Sweep, tree, "bench")
    _forget(out.parent / ".store")
    out.mkdir()
    record = Record.begin(out, about_sweep(sweep), ["bench"], resume=False)
    Run(sweep, out, Engine(InProcess(), run_in_process), record, Store(out.parent / ".store")).go()
    times: dict[str, float] = record.fields["times"]
    return times


def with_ray(out: Path, tree: dict[str, Any]) -> float:
    """Run a sweep as its command does; return its seconds from start to end."""
    _forget(out.parent / ".store")
    path = out.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(tree))
    command = [sys.executable, "-m", "harness.sweep", str(path), "--out", str(out), "--workers", str(WORKERS)]
    begun = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise BadInput(f"the sweep failed: {ended.stderr}")
    return time.perf_counter() - begun


def _forget(store: Path) -> None:
    """Leave only what trials start from: every sweep trains, generates and measures anew."""
    for folder in store.glob("*"):
        if folder.name not in _KEPT:
            shutil.rmtree(folder)
