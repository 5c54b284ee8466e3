"""Losses by kind, want of room and of memory, what killed writers leave: without a cluster."""

import errno
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray.exceptions
import torch
from ray.air.execution._internal import RayActorManager
from ray.tune.execution import tune_controller
from safetensors.torch import save_file

from harness import execute, faults, nodes, store, tune
from harness.config import Retries
from harness.execute import Chunk
from harness.faults import Loss, Unwritable
from harness.jobs import Outcome, attempt
from harness.nodes import About
from harness.record import run_folder
from harness.types import BadInput

RETRIES = Retries(worker=1, node=3)


def lost(*losses: Loss) -> tuple[int, str]:
    """Lose one item's process again and again; return how often it was begun, and the reason at its end."""
    chunk = Chunk([7])
    for begun, loss in enumerate(losses, start=1):
        after = chunk.after(loss, RETRIES)
        if isinstance(after, Outcome):
            return begun, after.reason or ""
        (chunk,) = after
    return len(losses) + 1, ""


def test_each_kind_of_loss_has_a_budget_of_its_own() -> None:
    assert lost("worker", "worker") == (2, faults.lost_to("worker", 2))
    assert lost("node", "node", "node", "node") == (4, faults.lost_to("node", 4))
    assert lost("node", "node", "worker", "node") == (5, "")
    assert lost("worker", "memory")[0] == 2
    assert "out of memory" in lost("memory", "memory")[1]


def test_a_lost_node_keeps_a_chunk_whole_and_a_lost_worker_takes_it_apart() -> None:
    whole = Chunk([1, 2, 3])
    assert [c.items for c in _chunks(whole.after("node", RETRIES))] == [[1, 2, 3]]
    assert [c.items for c in _chunks(whole.after("worker", RETRIES))] == [[1], [2], [3]]


def _chunks(found: list[Chunk] | Outcome[object]) -> list[Chunk]:
    assert isinstance(found, list)
    return found


LOW = (
    "2 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 10.0.0.2, ID: 8) "
    "was 5.19GB used / 23.54GB limit (0.220399)\nOOM kill reason: Memory usage 5550014464B exceeded threshold"
)
"""How Ray 2.60 begins to tell of it; half a page follows."""


def test_rays_words_for_want_of_memory_are_known_and_told_in_one_line() -> None:
    error = ray.exceptions.OutOfMemoryError(LOW)
    assert execute.loss_of(error) == "memory"
    said = faults.not_started("memory", error)
    assert said.startswith("out of memory: ") and "--workers" in said and said.endswith("(0.220399))")
    assert faults.not_started("worker", ray.exceptions.WorkerCrashedError()).count("\n") == 0


def test_a_trial_ended_for_want_of_memory_is_to_tune_one_whose_actor_died(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Exception] = []
    monkeypatch.setattr(RayActorManager, "_actor_task_failed", lambda self, task, error: seen.append(error))
    manager = tune_controller.RayActorManager(resource_manager=None)
    manager._actor_task_failed(None, ray.exceptions.OutOfMemoryError(LOW))
    (error,) = seen
    assert isinstance(error, ray.exceptions.RayActorError)
    assert isinstance(error, tune.LOST) and execute.loss_of(pickle.loads(pickle.dumps(error))) == "memory"


def full(kind: str, folder: Path) -> None:
    """Write more than a file may hold here."""
    if kind == "file":
        (folder / "clip.mp4").write_bytes(bytes(1 << 20))
    elif kind == "safetensors":
        save_file({"weight": torch.zeros(1 << 18)}, folder / "model.safetensors")
    elif kind == "torch":
        torch.save({"weight": torch.zeros(1 << 18)}, folder / "model.pt")
    else:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "/data/clip.mp4")


