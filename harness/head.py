"""Whether the head of a Ray cluster still answers: a run that lost it ends with a message and exit code 2.

Ray asks a lost head again and again for a minute, and Python waits; then Ray's C++ ends the process at once,
with a line of its own and the exit code 1 of a run that is done. Here a thread asks, too, and gives up
sooner. A head that restarts meanwhile, as one with its state in Redis does, is found again.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.faults import HomeLost

_ASK_EVERY = 2.0
_ANSWER_WITHIN = 5.0
_BEFORE_RAY = 25.0
"""Seconds by which this gives up before Ray does."""
_UNWINDING = 10.0
"""Seconds that the run then has to end in order; a call into Ray may hold it until Ray ends it."""


@contextmanager
def watched(address: str, close: Callable[[], None]) -> Iterator[None]:
    """Raise HomeLost in the block, or end the process with code 2, when the head is lost.

    address: "host:port" of the head's server of state. close: ends this process's part in the cluster after
    the block; it may hang where the head is lost. Any error of the block is HomeLost then. In the main thread
    SIGTERM must raise KeyboardInterrupt.
    """
    over, lost, interruptible = threading.Event(), threading.Event(), threading.Event()
    said = (
        f"Ray's head ({address}) does not answer any more: it was killed, or its machine is gone; what is "
        "finished is kept: go on with --resume when a cluster is up"
    )
    if threading.current_thread() is threading.main_thread():
        interruptible.set()

    def watch() -> None:
        if _answers_until(over, address):
            return
        lost.set()
        if interruptible.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
        if not over.wait(_UNWINDING):
            print(said, file=sys.stderr, flush=True)
            os._exit(2)

    threading.Thread(target=watch, name="head", daemon=True).start()
    try:
        yield
    except KeyboardInterrupt as stop:
        if lost.is_set():
            raise HomeLost(said) from stop
        raise
    except Exception as error:
        if not answers(address):
            raise HomeLost(said) from error
        raise
    finally:
        interruptible.clear()
        if answers(address):
            over.set()  # a head of this process's own ends with close
        close()
        over.set()


def answers(address: str) -> bool:
    """Return whether anything listens at "host:port"."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_WITHIN).close()
    except OSError:
        return False
    return True


def _answers_until(over: threading.Event, address: str) -> bool:
    """Return True when `over` is set, False when the head has not answered for too long."""
    ray = os.environ.get("RAY_gcs_rpc_server_reconnect_timeout_s", "60")  # noqa: SIM112 (Ray's own name)
    patience = float(ray) - _BEFORE_RAY
    heard = time.monotonic()
    while not over.wait(_ASK_EVERY):
        if answers(address):
            heard = time.monotonic()
        elif time.monotonic() - heard > patience:
            return False
    return True
