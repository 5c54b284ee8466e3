"""Experiment trackers: TensorBoard, MLflow, Weights & Biases, each by the client of its own makers.

What they are told is a view of a run's files (harness.tracking): nothing that is trained or measured passes
through them. Ray's logger callbacks are not used: they see Tune's trials alone, neither stages nor methods
without a search, and are closed before there is a score. Each tracker's own variables (MLFLOW_TRACKING_URI,
WANDB_MODE, WANDB_PROJECT ...) say where it writes; without them it writes into the run's folder.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

from harness.types import BadInput

Name = Literal["tensorboard", "mlflow", "wandb"]
Status = Literal["done", "failed", "stopped"]
Point = tuple[int, Mapping[str, float]]
"""A step and its losses by name."""

_PACKAGES = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}


@dataclass(frozen=True, slots=True)
class Unit:
    """What is one run to a tracker: a training, or a row of the results. `config` holds plain values."""

    key: str
    name: str
    config: Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a unit: its status, its trial and reason if it has them, its scores by metric."""

    status: Status
    facts: Mapping[str, str]
    scores: Mapping[str, float]


class Tracker(Protocol):
    """One tracker, open. It is called from one thread, and may raise what its client raises."""

    def begin(self, unit: Unit, known: str | None) -> str:
        """Open a unit; return the tracker's name for it, `known` where an earlier process got that."""
        ...

    def points(self, name: str, points: Sequence[Point]) -> None:
        """Add to a unit's training curve."""
        ...

    def finish(self, name: str, ending: Ending) -> None:
        """End a unit with what became of it."""
        ...

    def close(self) -> None:
        """Let go of what is still open: the run was stopped, or is done."""
        ...


def check(names: Sequence[str]) -> None:
    """Raise BadInput where a tracker's package is not installed."""
    for name in names:
        if find_spec(_PACKAGES[name]) is None:
            raise BadInput(
                f'key trackers: "{name}" needs the package {_PACKAGES[name]}, which is not installed: '
                f"python -m pip install -e '.[{name}]', or leave it out"
            )


def opened(name: str, out: Path, run: str) -> Tracker:
    """Open a tracker for the run of that name in the folder `out`. Raises BadInput where it cannot be."""
    check([name])
    tracker: Tracker = importlib.import_module(f"harness.trackers.{name}").open_tracker(out, run)
    return tracker
