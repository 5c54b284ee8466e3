"""Jobs on Ray: actors that load once and are fed chunks, replaced when they die, one bad item alone lost.

Actors rather than Ray Data: Data drops a whole block when an item raises and retries for ever an item that
kills its worker. Here an item that raises is an Outcome; a chunk whose worker dies is tried again item by
item, so only the killer is lost; what a lost node held is tried again elsewhere, on a budget of its own.
A worker is given work when it is there: one that waits for a node holds nothing up.
"""

import os
import signal
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import ray
import ray.exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from harness import head, nodes
from harness.config import Resources, Retries
from harness.faults import HomeLost, Loss, lost_to, not_started
from harness.jobs import Job, Needs, Outcome, spoilt
from harness.progress import Progress
from harness.types import BadInput
from harness.worker import Worker

_MALLOC = {
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # the most that glibc takes
    "MALLOC_TOP_PAD_": str(2**26),
}
"""mallopt(3): workers keep freed memory. As it is, each training step gives back what the next one asks for,
and the page faults take some 4 % of a trial; a value of the user's own stays."""
_UNWATCHED = {
    "LOG_NAME_UPDATE_INTERVAL_S": "60",
    "RAY_LOG_MONITOR_MANY_FILES_THRESHOLD": "0",  # else it lists the logs' folder ten times a second
    "EVENT_AGENT_REPORT_INTERVAL_SECONDS": "10",
    "REPORTER_UPDATE_INTERVAL_MS": "60000",
}
"""Ray's helpers look around less often on a cluster whose logs and dashboard nobody reads: beside a training
on each core they took 1 to 4 % of its time."""
_LARGEST_CHUNK = 16
_ROUNDS_AHEAD = 4
"""A chunk is this part of a worker's share of what is left: the last are small, so no worker waits long."""
_PATIENCE = 30.0
"""Seconds after which a run that has no worker at all says so."""
_FAILED_STARTS = 10

LOST = (
    ray.exceptions.RayActorError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.OutOfMemoryError,
    ray.exceptions.ObjectLostError,
    ray.exceptions.LocalRayletDiedError,
    ray.exceptions.WorkerCrashedError,
)
"""What Ray raises where the process that was asked, or what it had made, is no more."""


def loss_of(error: BaseException) -> Loss:
    """Return what an error of LOST says that the process was lost to."""
    said = str(error)
    if isinstance(error, ray.exceptions.OutOfMemoryError) or "running low on memory" in said:
        return "memory"
    if isinstance(error, ray.exceptions.ActorDiedError):
        return "node" if error.preempted or "node has died" in said or "node was" in said else "worker"
    return "worker" if isinstance(error, ray.exceptions.WorkerCrashedError) else "node"


@contextmanager
def cluster(workers: int | None, folders: Sequence[Path] = ()) -> Iterator[int]:
    """Join the cluster of RAY_ADDRESS, or start one here with `workers` CPUs; gives the number of workers.

    folders: where the run keeps what it makes, which every node must see. Raises BadInput where the cluster
    cannot be joined, has fewer CPUs than `workers`, or its nodes differ (`nodes`).
    """
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address := os.environ.get("RAY_ADDRESS"):
        nodes.reach(address)
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise BadInput(f"RAY_ADDRESS={address}: cannot be joined: {error}") from error
    else:
        _fewer(workers, os.cpu_count() or 1, "this machine")
        os.environ.update(_MALLOC | _UNWATCHED | os.environ)
        ray.init(
            address="local",
            num_cpus=workers or os.cpu_count(),
            include_dashboard=False,
            # Else the driver waits for processes started ahead: for ever, where one of them is killed.
            _system_config={"prestart_worker_first_driver": False, "enable_metrics_collection": False},
            **quiet,
        )
    if threading.current_thread() is threading.main_thread():
        # Ray's own would abort with a trace; this one ends the run as Ctrl-C does.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    with head.watched(ray.get_runtime_context().gcs_address, close=ray.shutdown):
        there = int(ray.cluster_resources().get("CPU", 0))
        if not there:
            raise BadInput(f"RAY_ADDRESS={address}: the cluster has no CPU for work yet; add nodes first")
        _fewer(workers, there, "the cluster")
        if len(ids := [node["NodeID"] for node in ray.nodes() if node["Alive"]]) > 1:
            nodes.check(partial(_ask, ids), folders)
        yield workers or there


