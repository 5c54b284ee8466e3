"""Jobs on Ray: actors that load once and are fed chunks, restarted when they die, one bad item alone lost.

Actors rather than Ray Data: Data drops a whole block when an item raises and retries for ever an item that
kills its worker. Here an item that raises is an Outcome; a chunk whose worker dies is tried again, then
item by item, so only the killer is lost.
"""

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
import ray.exceptions

from harness.jobs import Job, Needs, Outcome, attempt, spoilt
from harness.progress import Progress
from harness.types import BadInput

_CHUNKS_PER_WORKER = 8
_LARGEST_CHUNK = 16


@contextmanager
def cluster(workers: int | None) -> Iterator[int]:
    """Join the cluster of RAY_ADDRESS, or start one here with `workers` CPUs; gives the number of workers."""
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if os.environ.get("RAY_ADDRESS"):
        ray.init(address=os.environ["RAY_ADDRESS"], **quiet)
    else:
        ray.init(address="local", num_cpus=workers or os.cpu_count(), include_dashboard=False, **quiet)
    try:
        yield workers or int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


@contextmanager
def actor_pool(workers: int, gpus: float, progress: Progress) -> Iterator["ActorPool"]:
    """Give a pool of actors, each on one CPU and `gpus`; they end with the block.

    Raises BadInput when the cluster has no GPUs enough for one.
    """
    if gpus:
        there = ray.cluster_resources().get("GPU", 0)
        if there < gpus:
            raise BadInput(f"resources.gpus: {gpus:g} a worker, but the cluster has {there:g}; lower it")
        workers = min(workers, int(there / gpus))  # an actor that waits for a GPU would wait for ever
    remote = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=-1, max_task_retries=1)(_Worker)
    actors = [remote.remote() for _ in range(workers)]
    try:
        yield ActorPool(actors, progress)
    finally:
        for actor in actors:
            ray.kill(actor)


class _Worker:
    """Lives on a worker process: keeps the last job open and runs chunks of its items."""

    def __init__(self) -> None:
        self._key = ""
        self._work: Callable[[Any], Any] | None = None

    def run(self, key: str, job: Job[Any, Any], items: Sequence[Any]) -> list[Outcome[Any]]:
        """Run a chunk; `key` names the job, which is opened once."""
        if self._work is None or key != self._key:
            self._key, self._work = key, job.open()
        return [attempt(self._work, item) for item in items]


class ActorPool:
    """An Executor on Ray actors."""

    def __init__(self, actors: Sequence[Any], progress: Progress) -> None:
        self._actors = list(actors)
        self._progress = progress

    def map(
        self, job: Job[Any, Any], items: Sequence[Any], label: str, needs: Needs | None = None
    ) -> list[Outcome[Any]]:
        """See Executor."""
        outcomes: list[Outcome[Any] | None] = [None] * len(items)
        todo = self._chunks(len(items), one_by_one=needs is not None)
        step = self._progress.start(label, len(items))
        key, shared = uuid.uuid4().hex, ray.put(job)
        idle = list(self._actors)
        running: dict[Any, tuple[list[int], Any]] = {}
        while todo or running:
            while idle and (chunk := _next(todo, needs, outcomes)) is not None:
                if needs and (lost := spoilt(needs[chunk[0]], outcomes)):
                    outcomes[chunk[0]] = lost
                    step.advance(1)
                    continue
                actor = idle.pop()
                running[actor.run.remote(key, shared, [items[i] for i in chunk])] = (chunk, actor)
            if not running:
                break  # the last items were spoilt
            ready, _ = ray.wait(list(running), num_returns=1)
            chunk, actor = running.pop(ready[0])
            idle.append(actor)
            try:
                found = ray.get(ready[0])
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None  # the job itself could not be opened: nothing can go on
            except ray.exceptions.RayActorError as error:
                if len(chunk) > 1:
                    todo[:0] = [[i] for i in chunk]
                    continue
                found = [Outcome(reason=f"its worker process died twice on it ({type(error).__name__})")]
            for index, outcome in zip(chunk, found, strict=True):
                outcomes[index] = outcome
            step.advance(len(chunk))
        step.finish(_failures(outcomes))
        return [o for o in outcomes if o is not None]

    def _chunks(self, count: int, one_by_one: bool) -> list[list[int]]:
        """Return the items in the order in which they start."""
        size = max(1, min(_LARGEST_CHUNK, count // (_CHUNKS_PER_WORKER * len(self._actors))))
        size = 1 if one_by_one else size
        return [list(range(i, min(i + size, count))) for i in range(0, count, size)]


def _next(
    todo: list[list[int]], needs: Needs | None, outcomes: Sequence[Outcome[Any] | None]
) -> list[int] | None:
    """Take the first chunk that can start off the list; None when all wait for something."""
    for place, chunk in enumerate(todo):
        if needs is None or all(outcomes[i] is not None for i in needs[chunk[0]]):
            return todo.pop(place)
    return None


def _failures(outcomes: Sequence[Outcome[Any] | None]) -> str:
    failed = sum(1 for o in outcomes if o is not None and o.reason)
    return f", {failed} without a result" if failed else ""
