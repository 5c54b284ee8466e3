"""What lives in a worker process, in a module of its own: one comes up without all that the driver needs."""

import resource
from collections.abc import Callable, Sequence
from typing import Any

from harness.jobs import Job, Outcome, attempt

_LIGHT = 128 * 2**20
"""Bytes that jobs and their imports may have taken; torch alone takes more."""


class Worker:
    """Keeps the last job open and runs chunks of its items; an actor of `execute.ActorPool`."""

    def __init__(self) -> None:
        self._key = ""
        self._work: Callable[[Any], Any] | None = None
        self._bare = _peak_bytes()

    def ready(self) -> None:
        """Return when the process is up."""

    def run(self, key: str, job: Job[Any, Any], items: Sequence[Any]) -> list[Outcome[Any]]:
        """Run a chunk; `key` names the job, which is opened once."""
        if self._work is None or key != self._key:
            self._key, self._work = key, job.open()
        return [attempt(self._work, item) for item in items]

    def light(self) -> bool:
        """Return whether jobs left the process as good as fresh: what generating costs is read off it."""
        return _peak_bytes() - self._bare < _LIGHT


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