def check_resources(asked: Resources) -> None:
    """Raise BadInput where the cluster cannot hold one trial: it would wait for ever."""
    there = ray.cluster_resources()
    for key, needed, kind in (
        ("resources.workers", asked.workers, "CPU"),
        ("resources.threads", asked.threads * asked.workers, "CPU"),
        ("resources.gpus", asked.gpus * asked.workers, "GPU"),
    ):
        if needed > (found := there.get(kind, 0)):
            raise BadInput(
                f"{key}: a trial on {asked.workers} workers of {asked.threads} threads and {asked.gpus:g} "
                f"GPUs needs {needed:g} {kind}s, and the cluster has {found:g}; lower it, or add nodes first"
            )


def check_home() -> None:
    """Raise HomeLost where this process's own node is no more: Ray itself would wait for ever."""
    own = ray.get_runtime_context().get_node_id()
    if not any(node["Alive"] for node in ray.nodes() if node["NodeID"] == own):
        raise HomeLost(
            "Ray's server on this machine was lost (killed, or out of memory); what is finished is kept: "
            "go on with --resume"
        )


def _fewer(workers: int | None, there: int, where: str) -> None:
    if workers is not None and workers > there:
        raise BadInput(f"--workers {workers}: {where} has {there} CPUs; give {there} or less")


def _ask(ids: Sequence[str], marks: Sequence[Path]) -> list[nodes.About]:
    """Return what every node says of itself; one that is lost meanwhile says nothing."""
    remote = ray.remote(num_cpus=0, max_retries=0)(nodes.about)
    asked = [
        remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(marks)
        for node in ids
    ]
    said = []
    for ref in asked:
        try:
            said.append(ray.get(ref))
        except ray.exceptions.RayTaskError as error:
            raise BadInput(f"a node of the cluster cannot run the project: {error.cause!r}") from error
        except (*LOST, ray.exceptions.TaskUnschedulableError):
            continue
    return said


@contextmanager
def actor_pool(
    workers: int | None, gpus: float, progress: Progress, retries: Retries | None = None
) -> Iterator["ActorPool"]:
    """Give a pool of actors, each on one CPU and `gpus`; they end with the block.

    workers: how many; None for one on each CPU that the cluster has by then. Raises BadInput when it has no
    GPUs enough for one.
    """
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0)(Worker)
    pool = ActorPool(remote.remote, partial(_pool_size, workers, gpus), progress, retries or Retries())
    try:
        yield pool
    finally:
        pool.end()


