"""Weights & Biases, by its client: a project for a sweep's name, a group for a run, a W&B run for each unit.

With WANDB_MODE=offline all is written into <run>/wandb, and `wandb sync` sends it later.
"""

import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import wandb

from harness.trackers import Ending, Point, Tracker, Unit
from harness.types import BadInput


class WandB:
    """A Tracker."""

    def __init__(self, out: Path, project: str) -> None:
        self._out, self._project = out, project
        self._runs: dict[str, Any] = {}

    def begin(self, unit: Unit, known: str | None) -> str:
        """See Tracker."""
        name = known or uuid.uuid4().hex
        run = self._runs[name] = wandb.init(
            project=os.environ.get("WANDB_PROJECT", self._project),
            group=os.environ.get("WANDB_RUN_GROUP", self._out.name),
            id=name,
            name=unit.name,
            dir=self._out,
            config=dict(unit.config),
            resume="allow",
            reinit="create_new",  # units are open side by side
            settings=wandb.Settings(silent=True, console="off", save_code=False, x_disable_stats=True),
        )
        run.define_metric("*", step_metric="step")
        return name

    def points(self, name: str, points: Sequence[Point]) -> None:
        """See Tracker."""
        for step, losses in points:
            self._runs[name].log({**losses, "step": step})

    def finish(self, name: str, ending: Ending) -> None:
        """See Tracker."""
        run = self._runs.pop(name)
        run.summary.update({"status": ending.status, **ending.facts, **ending.scores})
        run.finish(exit_code=int(ending.status == "failed"))

    def close(self) -> None:
        """See Tracker."""
        for run in self._runs.values():
            run.finish(exit_code=1)


def open_tracker(out: Path, run: str) -> Tracker:
    """Return W&B for a run's folder. Raises BadInput where it is to send and has no key: it would ask."""
    if os.environ.get("WANDB_MODE", "online") == "online":
        try:
            known = wandb.login(prompt=False, verify=False)
        except wandb.errors.AuthenticationError as error:
            raise BadInput(f"key trackers: wandb: {error}") from error
        if not known:
            raise BadInput("key trackers: wandb has no API key: wandb login, or set WANDB_MODE=offline")
    return WandB(out, run)
