"""What goes wrong by no fault of an item, by its kind: no room, no memory, a process or a machine lost."""

import errno
import shutil
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from harness.store import private_name
from harness.types import BadInput

Loss = Literal["worker", "memory", "node"]
"""What took an item's process away: its own end, the machine's memory, or its machine's end."""

LEAST_FREE_BYTES = 1 << 30
"""A run is not begun with less room than this."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}
_NO_ROOM_SAID = (
    "No space left on device",
    "Disk quota exceeded",
    "Read-only file system",
    "File too large",
    "unexpected pos ",  # torch.save, whose own writer found its file shorter than what it wrote
    "failed writing file",
)
_LESS = "lower the method's batch or size, or run fewer at a time (--workers, resources.workers)"


class Unwritable(BadInput):
    """The output cannot be written: no fault of the item at hand, and the end of every other."""


class HomeLost(BadInput):
    """The Ray server of the driver's own machine is no more: nothing that it waits for would ever come."""


@contextmanager
def writing(where: object) -> Iterator[None]:
    """Turn a full or read-only disk into Unwritable, naming `where`."""
    try:
        yield
    except OSError as error:
        if not no_room(error):
            raise
        raise unwritable(error, where) from error


def no_room(error: BaseException) -> bool:
    """Return whether an error says that a disk is full or read-only, in whatever library it was met.

    safetensors and PyTorch raise types of their own, with the system's words in the message.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _NO_ROOM
    return any(words in str(error) for words in _NO_ROOM_SAID)


def unwritable(error: BaseException, where: object = None) -> Unwritable:
    """Return the end of a run whose output cannot be written; it names `where`, or the error's own file."""
    place = where or getattr(error, "filename", None) or "the store or the results folder"
    reason = getattr(error, "strerror", None) or str(error)
    return Unwritable(
        f"{place}: cannot be written to ({reason}); what is finished is kept: make room there, then go on "
        "with --resume"
    )


def no_memory(error: BaseException) -> bool:
    """Return whether an error says that the machine's or a GPU's memory did not suffice."""
    said = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"  # torch's, which is slow to import
        or (isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said))
    )


def told(error: BaseException) -> str:
    """Return an unforeseen error as the reason why an item has no result."""
    reason = f"{type(error).__name__}: {error}".strip(": ")
    return f"out of memory: {_LESS} ({reason})" if no_memory(error) else reason


def traced(error: BaseException) -> str:
    """Return an error's traceback."""
    return "".join(traceback.format_exception(error))


def lost_to(loss: Loss, times: int) -> str:
    """Return why an item that lost its process `times` times, the last time to `loss`, has no result."""
    if loss == "node":
        return f"its machine was lost {times} times while it ran (retries.node)"
    if loss == "memory":
        return f"out of memory: its worker was ended {times} times because its machine ran low; {_LESS}"
    return (
        f"its worker process died {times} times on it (retries.worker); a crash in native code, or the "
        f"system's end of a process that took too much memory: {_LESS}"
    )


def not_started(loss: Loss, error: BaseException) -> str:
    """Return why a worker process was lost, again and again, before it had anything to do."""
    said = (str(error).splitlines() or [type(error).__name__])[0]  # Ray adds half a page
    if loss != "memory":
        return said
    return f"out of memory: end what else runs there, or lower --workers ({said})"


def check_room(*folders: Path) -> None:
    """Raise Unwritable where a folder cannot be written to, or has too little room to begin a run."""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / private_name()
            probe.write_bytes(bytes(4096))
            probe.unlink()
        except OSError as error:
            raise Unwritable(
                f"{folder}: cannot be written to ({error.strerror}); give another --out"
            ) from error
        free = shutil.disk_usage(folder).free
        if free < LEAST_FREE_BYTES:
            raise Unwritable(
                f"{folder}: {free / 2**30:.2f} GiB free, and a run is not begun with less than "
                f"{LEAST_FREE_BYTES / 2**30:g}; make room, or give another --out"
            )
