"""The machine: processor, memory, disk, GPUs, the port of the site, and whether Ray starts."""

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from harness.health.finding import Finding

TOPIC = "Machine"
_PYTHONS = ((3, 11), (3, 13))
_LEAST_MEMORY, _LEAST_DISK = 4.0, 2.0
_RAY_SECONDS = 60
_RAY = (
    "import ray; ray.init(address='local', num_cpus=1, include_dashboard=False, log_to_driver=False, "
    "logging_level='ERROR'); print(ray.get(ray.remote(lambda: 7).remote())); ray.shutdown()"
)


def facts() -> Iterator[Finding]:
    """Yield what the harness runs on."""
    yield _python()
    yield Finding(
        TOPIC, "processor", "ok", f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"
    )
    yield _memory()
    yield _disk(Path.cwd())
    yield _gpus()


def _python() -> Finding:
    shown, fits = platform.python_version(), _PYTHONS[0] <= sys.version_info[:2] < _PYTHONS[1]
    remedy = "" if fits else "install Python 3.11 or 3.12 and run make setup PYTHON=python3.11"
    return Finding(TOPIC, "Python", "ok" if fits else "broken", shown, remedy)


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    enough = total >= _LEAST_MEMORY
    remedy = "" if enough else f"the default sweep wants {_LEAST_MEMORY:g} GiB: --workers 1 takes less"
    return Finding(TOPIC, "memory", "ok" if enough else "note", f"{total:.1f} GiB", remedy)


def _disk(where: Path) -> Finding:
    try:
        free = shutil.disk_usage(where).free / 2**30
    except OSError as error:
        return Finding(TOPIC, "disk", "broken", f"{where}: {error.strerror}", "go to a folder that exists")
    if not os.access(where, os.W_OK):
        return Finding(
            TOPIC, "disk", "broken", f"{where} cannot be written to", "go to one that can, or give --out"
        )
    enough = free >= _LEAST_DISK
    remedy = "" if enough else f"make room: runs want {_LEAST_DISK:g} GiB, or give --out elsewhere"
    return Finding(TOPIC, "disk", "ok" if enough else "broken", f"{free:.0f} GiB free in {where}", remedy)


def _gpus() -> Finding:
    try:
        import torch

        count = torch.cuda.device_count()
        names = [torch.cuda.get_device_name(i) for i in range(count)]
    except (ImportError, OSError, RuntimeError) as error:
        return Finding(TOPIC, "GPUs", "note", f"PyTorch cannot tell ({error})", "see the package torch below")
    if not count:
        return Finding(TOPIC, "GPUs", "note", "none: everything runs on the CPU, and tiny models train there")
    return Finding(
        TOPIC, "GPUs", "ok", f"{count}: {', '.join(names)}", "resources.gpus: 1 in a sweep uses one a trial"
    )


def port(number: int) -> Finding:
    """Return whether harness.serve could listen on a port of this machine."""
    name = f"port {number}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            remedy = "harness.serve --port takes another"
            return Finding("Ray and ports", name, "lacks", error.strerror or str(error), remedy)
    return Finding("Ray and ports", name, "ok", "free for harness.serve")


def ray() -> Finding:
    """Return whether Ray runs a task here: tried in another process, which ends with it."""
    topic, name = "Ray and ports", "Ray"
    address = os.environ.get("RAY_ADDRESS")
    if address:
        return Finding(topic, name, "note", f"RAY_ADDRESS={address}: runs join that cluster, not tried here")
    try:
        done = subprocess.run(
            [sys.executable, "-c", _RAY], capture_output=True, text=True, timeout=_RAY_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        remedy = "no TCP to 127.0.0.1, a full /tmp, too little memory? reports/docs/troubleshooting.md"
        return Finding(topic, name, "broken", f"did not run a task within {_RAY_SECONDS} s", remedy)
    if done.returncode or "7" not in done.stdout.split():
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Finding(
            topic, name, "broken", f"does not start: {said}", "see reports/docs/troubleshooting.md"
        )
    return Finding(topic, name, "ok", "starts here and runs a task")
