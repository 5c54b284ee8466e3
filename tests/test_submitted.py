"""A sweep sent as a job to a head that asks for its token: it runs there; without the token it is refused."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from harness import results

ROOT = Path(__file__).resolve().parents[1]
RAY = str(Path(sys.executable).with_name("ray"))
SWEEP = """
name: job
data:
  synthetic: {speakers: 3, clips_per_speaker: 4, size: 64, seed: 3}
  split: {train: 0.34, val: 0.33, test: 0.33}
  test_clips: 1
methods: [{name: tests.toys, label: toy, config: {steps: 3}}]
metrics: [psnr]
"""


@dataclass(frozen=True)
class Head:
    """A head: where jobs are sent, and the variables of who may send them."""

    address: str
    allowed: Mapping[str, str]


def free_ports(count: int) -> list[int]:
    """Return ports that nobody has now, outside those that Ray's workers take."""
    found: list[int] = []
    for port in range(20_001, 32_000, 7):
        with socket.socket() as probe:
            if len(found) < count and probe.connect_ex(("127.0.0.1", port)):
                found.append(port)
    return found


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    folder = tmp_path_factory.mktemp("head")
    token = folder / "token"
    token.write_text("t" * 40)
    token.chmod(0o600)
    port, dashboard, agent, grpc, client = free_ports(5)
    allowed = {
        **{key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
    }
    short = tempfile.mkdtemp(prefix="ray")  # the sockets below it must have short names
    command = f"{RAY} start --head --block --num-cpus 2 --disable-usage-stats --temp-dir {short}".split()
    command += f"--port {port} --dashboard-host 127.0.0.1 --dashboard-port {dashboard}".split()
    command += f"--dashboard-agent-listen-port {agent} --dashboard-agent-grpc-port {grpc}".split()
    command += f"--ray-client-server-port {client}".split()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=allowed, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{dashboard}"
    deadline = time.monotonic() + 120
    while not answers(address) and time.monotonic() < deadline:
        time.sleep(0.5)
    yield Head(address, allowed)
    process.send_signal(signal.SIGTERM)  # with --block it ends what it started
    process.wait(60)
    shutil.rmtree(short, ignore_errors=True)


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/api/version", timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.code == 401
    except OSError:
        return False
    return True


def submitted(head: Head, env: Mapping[str, str], *entry: str) -> subprocess.CompletedProcess[str]:
    """Send a job as the README does; wait for its end."""
    known = yaml.safe_load((ROOT / "sweeps" / "clusters" / "runtime_env.yaml").read_text())
    given = {"excludes": known["excludes"], "env_vars": {"OMP_NUM_THREADS": "1"}}  # packages are here already
    command = [RAY, "job", "submit", "--address", head.address, "--working-dir", str(ROOT)]
    command += ["--runtime-env-json", json.dumps(given), "--", *entry]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=400)


@pytest.mark.slow
def test_a_job_runs_a_sweep_and_one_without_the_token_is_refused(head: Head, tmp_path: Path) -> None:
    refused = submitted(head, {**head.allowed, "RAY_AUTH_MODE": "disabled"}, "echo", "hi")
    assert refused.returncode == 1
    assert "Missing authentication token" in refused.stderr
    assert "ray get-auth-token --generate" in refused.stderr

    path, out = tmp_path / "job.yaml", tmp_path / "out"
    path.write_text(SWEEP)
    sweep = ("python", "-m", "harness.sweep", str(path))
    lost = submitted(head, head.allowed, *sweep)
    assert lost.returncode == 1 and "give --out an absolute path that outlives the job" in lost.stdout

    done = submitted(head, head.allowed, *sweep, "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert results.read_json(out / "run.json")["complete"]
    assert {r["method"] for r in results.read_rows(out / "results.csv")} > {"toy", "still"}
