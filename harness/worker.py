"""What lives in a worker process, in a module of its own: one comes up without all that the driver needs."""

from collections.abc import Callable, Sequence
from typing import Any

from harness.jobs import Job, Outcome, attempt


class Worker:
    """Keeps the last job open and runs chunks of its items; an actor of `execute.ActorPool`."""

    def __init__(self) -> None:
        self._key = ""
        self._work: Callable[[Any], Any] | None = None

    def ready(self) -> None:
        """Return when the process is up."""

    def run(self, key: str, job: Job[Any, Any], items: Sequence[Any]) -> list[Outcome[Any]]:
        """Run a chunk; `key` names the job, which is opened once."""
        if self._work is None or key != self._key:
            self._key, self._work = key, job.open()
        return [attempt(self._work, item) for item in items]
