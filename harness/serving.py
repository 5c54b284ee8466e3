"""A run's site behind Ray Serve: replicas of one ASGI application, each of which answers any request.

Ray Serve starts a replica again when it dies; what it had confirmed is in the database, so nothing else need
be kept. Not done here: HTTPS, for which a proxy in front is the place.
"""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import ray
from ray import serve

from harness.study.app import StudyPart, create_app
from harness.types import BadInput

_ONGOING = 200
"""Requests that one replica works on at once; more wait in the proxy."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the site is served, and by how many replicas."""

    host: str
    port: int
    replicas: int


class Stop:
    """Whether SIGINT or SIGTERM came; installed before anything is started, so that none is missed."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def install(self) -> None:
        """Take both signals over. Again after Ray, which installs a handler of its own."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def wait(self) -> None:
        """Return when a signal has come."""
        while not self._event.wait(0.5):
            pass

    @property
    def came(self) -> bool:
        """Whether one has come."""
        return self._event.is_set()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._event.set()


class _Site:
    """One replica: builds its application where it runs."""

    def __init__(self, run_dir: Path, study: StudyPart | None) -> None:
        self._run_dir, self._study = run_dir, study

    def __serve_build_asgi_app__(self) -> Any:
        """Return the application; Ray Serve calls this once in each replica."""
        return create_app(self._run_dir, self._study)


def check_free(place: Place) -> None:
    """Raise BadInput where something listens on the place already."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((place.host, place.port))
        except OSError as error:
            raise BadInput(f"{place.host}:{place.port}: {error.strerror}; give another --port") from error


@contextmanager
def ray_here(stop: Stop) -> Iterator[None]:
    """Start Ray on this machine, quiet, for the block."""
    paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))))
    ray.init(
        address="local",
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        # The environment decides how many threads libraries take in each replica; the database needs none.
        runtime_env={"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}},
    )
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    stop.install()
    try:
        yield
    finally:
        ray.shutdown()


def run_site(run_dir: Path, study: StudyPart | None, place: Place) -> None:
    """Serve a run's site, and return when its replicas answer."""
    serve.start(http_options={"host": place.host, "port": place.port}, proxy_location="HeadOnly")
    deployment = serve.deployment(
        serve.ingress()(_Site),
        name="site",
        num_replicas=place.replicas,
        max_ongoing_requests=_ONGOING,
        ray_actor_options={"num_cpus": 0.01},
        health_check_period_s=2,
        health_check_timeout_s=10,
        graceful_shutdown_timeout_s=5,
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )
    serve.run(deployment.bind(run_dir.absolute(), study), name="site", route_prefix="/", blocking=False)
