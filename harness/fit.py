"""Training of one stage or one trial in plain Python: the loop is the method's, the record is ours.

Ray Tune and Ray Train (`tune`, `train`) only put their own report and their own resources round `fit`.
"""

import json
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from harness import catalog, config
from harness.contracts import AT_GENERATION, Method, Training, TrainingData, keep_model
from harness.store import Store, code_version, write_whole
from harness.weights import Weights

if TYPE_CHECKING:
    import torch

CURVE_FILE = "curve.json"
SECONDS_FILE = "seconds.json"
Sink = Callable[[int, Mapping[str, float], Callable[[Path], None] | None], None]
Average = Callable[[Mapping[str, float]], Mapping[str, float]]


def own(losses: Mapping[str, float]) -> Mapping[str, float]:
    """Return the losses as they are: the average over one worker."""
    return losses


@dataclass(slots=True)
class Curve:
    """A Report that keeps every point, refuses NaN, and hands each on to `sink` (Tune, Train).

    `average` makes one worker's losses those of the global batch, so a NaN on one ends them all.
    """

    where: str
    sink: Sink | None = None
    average: Average = own
    points: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    def __call__(
        self,
        step: int,
        losses: Mapping[str, float],
        checkpoint: Callable[[Path], None] | None = None,
    ) -> None:
        """See contracts.Report."""
        losses = self.average(losses)
        for name, value in losses.items():
            if not math.isfinite(value):
                raise FloatingPointError(
                    f"{self.where}: loss {name} is {value} at step {step}; lower lr or that loss's weight"
                )
        self.points.append((step, dict(losses)))
        if self.sink is not None:
            self.sink(step, losses, None if checkpoint is None else self._with_curve(checkpoint))

    def save(self, folder: Path) -> None:
        """Write the points beside what was trained."""
        (folder / CURVE_FILE).write_text(json.dumps(self.points))

    def _with_curve(self, checkpoint: Callable[[Path], None]) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            checkpoint(folder)
            self.save(folder)

        return write


def read_curve(folder: Path) -> list[tuple[int, dict[str, float]]]:
    """Return the (step, losses) points of a stage, a model or a checkpoint."""
    return [(step, losses) for step, losses in json.loads((folder / CURVE_FILE).read_text())]


def read_seconds(folder: Path) -> float:
    """Return how long a stage's training took, when it was trained."""
    return float(json.loads((folder / SECONDS_FILE).read_text()))


@dataclass(frozen=True, slots=True)
class FitSpec:
    """All that one training needs, picklable. `data_id` names the prepared data and split by content."""

    method: str
    config: Mapping[str, Any]
    data: TrainingData
    data_id: str
    artefacts: Mapping[str, Path]
    seed: int
    threads: int
    device: str
    store: Store
    weights: Weights

    def with_params(self, params: Mapping[str, Any]) -> "FitSpec":
        """Return the same training with some config values replaced."""
        return replace(self, config={**self.config, **params})

    def build(self) -> Method:
        """Return the method, made with its validated config."""
        kind = catalog.method(self.method)
        return kind(config.validated(kind.Config, self.config, self.method))

    def model_path(self) -> Path:
        """Return where the trained model is or will be: what only generation looks at makes no other."""
        kind = catalog.method(self.method).Config
        later = {name for name, key in kind.model_fields.items() if key.json_schema_extra == AT_GENERATION}
        trained = kind.model_validate(dict(self.config)).model_dump(mode="json", exclude=later)
        return self.store.path("models", [self._origin(), trained, self.artefact_ids()])

    def stage_path(self, stage: str) -> Path:
        """Return where a stage's artefact is or will be."""
        chosen = dict(self.build().stage_config(stage))
        return self.store.path("stages", [self._origin(), stage, chosen, self.artefact_ids()])

    def with_stages(self) -> "FitSpec":
        """Return the same training with the artefacts of all stages, where they are or will be."""
        kind, done = catalog.method(self.method), dict(self.artefacts)
        while missing := [n for n, needs in kind.stages.items() if n not in done and set(needs) <= set(done)]:
            done |= {n: self.for_stage(n, done).stage_path(n) for n in missing}
        return replace(self, artefacts=done)

    def for_stage(self, stage: str, artefacts: Mapping[str, Path]) -> "FitSpec":
        """Return the same training with just those of `artefacts` that `stage` reads."""
        return replace(self, artefacts={n: artefacts[n] for n in catalog.method(self.method).stages[stage]})

    def artefact_ids(self) -> dict[str, str]:
        """Return the ids of the earlier stages: their folders' names."""
        return {stage: path.name for stage, path in sorted(self.artefacts.items())}

    def training(self, report: Curve, **place: Any) -> Training:
        """Return what a method's loop is given."""
        return Training(
            data=self.data,
            artefacts=self.artefacts,
            report=report,
            seed=self.seed,
            weights=self.weights,
            device=self.device,
            threads=self.threads,
            **place,
        )

    def _origin(self) -> list[Any]:
        module = self.method if "." in self.method else "methods"
        code = code_version(
            module, "harness.audio", "harness.fit", "harness.prepare", "harness.prepared", "harness.types"
        )
        return [self.method, self.data_id, self.seed, code]


