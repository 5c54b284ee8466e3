"""How work reaches workers: a Job is made once per worker and fed items; one bad item costs only itself."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from harness.types import BadInput, Unscorable

I = TypeVar("I", contravariant=True)  # noqa: E741
O = TypeVar("O", covariant=True)  # noqa: E741


class Job(Protocol[I, O]):
    """A picklable description of work; `open` loads what is heavy and returns the function for one item."""

    def open(self) -> Callable[[I], O]:
        """Load models once; called on the worker."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome(Generic[O]):
    """What became of one item: a value, or the reason why there is none.

    `crash` holds the traceback when the reason is not one that the project foresees.
    """

    value: O | None = None
    reason: str | None = None
    crash: str | None = None


def attempt(work: Callable[[Any], O], item: Any) -> Outcome[O]:
    """Return the outcome of one item, whatever happens in it: the project's one fault boundary."""
    try:
        return Outcome(value=work(item))
    except (BadInput, Unscorable, FloatingPointError) as error:
        return Outcome(reason=str(error))
    except Exception as error:  # noqa: BLE001 a fault in one clip must not cost the others; it is kept and shown
        return Outcome(reason=f"{type(error).__name__}: {error}", crash=traceback.format_exc())


class Executor(Protocol):
    """Runs a job over items, results in the items' order."""

    def map(self, job: Job[Any, Any], items: Sequence[Any], label: str) -> list[Outcome[Any]]:
        """Return one outcome per item; `label` names the step in the progress line."""
        ...


class InProcess:
    """The plain executor: this process, one item after another."""

    def map(self, job: Job[Any, Any], items: Sequence[Any], label: str) -> list[Outcome[Any]]:
        """See Executor."""
        work = job.open()
        return [attempt(work, item) for item in items]


@contextmanager
def in_process() -> Iterator[InProcess]:
    """Give the plain executor as a pool."""
    yield InProcess()
