"""A run on a cluster whose head is killed: it says so and ends; on a new cluster its table is the same."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness import results
from harness.datasets.synthetic import SynthSpec, write_corpus
from tests.test_soak import SWEEP, Run, numbers, temporary

WITHIN = 120.0
"""Seconds within which a run that lost its head has ended."""
MOMENTS = ("tune/toy/*/result.json", "work/toy/*/*.generated.json")
"""Files that show a run to be in the midst of its trials, and of generating."""


@pytest.fixture
def new_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Any]]:
    """Starts clusters of a head without work and a node of two CPUs; what is left of them is ended."""
    from ray.cluster_utils import Cluster

    started = []

    def start() -> Any:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        started.append(cluster)
        cluster.add_node(num_cpus=2)
        return cluster

    # Ray's sockets want a short path.
    with tempfile.TemporaryDirectory(prefix="head-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("RAY_TMPDIR", folder)
        monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "30")
        try:
            yield start
        finally:
            for cluster in started:
                cluster.shutdown()


def processes(node: Any) -> list[psutil.Process]:
    """Return a node's own processes and all that descend from them."""
    own = [psutil.Process(info.process.pid) for infos in node.all_processes.values() for info in infos]
    return [*own, *(child for process in own for child in process.children(recursive=True))]


def kill_head(cluster: Any) -> None:
    """Kill what runs on the head at once, as when its machine is gone."""
    for process in processes(cluster.head_node):
        process.kill()


@pytest.mark.slow
def test_a_run_whose_head_is_killed_says_so_and_gives_the_same_table_on_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_cluster: Callable[[], Any]
) -> None:
    monkeypatch.setenv("TMPDIR", str(scratch := tmp_path / "tmp"))
    scratch.mkdir()
    write_corpus(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=6), root := tmp_path / "corpus")
    path, out, said = tmp_path / "head.yaml", tmp_path / "killed" / "out", tmp_path / "said"
    path.write_text(SWEEP.format(root=root).replace("seconds: 0.1", "seconds: 3"))

    for moment in MOMENTS:
        cluster = new_cluster()
        run = Run(path, out, resume=moment != MOMENTS[0], address=cluster.address, said=said)
        while not list(out.glob(moment)):
            assert run.until(time.monotonic() - run.began + 0.5), said.read_text()
        there = [process for node in cluster.list_all_nodes() for process in processes(node)]
        work = [process for process in there if not process.name().endswith("Agent")]  # Ray's agents linger
        kill_head(cluster)
        killed = time.monotonic()
        code = run.end()
        print(f"{moment}: ended with {code} after {time.monotonic() - killed:.0f} s", flush=True)
        assert code == 2
        assert time.monotonic() - killed < WITHIN
        assert said.read_text().splitlines()[-1].startswith(f"Ray's head ({cluster.address}) does not answer")
        cluster.shutdown()
        assert not psutil.wait_procs(work, timeout=60)[1]

    cluster = new_cluster()
    assert (
        Run(path, out, resume=True, address=cluster.address).end() == 1
    )  # the trial with a NaN loss is told
    assert results.read_json(out / "run.json")["complete"]
    assert Run(path, whole := tmp_path / "whole" / "out", False, cluster.address).end() == 1
    assert numbers(out) == numbers(whole)
    assert temporary(out.parent) == temporary(whole.parent)
    assert not temporary(scratch)