@dataclass(slots=True)
class Sparing:
    """A Sink that hands on every point, and a checkpoint when those before have cost little enough.

    sink: writes the checkpoints that it is given. share: the part of the time so far that this may take, so a
    large model has a few and a small one many.
    """

    sink: Sink
    share: float = 0.01
    _spent: float = 0.0
    _begun: float = field(default_factory=lambda: time.monotonic())

    def __call__(
        self, step: int, losses: Mapping[str, float], checkpoint: Callable[[Path], None] | None
    ) -> None:
        """Hand on this step's point."""
        now = time.monotonic()
        if checkpoint is None or self._spent > self.share * (now - self._begun):
            self.sink(step, losses, None)
            return
        self.sink(step, losses, checkpoint)
        self._spent += time.monotonic() - now


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The last checkpoint of one training, in the store, so that a killed worker's successor goes on from it.

    A Sink: it keeps the checkpoints that it is given.
    """

    folder: Path

    def __call__(
        self, step: int, losses: Mapping[str, float], checkpoint: Callable[[Path], None] | None
    ) -> None:
        """Keep this step's checkpoint."""
        if checkpoint is None:
            return

        def build(folder: Path) -> None:
            folder.mkdir()
            checkpoint(folder)

        older = self._kept()
        write_whole(self.folder / f"{step:09d}", build)
        for folder in older:
            shutil.rmtree(folder)

    def latest(self) -> Path | None:
        """Return the last checkpoint's folder, None at the start."""
        return max(self._kept(), default=None)

    def clear(self) -> None:
        """Forget them: the training is done."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _kept(self) -> list[Path]:
        return [p for p in self.folder.glob("*") if p.name.isdecimal()]


def finished(path: Path, store: Store) -> bool:
    """Return whether an artefact is there; then the checkpoints of its training are forgotten."""
    if path.exists():
        Checkpoints(store.path("checkpoints", [path.name])).clear()
    return path.exists()


def run_stage(spec: FitSpec, stage: str) -> Path:
    """Return the stage's artefact folder, trained first if it is not in the store."""
    _quiet()
    path = spec.stage_path(stage)
    kept = Checkpoints(spec.store.path("checkpoints", [path.name]))

    def build(folder: Path) -> None:
        folder.mkdir()
        resume = kept.latest()
        points = read_curve(resume) if resume else []
        curve = Curve(f"{spec.method} stage {stage}", Sparing(kept), points=points)
        started = time.monotonic()
        spec.build().run_stage(stage, spec.training(curve, resume=resume), folder)
        (folder / SECONDS_FILE).write_text(json.dumps(round(time.monotonic() - started, 1)))
        curve.save(folder)

    spec.store.make(path, build)
    kept.clear()
    return path


def run_fit(spec: FitSpec) -> Path:
    """Return the model's folder; it is trained first, from its last checkpoint, if it is not in the store."""
    path = spec.model_path()
    kept = Checkpoints(spec.store.path("checkpoints", [path.name]))
    if not path.exists():
        fit(spec, Sparing(kept), kept.latest())
    kept.clear()
    return path


def fit(
    spec: FitSpec,
    sink: Sink | None = None,
    resume: Path | None = None,
    rank: int = 0,
    world: int = 1,
    wrap: "Callable[[torch.nn.Module], torch.nn.Module]" = keep_model,
    average: Average = own,
) -> Curve:
    """Train one trial, put its model into the store, return its curve; FloatingPointError on a NaN."""
    _quiet()
    curve = Curve(f"{spec.method} {_short(spec)}", sink, average, read_curve(resume) if resume else [])
    method = spec.build()
    method.fit(spec.training(curve, resume=resume, rank=rank, world=world, wrap=wrap))

    def build(folder: Path) -> None:
        folder.mkdir()
        method.save(folder)
        curve.save(folder)

    if rank == 0:
        write_whole(spec.model_path(), build)
    return curve


def _quiet() -> None:
    """Let OpenCV use this thread alone: idle ones of its own take the cores from other trials."""
    cv2.setNumThreads(1)


def _short(spec: FitSpec) -> str:
    return " ".join(f"{k}={v}" for k, v in spec.config.items())
