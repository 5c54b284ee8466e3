"""The whole road, `python -m harness.evaluate`: against its peers, a second method, and a second worker.

Wall time of whole processes, start included, with random weights: reference backbones, every metric of SUITE.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from harness.results import read_rows
from harness.types import BadInput
from metrics.bench.material import Material
from metrics.bench.suite_peers import REFERENCE
from metrics.bench.timing import Case, Numbers, Round

SUITE = ("psnr", "ssim", "lpips", "fid", "lse_c", "lse_d")
ROUNDS = 1

Found = dict[tuple[str, str], float]
"""Values by metric and clip, a real clip marked; "all" is the whole set."""


def suite(material: Material) -> Sequence[Round]:
    """Our engine with two workers; the peers one after another, with two threads each."""
    one, _, reference = material.folders
    rounds = []
    for index in range(ROUNDS):
        ours, found = _evaluate(material, one, f"suite{index}", workers=2)
        out = material.scratch / f"peers{index}.json"
        arguments = [str(path) for path in (one, reference, material.weights_folder, out)]
        peer = _seconds(["metrics.bench.suite_peers", *arguments], threads=2)
        theirs = json.loads(out.read_text(encoding="utf-8"))
        expected = {(metric, clip): value for metric, row in theirs.items() for clip, value in row.items()}
        rounds.append(Round(ours, peer, *_side_by_side(found, expected)))
    return rounds


def second_method(material: Material) -> Sequence[Round]:
    """A second method against the same references, where the first left its features."""
    one, two, _ = material.folders
    rounds = []
    for index in range(ROUNDS):
        first, _ = _evaluate(material, one, f"methods{index}/first", workers=1)
        second, found = _evaluate(material, two, f"methods{index}/second", workers=1)
        _, alone = _evaluate(material, two, f"alone{index}/second", workers=1)
        rounds.append(Round(second, first, *_side_by_side(found, alone)))
    return rounds


def workers(material: Material) -> Sequence[Round]:
    """Two workers and one, each from nothing."""
    one, _, _ = material.folders
    rounds = []
    for index in range(ROUNDS):
        ours, found = _evaluate(material, one, f"two{index}/run", workers=2)
        peer, alone = _evaluate(material, one, f"one{index}/run", workers=1)
        rounds.append(Round(ours, peer, *_side_by_side(found, alone)))
    return rounds


def _evaluate(material: Material, generated: Path, out: str, workers: int) -> tuple[float, Found]:
    """Score a folder from the command line; return its wall time and what it found."""
    folder = material.scratch / out
    folder.parent.mkdir(exist_ok=True)
    seconds = _seconds(
        [
            "harness.evaluate",
            *(str(generated), "--reference", str(material.folders[2]), "--out", str(folder)),
            *("--metrics", ",".join(SUITE), "--backbones", "reference", "--fid-min-frames", "2"),
            *("--weights", str(material.weights_folder), "--allow-unverified", "--workers", str(workers)),
        ],
        threads=1,
    )
    found: Found = {}
    for row in read_rows(folder / "per_clip.csv"):
        mark = REFERENCE if row["method"] == "reference" else ""
        if row["value"]:
            found[row["metric"], mark + Path(row["clip"]).stem] = float(row["value"])
    sets = [row for row in read_rows(folder / "results.csv") if row["method"] == generated.name]
    found["fid", "all"] = next(float(row["value"]) for row in sets if row["metric"] == "fid")
    return seconds, found


def _seconds(module: list[str], threads: int) -> float:
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *module], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BadInput(f"python -m {' '.join(module)} exited with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - started


def _side_by_side(found: Found, expected: Mapping[tuple[str, str], float]) -> tuple[Numbers, Numbers]:
    """Return both sides' values in one order; FID in units of the expected one, which its tolerance is of."""
    if missing := sorted(set(expected) - set(found)):
        raise BadInput(f"ours has no value of {missing[0]}, nor of {len(missing) - 1} more")
    scale = {key: value if key[0] == "fid" else 1.0 for key, value in expected.items()}
    keys = sorted(expected)
    ours, theirs = ([side[key] / scale[key] for key in keys] for side in (found, expected))
    return np.array(ours), np.array(theirs)


CASES = (
    Case("suite", "the peers, one by one", 1.8, suite, absolute=1e-4),
    Case("second", "the first method", 1.4, second_method, absolute=1e-5),
    Case("workers", "one worker", 1.8, workers, absolute=1e-5),
)
