"""MLflow, by its client: an experiment for a sweep's name, an MLflow run for each unit.

MLFLOW_TRACKING_URI names a server; without it a SQLite file in <run>/mlflow is written, which
`mlflow ui --backend-store-uri sqlite:///<run>/mlflow/mlflow.db` shows.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from harness.trackers import Ending, Point, Tracker, Unit

T = TypeVar("T")

_METRICS, _PARAMS = 1000, 100
"""The most that MLflow takes at once."""
_VALUE = 500
"""The longest value of a parameter that every MLflow server takes."""
_STATUS = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}


class MLflow:
    """A Tracker."""

    def __init__(self, client: MlflowClient, experiment: str, artifacts: str | None) -> None:
        self._client, self._name, self._artifacts = client, experiment, artifacts
        self._open: set[str] = set()

    def begin(self, unit: Unit, known: str | None) -> str:
        """See Tracker."""
        if known is not None:
            self._client.update_run(known, status="RUNNING")
            self._open.add(known)
            return known
        run: str = self._client.create_run(self._experiment(), run_name=unit.name).info.run_id
        self._open.add(run)
        params = [Param(key, str(value)[:_VALUE]) for key, value in unit.config.items()]
        for part in _parts(params, _PARAMS):
            self._client.log_batch(run, params=part)
        return run

    def points(self, name: str, points: Sequence[Point]) -> None:
        """See Tracker."""
        now = int(time.time() * 1000)
        metrics = [Metric(k, v, now, step) for step, losses in points for k, v in losses.items()]
        for part in _parts(metrics, _METRICS):
            self._client.log_batch(name, metrics=part)

    def finish(self, name: str, ending: Ending) -> None:
        """See Tracker."""
        self.points(name, [(0, ending.scores)])
        for key, value in ending.facts.items():
            self._client.set_tag(name, key, value)
        self._client.set_terminated(name, _STATUS[ending.status])
        self._open.discard(name)

    def close(self) -> None:
        """See Tracker."""
        for run in self._open:
            self._client.set_terminated(run, "KILLED")

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self._name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(self._name, artifact_location=self._artifacts))


def _parts(items: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    return (items[start : start + most] for start in range(0, len(items), most))


def open_tracker(out: Path, run: str) -> Tracker:
    """Return MLflow on the server of MLFLOW_TRACKING_URI, or on a file in a run's folder."""
    logging.getLogger("mlflow").setLevel("WARNING")  # it tells of every table that it makes
    experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", run)
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return MLflow(MlflowClient(), experiment, None)
    folder = (out / "mlflow").absolute()
    folder.mkdir(exist_ok=True)
    return MLflow(
        MlflowClient(f"sqlite:///{folder / 'mlflow.db'}"), experiment, (folder / "artifacts").as_uri()
    )
