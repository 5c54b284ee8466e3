"""Group commit: answers that wait at the same moment become durable with one write to the disk.

A durable transaction waits for the disk, 5 ms on a busy machine, and meanwhile no other may write. One for
all who wait is as durable for each: nobody is told before it ends. Each stands in a savepoint of its own, so
one that is refused costs no other.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import Connection, Engine

from harness.study.database import writing
from harness.study.items import Refused

_GATHER_SECONDS = 0.002
_MOST = 64

Work = Callable[[Connection], dict[str, Any]]


class Together:
    """Runs pieces of work on a database, those that wait at the same moment in one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[tuple[Work, asyncio.Future[dict[str, Any]]]] = []
        self._runner: asyncio.Task[None] | None = None

    async def run(self, work: Work) -> dict[str, Any]:
        """Return what `work` returns, once it is durable. Raises what it raises."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(_GATHER_SECONDS)
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            try:
                results = self._commit([work for work, _ in batch])
            except Exception as error:  # noqa: BLE001 handed to each who waits
                results = [error for _ in batch]
            for (_, future), result in zip(batch, results, strict=True):
                if future.cancelled():
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def _commit(self, works: list[Work]) -> list[dict[str, Any] | Exception]:
        results: list[dict[str, Any] | Exception] = []
        with writing(self._engine) as connection:
            for work in works:
                try:
                    with connection.begin_nested():
                        results.append(work(connection))
                except Refused as refused:
                    results.append(refused)
        return results
