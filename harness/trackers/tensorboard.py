"""TensorBoard's event files, by tensorboardX, the writer that Ray Tune uses; tensorboard --logdir shows them.

A unit is a subfolder of <run>/tensorboard. Its scores are scalars at the last step of its curve, and stand
beside its parameters among the "hparams".
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from tensorboardX import SummaryWriter
from tensorboardX.summary import hparams

from harness.trackers import Ending, Point, Tracker, Unit


class TensorBoard:
    """A Tracker."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, SummaryWriter] = {}
        self._units: dict[str, Unit] = {}
        self._steps: dict[str, int] = {}

    def begin(self, unit: Unit, known: str | None) -> str:
        """See Tracker."""
        name = known or re.sub(r"[^\w=.,+-]+", "_", unit.name)[:120]
        writer = self._writers[name] = SummaryWriter(str(self._folder / name), flush_secs=10)
        self._units[name] = unit
        if known is None:
            writer.add_text("config", f"```\n{json.dumps(dict(unit.config), indent=2)}\n```")
            writer.flush()
        return name

    def points(self, name: str, points: Sequence[Point]) -> None:
        """See Tracker."""
        writer = self._writers[name]
        for step, losses in points:
            for loss, value in losses.items():
                writer.add_scalar(loss, value, step)
            self._steps[name] = step
        writer.flush()

    def finish(self, name: str, ending: Ending) -> None:
        """See Tracker."""
        writer, step = self._writers.pop(name), self._steps.get(name, 0)
        writer.add_text("ended", ", ".join([ending.status, *(f"{k}: {v}" for k, v in ending.facts.items())]))
        for score, value in ending.scores.items():
            writer.add_scalar(score, value, step)
        if ending.scores:
            for part in hparams(dict(self._units[name].config), dict(ending.scores)):
                writer.file_writer.add_summary(part)
        writer.close()

    def close(self) -> None:
        """See Tracker."""
        for writer in self._writers.values():
            writer.close()


def open_tracker(out: Path, run: str) -> Tracker:
    """Return TensorBoard for a run's folder."""
    return TensorBoard(out / "tensorboard")