@pytest.mark.parametrize("kind", ["file", "safetensors", "torch", "read-only"])
def test_want_of_room_is_no_fault_of_an_item_and_ends_the_run(kind: str, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(Unwritable, match=r"cannot be written to .*--resume"):
            attempt(partial(full, kind), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def too_large(kind: str) -> None:
    if kind == "torch":
        torch.empty(1 << 50)
    elif kind == "cuda":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    else:
        raise MemoryError


@pytest.mark.parametrize("kind", ["torch", "cuda", "python"])
def test_want_of_memory_is_called_so_with_what_to_lower(kind: str) -> None:
    outcome = attempt(too_large, kind)
    assert (outcome.reason or "").startswith("out of memory: lower the method's batch")
    assert "too_large" in (outcome.crash or "")


def test_an_error_that_is_neither_is_told_as_it_is() -> None:
    assert not faults.no_memory(RuntimeError("shapes differ"))
    assert not faults.no_room(FileNotFoundError(errno.ENOENT, "No such file"))
    assert faults.told(KeyError("a")) == "KeyError: 'a'"


def test_too_little_room_is_said_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults.check_room(tmp_path / "new")
    assert [*(tmp_path / "new").iterdir()] == []
    monkeypatch.setattr(faults, "LEAST_FREE_BYTES", 1 << 80)
    with pytest.raises(Unwritable, match=rf"{tmp_path}: .* GiB free"):
        faults.check_room(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unwritable, match=rf"{tmp_path}/file/out: cannot be written to"):
        faults.check_room(tmp_path / "file" / "out")


def test_what_a_killed_writer_left_is_removed_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from harness import store\n"
        "def build(path):\n"
        "    path.mkdir(); (path / 'half').write_text('x'); os._exit(9)\n"
        "store.write_whole(Path(sys.argv[1]) / 'models' / 'm', build)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    (left,) = (tmp_path / "models").iterdir()
    other = left.with_name(left.name.replace(store.socket.gethostname(), "elsewhere"))
    other.mkdir()

    def build(path: Path) -> None:
        path.write_text("x")
        assert store.sweep_up(tmp_path) == 1

    store.write_whole(tmp_path / "thing", build)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["models", "thing"]
    assert [*(tmp_path / "models").iterdir()] == [other]
    os.utime(other, (0, 0))
    assert store.sweep_up(tmp_path) == 1


TORCH = {**nodes.about([]).versions, "torch": "1.0"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unseen": (Path("/runs"),)}, r"/runs: node gpu7 does not see .* filesystem that all mount"),
        (
            {"versions": {**nodes.about([]).versions, "torch": "1.0"}},
            r"node gpu7 has torch 1.0, this one .* install the same",
        ),
        ({"code": "other"}, r"node gpu7 has other code .* --working-dir"),
        ({"clock": 1000.0}, r"node gpu7: its clock is \d+ s off"),
    ],
)
def test_a_node_that_differs_is_named_with_what_to_do(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    def ask(marks: Sequence[Path]) -> list[About]:
        here = nodes.about(marks)
        return [here, replace(here, host="gpu7", **changes)]

    with pytest.raises(BadInput, match=said):
        nodes.check(ask, [tmp_path])
    assert [*tmp_path.iterdir()] == []


def test_nodes_that_agree_pass_and_a_folder_of_another_machine_is_not_seen(tmp_path: Path) -> None:
    nodes.check(lambda marks: [nodes.about(marks)], [tmp_path])
    assert nodes.about([tmp_path / "not there"]).unseen == (tmp_path,)


@pytest.mark.parametrize(
    ("address", "said"),
    [("head", "HOST:PORT"), ("ray://head:x", "HOST:PORT"), ("127.0.0.1:1", "does not answer")],
)
def test_a_head_that_cannot_be_reached_is_named(address: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        nodes.reach(address)


def test_a_results_folder_by_url_is_refused_with_what_to_do() -> None:
    with pytest.raises(BadInput, match="mount the bucket"), run_folder(Path("s3://bucket/run"), False):
        pass
