"""A run's site behind Ray Serve: replicas of one ASGI application, each of which answers any request.

The demo's clips are made by a deployment of their own, so that no page waits for a clip.
Ray Serve starts a replica again when it dies; what it had confirmed is in the database, so nothing else need
be kept. Not done here: HTTPS, for which a proxy in front is the place.
"""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import ray

from harness.demo.making import Maker, models
from harness.demo.orders import Orders, Progress
from harness.demo.place import Demo
from harness.demo.routes import Offer, demo_part
from harness.proxy import use_haproxy
from harness.study.app import Part, StudyPart, create_app
from harness.types import BadInput
from harness.weights import Weights

_ONGOING = 200
"""Requests that one replica works on at once; more wait in the proxy."""
_CLIP_SECONDS = 300.0
"""The longest that the demo works on one clip."""


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

    def __init__(
        self, run_dir: Path, study: StudyPart | None, demo: Demo | None, generator: Any | None
    ) -> None:
        self._run_dir, self._study, self._demo, self._generator = run_dir, study, demo, generator
        self._making: set[asyncio.Task[None]] = set()

    def __serve_build_asgi_app__(self) -> Any:
        """Return the application; Ray Serve calls this once in each replica."""
        parts = [] if self._demo is None else [self._demo_part(self._demo)]
        return create_app(self._run_dir, self._study, parts)

    def _demo_part(self, demo: Demo) -> Part:
        offer = Offer(models(self._run_dir), demo.folder / "examples", demo.examples, demo.note)
        orders = Orders(demo.orders)

        async def submit(order: str, index: int) -> None:
            task = asyncio.create_task(self._made(orders, order, index))
            self._making.add(task)
            task.add_done_callback(self._making.discard)

        return demo_part(offer, orders, submit)

    async def _made(self, orders: Orders, order: str, index: int) -> None:
        """Have a clip made; where its generator died, say so in the order."""
        from ray.serve.exceptions import RayServeException

        assert self._generator is not None
        try:
            await self._generator.remote(order, index)
        except (ray.exceptions.RayError, RayServeException):
            logging.getLogger("ray.serve").exception("a clip was not made")
            if orders.progress(order, index).state != "failed":
                orders.tell(order, index, Progress("failed", reason="its generator stopped; order it again"))


class _Generator:
    """One replica that makes the demo's clips, one at a time."""

    def __init__(self, run_dir: Path, demo: Demo) -> None:
        self._orders = Orders(demo.orders)
        self._make = Maker(run_dir, self._orders, Weights(), _CLIP_SECONDS, demo.mark)

    async def check_health(self) -> None:
        """Forget old orders whenever Ray Serve asks, so that they go though nobody comes."""
        await asyncio.to_thread(self._orders.sweep)

    async def __call__(self, order: str, index: int) -> None:
        """Make a clip, without keeping Ray from asking whether this replica lives."""
        await asyncio.to_thread(self._make, order, index)


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
    with TemporaryDirectory(prefix="harness-serve-") as folder:
        use_haproxy(Path(folder))
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            runtime_env={"env_vars": {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}},
        )
        stop.install()
        try:
            yield
        finally:
            ray.shutdown()


def run_site(run_dir: Path, study: StudyPart | None, demo: Demo | None, place: Place) -> None:
    """Serve a run's site, and return when its replicas answer."""
    from ray import serve  # reads its settings when it is imported: after `use_haproxy`

    logging.getLogger("ray.serve").setLevel(logging.ERROR)
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
    run_dir = run_dir.absolute()
    generator = None if demo is None else _generator().bind(run_dir, demo)
    site = deployment.bind(run_dir, study, demo, generator)
    serve.run(site, name="site", route_prefix="/", blocking=False)


def _generator() -> Any:
    """Return the deployment that makes the demo's clips: as many replicas as orders need and cores allow."""
    from ray import serve

    most = max(1, int(ray.cluster_resources()["CPU"]) - 1)
    return serve.deployment(
        _Generator,
        name="generator",
        autoscaling_config={"min_replicas": 1, "max_replicas": most, "target_ongoing_requests": 1},
        max_ongoing_requests=1,
        ray_actor_options={"num_cpus": 1},
        health_check_timeout_s=60,
        graceful_shutdown_timeout_s=5,
        logging_config={"enable_access_log": False, "log_level": "WARNING"},
    )
