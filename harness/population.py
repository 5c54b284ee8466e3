"""Population-based training: what a trial copies from another, and how that is known afterwards.

The scheduler (Ray Tune's) hands a trial the checkpoint of a better one and changed parameters, and starts it
again. Every checkpoint names the trial that wrote it, so that a copy is told from a resumption.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.fit import FitSpec, Sink, read_curve
from harness.store import digest
from harness.trials import Copied

_WRITER = "trial.json"


@dataclass(slots=True)
class Population:
    """A Sink of one trial: it hands on a point every `interval` steps, always with its checkpoint.

    So the scheduler never decides at a step that has none, which would copy nothing and say nothing.
    """

    folder: Path
    trial: str
    params: Mapping[str, Any]
    interval: int
    sink: Sink
    due: int = 0

    def __post_init__(self) -> None:
        self.due = self.interval

    def __call__(
        self, step: int, losses: Mapping[str, float], checkpoint: Callable[[Path], None] | None
    ) -> None:
        """Hand on this step's point if it is due."""
        if checkpoint is None or step < self.due:
            return
        self.due = step + self.interval

        def signed(folder: Path) -> None:
            checkpoint(folder)
            (folder / _WRITER).write_text(json.dumps({"trial": self.trial, "params": dict(self.params)}))

        self.sink(step, losses, signed)

    def begin(self, resume: Path) -> None:
        """Take up a checkpoint; note it where another trial wrote it."""
        step = read_curve(resume)[-1][0]
        self.due = step + self.interval
        writer = json.loads((resume / _WRITER).read_text())
        if writer["trial"] == self.trial:
            return
        noted = {"step": step, "source": writer["params"]}
        with _notes(self.folder, self.trial).open("a", encoding="utf-8") as notes:
            notes.write(json.dumps(noted) + "\n")

    @staticmethod
    def copied(folder: Path, trial: str) -> tuple[Copied, ...]:
        """Return what a trial has copied, in the order of its steps; a copy taken up again counts once."""
        notes = _notes(folder, trial)
        lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
        return tuple(Copied(**json.loads(line)) for line in dict.fromkeys(lines))

    @staticmethod
    def apart(spec: FitSpec, trial: str) -> FitSpec:
        """Return a training whose model is this trial's alone, as its weights are not of its params only."""
        return replace(spec, data_id=digest([spec.data_id, "population", trial]))


def _notes(folder: Path, trial: str) -> Path:
    return folder.parent / f"{folder.name}.{trial}.copied.jsonl"
