import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import ray

from harness import execute
from harness.config import Resources, Retries
from harness.execute import ActorPool, actor_pool, check_resources, cluster
from harness.jobs import Executor, InProcess
from harness.progress import Progress
from harness.types import BadInput


@dataclass(frozen=True)
class Halve:
    """10 kills its process, 7 is bad input, 0 is a fault of the code."""

    def open(self) -> Callable[[int], float]:
        def one(item: int) -> float:
            if item == 10:
                os._exit(1)
            if item == 7:
                raise BadInput("seven.mp4: broken")
            return 1 / item

        return one


@dataclass(frozen=True)
class Spans:
    """0 kills its process at first; the others tell from when to when they ran, and so does 0 in the end."""

    mark: Path

    def open(self) -> Callable[[int], tuple[float, float]]:
        def one(item: int) -> tuple[float, float]:
            began = time.monotonic()
            if item == 0 and not self.mark.exists():
                self.mark.touch()
                os._exit(1)
            time.sleep(0.1 if item else 4.0)  # long enough for a new worker to come up meanwhile
            return began, time.monotonic()

        return one


@dataclass(frozen=True)
class WhoAmI:
    def open(self) -> Callable[[int], int]:
        return lambda item: os.getpid()


@dataclass(frozen=True)
class CannotOpen:
    def open(self) -> Callable[[int], float]:
        raise BadInput("weights: face_landmarker.task is missing")


@pytest.fixture(scope="module")
def pool() -> Executor:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MALLOC_TOP_PAD_", "4096")
        with cluster(2) as workers, actor_pool(workers, 0, Progress()) as pool:
            yield pool


def test_in_process_keeps_order_and_faults() -> None:
    outcomes = InProcess().map(Halve(), [1, 7, 0, 4], "halving")
    assert [o.value for o in outcomes] == [1, None, None, 0.25]
    assert outcomes[1].reason == "seven.mp4: broken"
    assert outcomes[1].crash is None
    assert "ZeroDivisionError" in (outcomes[2].crash or "")


def test_actors_agree_and_only_the_killer_item_is_lost(pool: Executor) -> None:
    items = [*range(1, 60)]
    outcomes = pool.map(Halve(), items, "halving")
    for item, outcome in zip(items, outcomes, strict=True):
        if item == 10:
            assert "died" in (outcome.reason or "")
        elif item == 7:
            assert outcome.reason == "seven.mp4: broken"
        else:
            assert outcome.value == 1 / item


def test_what_was_lost_for_want_of_memory_runs_again_with_nothing_beside_it(
    pool: Executor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "loss_of", lambda error: "memory")
    outcomes = pool.map(Spans(tmp_path / "mark"), [*range(8)], "eating")
    (began, ended), *others = [o.value for o in outcomes if o.value is not None]
    assert len(others) == 7
    assert all(end <= began or start >= ended for start, end in others)


def test_a_job_that_cannot_be_opened_says_why_in_one_line(pool: Executor) -> None:
    with pytest.raises(BadInput) as error:
        pool.map(CannotOpen(), [1, 2], "opening")
    assert str(error.value) == "weights: face_landmarker.task is missing"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Resources(workers=8), "resources.workers: .* needs 8 CPUs, and the cluster has 2"),
        (Resources(threads=4), "resources.threads: .* needs 4 CPUs"),
        (Resources(gpus=1), "resources.gpus: .* needs 1 GPUs, and the cluster has 0"),
    ],
)
def test_a_trial_that_the_cluster_cannot_hold_is_refused(pool: Executor, asked: Resources, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        check_resources(asked)


def test_more_workers_than_cores_are_refused_with_what_is_possible() -> None:
    with (
        pytest.raises(BadInput, match=rf"--workers 999: this machine has {os.cpu_count()} CPUs"),
        cluster(999),
    ):
        pass


def test_workers_keep_freed_memory_but_where_the_user_says_otherwise(pool: Executor) -> None:
    found = ray.get(ray.remote(num_cpus=0)(lambda: dict(os.environ)).remote())
    assert found["MALLOC_TRIM_THRESHOLD_"] == "1073741824"
    assert found["MALLOC_TOP_PAD_"] == "4096"


def test_a_job_after_the_end_begins_in_fresh_processes(pool: Executor) -> None:
    before = {outcome.value for outcome in pool.map(WhoAmI(), range(4), "asking")}
    pool.end()
    after = {outcome.value for outcome in pool.map(WhoAmI(), range(4), "asking again")}
    assert before and after and not before & after


@pytest.mark.parametrize("where", ["here", "on actors"])
def test_an_item_waits_for_its_needs_and_shares_their_failure(where: str, pool: Executor) -> None:
    executor = pool if where == "on actors" else InProcess()
    outcomes = executor.map(Halve(), [7, 2, 4, 5], "halving", needs=[[], [0], [], [1]])
    assert [o.value for o in outcomes] == [None, None, 0.25, None]
    assert "seven.mp4" in (outcomes[1].reason or "")
    assert "seven.mp4" in (outcomes[3].reason or "")


def test_chunks_hold_every_item_once_and_end_small() -> None:
    for workers, count in ((1, 1), (2, 96), (3, 1000), (64, 10)):
        pool = ActorPool(_Started, partial(int, workers), Progress(), Retries())
        chunks = [chunk.items for chunk in pool._chunks(count, one_by_one=False)]
        assert [item for chunk in chunks for item in chunk] == list(range(count))
        sizes = [len(chunk) for chunk in chunks]
        assert sizes == sorted(sizes, reverse=True) and sizes[-1] == 1 and sizes[0] <= 16
        assert all(len(chunk.items) == 1 for chunk in pool._chunks(count, one_by_one=True))


class _Started:
    """What stands for an actor that was asked to start."""

    def __init__(self) -> None:
        self.ready = self

    def remote(self) -> object:
        return object()
