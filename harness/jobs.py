"""How work reaches workers: a Job is made once per worker and fed items; one bad item costs only itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from harness.faults import Unwritable, no_room, told, traced, unwritable
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
    """Return the outcome of one item, whatever happens in it: the project's one fault boundary.

    Raises Unwritable when there is no room for what it makes.
    """
    try:
        return Outcome(value=work(item))
    except Unwritable:
        raise
    except (BadInput, Unscorable, FloatingPointError) as error:
        return Outcome(reason=str(error))
    except Exception as error:
        # The fault of one item must not cost the others; it is kept and shown.
        if no_room(error):
            raise unwritable(error) from error
        return Outcome(reason=told(error), crash=traced(error))


Needs = Sequence[Sequence[int]]
"""For each item, the indices of the items that must be done before it; always smaller than its own."""


def spoilt(needs: Sequence[int], outcomes: Sequence[Outcome[Any] | None]) -> Outcome[Any] | None:
    """Return an item's outcome where one of its needs has failed, None where nothing stands against it."""
    failed = (found for found in (outcomes[i] for i in needs) if found is not None and found.reason)
    return next((Outcome(reason=f"what it builds on failed: {f.reason}") for f in failed), None)


class Executor(Protocol):
    """Runs a job over items, results in the items' order."""

    def map(
        self, job: Job[Any, Any], items: Sequence[Any], label: str, needs: Needs | None = None
    ) -> list[Outcome[Any]]:
        """Return one outcome per item; `label` names the step in the progress line.

        `needs` names, for each item, the earlier items whose work it builds on: it starts when they are
        done, and gets the reason of the first that failed instead.
        """
        ...

    def end(self) -> None:
        """Leave the machines, and what jobs have loaded there, to others; the next job begins afresh."""
        ...


class InProcess:
    """The plain executor: this process, one item after another."""

    def map(
        self, job: Job[Any, Any], items: Sequence[Any], label: str, needs: Needs | None = None
    ) -> list[Outcome[Any]]:
        """See Executor."""
        work = job.open()
        outcomes: list[Outcome[Any]] = []
        for index, item in enumerate(items):
            outcomes.append(spoilt(needs[index] if needs else (), outcomes) or attempt(work, item))
        return outcomes

    def end(self) -> None:
        """See Executor."""
