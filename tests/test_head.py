"""The watch over a cluster's head, with a socket in the head's place: without Ray."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from harness import head
from harness.faults import HomeLost

HUNG = """
import signal, socket, time
from harness import head
head._ASK_EVERY, head._BEFORE_RAY, head._UNWINDING = 0.05, 59.9, 0.2
listening = socket.create_server(("127.0.0.1", 0))
address = "127.0.0.1:%d" % listening.getsockname()[1]
signal.signal(signal.SIGTERM, lambda *_: None)  # as where a call into C++ never comes back
with head.watched(address, close=lambda: None):
    listening.close()
    time.sleep(60)
"""


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What the head's server is to the watch, which here gives up after a tenth of a second."""
    monkeypatch.setattr(head, "_ASK_EVERY", 0.05)
    monkeypatch.setattr(head, "_BEFORE_RAY", 59.9)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server
    signal.signal(signal.SIGTERM, before)


def address(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def test_a_run_that_waits_is_interrupted_when_its_head_is_lost_and_closed(listening: socket.socket) -> None:
    closed: list[int] = []
    where = address(listening)
    began = time.monotonic()
    with (
        pytest.raises(HomeLost, match=rf"{where}\) does not answer .* --resume"),
        head.watched(where, close=lambda: closed.append(1)),
    ):
        listening.close()
        time.sleep(30)
    assert closed and time.monotonic() - began < 10


def test_an_error_that_the_loss_brings_is_the_loss_and_another_stays_itself(listening: socket.socket) -> None:
    where = address(listening)
    with pytest.raises(KeyError), head.watched(where, close=listening.close):  # an own head ends with close
        raise KeyError
    with pytest.raises(HomeLost), head.watched(where, close=lambda: None):
        raise KeyError


def test_ctrl_c_stays_what_it_is(listening: socket.socket) -> None:
    with pytest.raises(KeyboardInterrupt), head.watched(address(listening), close=listening.close):
        raise KeyboardInterrupt


def test_a_head_that_comes_back_in_time_is_not_lost(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "_BEFORE_RAY", 58.0)
    with head.watched(address(listening), close=lambda: None):
        port = listening.getsockname()[1]
        listening.close()
        time.sleep(0.3)
        with socket.create_server(("127.0.0.1", port)):
            time.sleep(2.2)


def test_a_run_that_hangs_in_ray_ends_with_the_message_and_code_2() -> None:
    found = subprocess.run([sys.executable, "-c", HUNG], capture_output=True, text=True, timeout=50)
    assert found.returncode == 2
    assert found.stderr.startswith("Ray's head (127.0.0.1:") and found.stderr.count("\n") == 1
