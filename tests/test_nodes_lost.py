"""A run on three nodes: nodes die while it trains, generates and measures, and its table stays the same."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness import results, speed
from harness.datasets.synthetic import SynthSpec, write_corpus

SWEEP = """
name: nodes
data: {{reader: crema_d, root: {root}, test_clips: 4, split: {{train: 0.34, val: 0.33, test: 0.33}}}}
methods:
  - name: tests.toys
    label: toy
    config: {{steps: 12, seconds: 0.5}}
    search: {{space: {{alpha: [1.0, 20.0]}}}}
metrics: [psnr, tests.toys]
resources: {{workers: 2}}
"""
DEADLINE = 300.0


@pytest.fixture(scope="module")
def three_nodes() -> Iterator[Any]:
    """A head that holds no work, and two nodes of two CPUs each."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=2)
    yield cluster
    cluster.shutdown()


def raylet_of(node: Any) -> psutil.Process:
    (info,) = node.all_processes["raylet"]
    return psutil.Process(info.process.pid)


def replace_busy_node(cluster: Any, working: str) -> None:
    """Kill a node with a process whose title says `working`, and add a fresh one as an autoscaler would."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        for node in list(cluster.worker_nodes):
            children = raylet_of(node).children(recursive=True)
            if any(working in " ".join(child.cmdline()) for child in children):
                cluster.remove_node(node, allow_graceful=False)
                cluster.add_node(num_cpus=2)
                return
        time.sleep(0.1)
    pytest.fail(f"no node was seen with a process of {working}")


def wait_for(seen: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not seen():
        assert process.poll() is None, "the run ended before it was to be disturbed"
        assert time.monotonic() < deadline, "the run did not come so far"
        time.sleep(0.1)


def numbers(out: Path) -> list[dict[str, str]]:
    return [row for row in results.read_rows(out / "results.csv") if row["metric"] not in speed.NAMES]


def begin(path: Path, out: Path, address: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "harness.sweep", str(path), "--out", str(out)]
    return subprocess.Popen(command, env={**os.environ, "RAY_ADDRESS": address})


@pytest.mark.slow
def test_nodes_killed_in_training_generation_and_measuring_change_nothing(
    tmp_path: Path, three_nodes: Any
) -> None:
    write_corpus(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=6), root := tmp_path / "corpus")
    path = tmp_path / "nodes.yaml"
    path.write_text(SWEEP.format(root=root))
    assert begin(path, tmp_path / "whole" / "out", three_nodes.address).wait(DEADLINE) == 0

    out = tmp_path / "killed" / "out"
    process = begin(path, out, three_nodes.address)
    wait_for(lambda: list(tmp_path.glob("killed/.store/train/*/*checkpoint*")), process)
    replace_busy_node(three_nodes, "RayTrainWorker")
    wait_for(lambda: list(out.glob("work/toy/*/*.generated.json")), process)
    replace_busy_node(three_nodes, "Worker.run")
    wait_for(lambda: list(out.glob("work/*/*/*.measured.json")), process)
    replace_busy_node(three_nodes, "Worker.run")
    assert process.wait(DEADLINE) == 0
    assert numbers(out) == numbers(tmp_path / "whole" / "out")
    assert not results.read_json(out / "run.json")["failures"]
