"""A study served by `python -m harness.serve` in a process of its own, to be loaded and killed."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """A running server. ready_cpu: CPU seconds that it and its children used until it was ready."""

    process: "subprocess.Popen[str]"
    port: int
    ready_seconds: float
    ready_cpu: float
    said: list[str]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def replicas(self) -> set[int]:
        """Return the processes that answer."""
        found = set()
        for _ in range(12):
            with urllib.request.urlopen(f"{self.address}/metrics") as response:
                found |= {int(pid) for pid in re.findall(r'replica="(\d+)"', response.read().decode())}
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def kill(self) -> None:
        """Kill it with everything that it started, at once."""
        family = descendants(self.process.pid)
        for pid in (self.process.pid, *family):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(60)


def descendants(pid: int) -> list[int]:
    """Return the processes below a process."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and all below it."""
    ticks = 0
    for member in (pid, *descendants(pid)):
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def serve(run_dir: Path, study: Path | None, port: int, patience: float = 300) -> Server:
    """Start a server and wait until it says that it is ready."""
    command = [sys.executable, "-m", "harness.serve", str(run_dir), "--port", str(port)]
    command += [] if study is None else ["--study", str(study)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    begun = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stderr is not None
    said: list[str] = []
    last = "study:" if study else "leaderboard:"
    while time.monotonic() - begun < patience:
        line = process.stdout.readline()
        if not line:
            raise AssertionError(f"exit {process.wait()}: {process.stderr.read()}")
        said.append(line.strip())
        if line.startswith(last):
            took, cpu = time.monotonic() - begun, cpu_seconds(process.pid)
            return Server(process, port, took, cpu, said)
    raise AssertionError(f"not ready in {patience} s: {said}")