def _pool_size(workers: int | None, gpus: float) -> int:
    there = ray.cluster_resources()
    workers = workers or int(there.get("CPU", 0))
    if not gpus:
        return workers
    if (found := there.get("GPU", 0)) < gpus:
        raise BadInput(f"resources.gpus: {gpus:g} a worker, but the cluster has {found:g}; lower it")
    return min(workers, int(found / gpus))  # an actor that waits for a GPU would wait for ever


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items, by index, that travel together, and how often their process was lost, by kind.

    alone: nothing runs beside it. Where memory runs low Ray ends a node's workers together: a hungry item
    would take its neighbours along each time.
    """

    items: list[int]
    losses: Counter[Loss] = field(default_factory=Counter)
    alone: bool = False

    def after(self, loss: Loss, retries: Retries) -> "list[Chunk] | Outcome[Any]":
        """Return what to try again now that the process was lost; the outcome of an item without retries."""
        alone = self.alone or loss == "memory"
        if loss != "node" and len(self.items) > 1:
            return [Chunk([item], self.losses.copy(), alone) for item in self.items]
        losses = self.losses + Counter([loss])
        times, budget = losses[loss], retries.node
        if loss != "node":
            times, budget = losses["worker"] + losses["memory"], retries.worker
        if times > budget:
            return Outcome(reason=(reason := lost_to(loss, times)), crash=reason)
        return [Chunk(self.items, losses, alone)]


class ActorPool:
    """An Executor on Ray actors."""

    def __init__(
        self, start: Callable[[], Any], size: Callable[[], int], progress: Progress, retries: Retries
    ) -> None:
        self._start, self._size, self._progress, self._retries = start, size, progress, retries
        self._idle: list[Any] = []
        self._starting: dict[Any, Any] = {}
        self._alive: list[Any] = []
        self._failed_starts = 0
        self._staff()

    def map(
        self, job: Job[Any, Any], items: Sequence[Any], label: str, needs: Needs | None = None
    ) -> list[Outcome[Any]]:
        """See Executor."""
        if items and not self._alive:
            self._staff()
        outcomes: list[Outcome[Any] | None] = [None] * len(items)
        todo = self._chunks(len(items), one_by_one=needs is not None)
        step = self._progress.start(label, len(items))
        key, shared = uuid.uuid4().hex, ray.put(job)
        running: dict[Any, tuple[Chunk, Any]] = {}
        try:
            while todo or running:
                beside = [chunk for chunk, _ in running.values()]
                while self._idle and (chunk := _next(todo, beside, needs, outcomes)) is not None:
                    if needs and (lost := spoilt(needs[chunk.items[0]], outcomes)):
                        outcomes[chunk.items[0]] = lost
                        step.advance(1)
                        continue
                    beside.append(chunk)
                    actor = self._idle.pop()
                    running[actor.run.remote(key, shared, [items[i] for i in chunk.items])] = (chunk, actor)
                if not todo and not running:
                    break  # the last items were spoilt
                ready = self._wait(list(running))
                if ready is None:
                    continue
                chunk, actor = running.pop(ready)
                found = self._found(ready, chunk, actor)
                if not isinstance(found[0], Outcome):
                    place = len(todo) if found[0].alone else 0
                    todo[place:place] = found
                    continue
                for index, outcome in zip(chunk.items, found, strict=True):
                    outcomes[index] = outcome
                step.advance(len(chunk.items))
        finally:  # a job that cannot be opened leaves workers that can still do another
            self._idle += [actor for _, actor in running.values()]
        step.finish(_failures(outcomes))
        return [o for o in outcomes if o is not None]

    def end(self) -> None:
        """See Executor."""
        for actor in self._alive:
            ray.kill(actor)
        self._idle, self._starting, self._alive = [], {}, []

    def _found(self, ready: Any, chunk: Chunk, actor: Any) -> list[Any]:
        """Return a chunk's outcomes, or the chunks to try again where its process was lost."""
        try:
            found: list[Any] = ray.get(ready)
        except ray.exceptions.RayTaskError as error:
            self._idle.append(actor)
            raise error.cause from None  # the job itself could not be opened: nothing can go on
        except LOST as error:
            self._dismiss(actor)
            loss = loss_of(error)
            self._progress.say(f"a worker was lost with {len(chunk.items)} items (to: {loss})")
            again = chunk.after(loss, self._retries)
            return [again] * len(chunk.items) if isinstance(again, Outcome) else again
        self._idle.append(actor)
        return found

    def _wait(self, running: list[Any]) -> Any:
        """Return the first chunk to be done; None where it was a worker that came up, or nothing happened."""
        ready, _ = ray.wait([*running, *self._starting], num_returns=1, timeout=_PATIENCE)
        if not ready:
            check_home()
            if not running:
                free = ray.available_resources()
                self._progress.say(
                    f"waiting for a worker: {len(self._starting)} asked for, {free.get('CPU', 0):g} CPUs and "
                    f"{free.get('GPU', 0):g} GPUs free in the cluster"
                )
            return None
        if ready[0] not in self._starting:
            return ready[0]
        actor = self._starting.pop(ready[0])
        try:
            ray.get(ready[0])
        except LOST as error:
            self._failed_starts += 1
            if self._failed_starts > _FAILED_STARTS:
                raise BadInput(
                    f"no worker process can be started: {not_started(loss_of(error), error)}"
                ) from error
            self._dismiss(actor)
        else:
            self._failed_starts = 0
            self._idle.append(actor)
        return None

    def _staff(self) -> None:
        self._workers = self._size()
        for _ in range(self._workers):
            self._hire()

    def _hire(self) -> None:
        actor = self._start()
        self._alive.append(actor)
        self._starting[actor.ready.remote()] = actor

    def _dismiss(self, actor: Any) -> None:
        """Put another in the place of an actor that is lost, or was not reached."""
        self._alive.remove(actor)
        ray.kill(actor)
        self._hire()

    def _chunks(self, count: int, one_by_one: bool) -> list[Chunk]:
        """Return the items in the order in which they start."""
        chunks, start = [], 0
        while start < count:
            size = min(_LARGEST_CHUNK, (count - start) // (_ROUNDS_AHEAD * self._workers))
            end = start + max(1, 1 if one_by_one else size)
            chunks.append(Chunk([*range(start, end)]))
            start = end
        return chunks


def _next(
    todo: list[Chunk],
    beside: Sequence[Chunk],
    needs: Needs | None,
    outcomes: Sequence[Outcome[Any] | None],
) -> Chunk | None:
    """Take the first chunk that can start beside those that run off the list; None when all wait."""
    if any(chunk.alone for chunk in beside):
        return None
    for place, chunk in enumerate(todo):
        if chunk.alone and beside:
            continue
        if needs is None or all(outcomes[i] is not None for i in needs[chunk.items[0]]):
            return todo.pop(place)
    return None


def _failures(outcomes: Sequence[Outcome[Any] | None]) -> str:
    failed = sum(1 for o in outcomes if o is not None and o.reason)
    return f", {failed} without a result" if failed else ""
