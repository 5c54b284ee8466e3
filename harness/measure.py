"""Measuring: pairs of files to records of measurements, and records to scores.

A pair is decoded once for all metrics. Its record is a file of its own that names its inputs by content: a
pair whose record fits is done, and one whose clip was changed meanwhile is measured again. A clip that cannot
be read or scored has its reason in the record; a fault in one metric costs neither the other metrics nor the
other clips.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache, partial
from math import isnan
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from harness import catalog, media, prepare, traces
from harness.contracts import Metric, MetricCard, Setup
from harness.faces import FILES, POLICIES, Policy, open_detector, resized_to
from harness.jobs import attempt
from harness.prepared import tars
from harness.store import Store, digest, write_whole
from harness.types import BadInput, Clip, Measurement, Pair, Sample, Score, Unscorable
from harness.weights import Weights

CROP_SIDE = 256
"""Side, in pixels, of the crops that policy face-v1 makes of clips that are scored as they come."""


@dataclass(frozen=True, slots=True)
class View:
    """How a file becomes the clip that metrics see, on both sides alike.

    faces: footage is taken whole, or each clip is cropped to 256 px by its own face. resize: a generated
    clip of another size is resized to its reference's (area to shrink, cubic to enlarge), which changes its
    scores; without it the metrics that need equal sizes do not score it.
    """

    faces: Policy = POLICIES["none"]
    resize: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """One pair as paths: what travels to a worker. `reference` is a prepared clip or any media file.

    record: where its measurements go. failed: why there is nothing to compare. alone: the reference itself is
    measured, by the metrics that look at one clip only. traced: the record keeps what metrics saw over time
    (harness.traces).
    """

    clip: str
    generated: Path | None
    reference: Path | None
    record: Path
    speaker: str | None = None
    emotion: str | None = None
    level: str | None = None
    failed: str | None = None
    alone: bool = False
    traced: bool = False

    def inputs(self) -> list[str | None]:
        """Return what the record depends on beside the code and the run's config: contents and labels.

        The contents are those of both clips and of the tables that may lie beside them (OpenFace's CSV). A
        record without traces is no record of a pair that shall have them.
        """
        clips = [p for p in (self.generated, self.reference) if p is not None]
        files = [*clips, *(p.with_suffix(".csv") for p in clips)]
        contents = [tars.content(p) for p in files]
        labels = [self.speaker, self.emotion, self.level, self.failed]
        return [*contents, *labels, "traced"] if self.traced else [*contents, *labels]

    def unscored(self, reason: str) -> Measurement:
        """Return a metric's measurement of this pair when it has none."""
        return Measurement(
            self.clip, reason=reason, speaker=self.speaker, emotion=self.emotion, level=self.level
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that no metric foresees: a bug, or a machine in trouble. The run goes on and exits with 1."""

    metric: str
    reason: str
    crash: str


@dataclass(frozen=True, slots=True)
class Measure:
    """Measures pairs; an item is a Comparison, its value the faults met on it."""

    metrics: tuple[tuple[str, Setup], ...]
    view: View
    store: Store
    weights: Weights

    def open(self) -> Callable[[Comparison], tuple[Fault, ...]]:
        """See Job."""
        cv2.setNumThreads(1)
        made = _made(self.metrics)
        if self.view.faces.crops:
            # A missing detector file is one error, not one a clip.
            self.weights.path(FILES[self.view.faces.detector])
        return partial(self._one, made)

    def _one(self, metrics: list[Metric], item: Comparison) -> tuple[Fault, ...]:
        inputs = item.inputs()
        if _is_done(item.record, inputs):
            return ()
        asked = [m for m in metrics if not (item.alone and m.card.paired)]
        if not asked:
            self._write(item, inputs, [None, None], {}, False)
            return ()
        frames: list[int | None] = [None, None]
        faults: list[Fault] = []
        found: dict[str, Measurement] = {}
        try:
            pair = self._pair(item)
        except (BadInput, Unscorable) as error:
            found = {m.card.name: item.unscored(str(error)) for m in asked}
        else:
            frames = [len(pair.generated.frames), len(pair.reference.frames)]
            for metric in asked:
                outcome = attempt(partial(measure_pair, metric), pair)
                found[metric.card.name] = outcome.value or item.unscored(outcome.reason or "")
                if outcome.crash is not None:
                    faults.append(Fault(metric.card.name, outcome.reason or "", outcome.crash))
        self._write(item, inputs, frames, found, bool(faults))
        return tuple(faults)

    def _pair(self, item: Comparison) -> Pair:
        """Return the decoded pair. Raises Unscorable or BadInput where there is none."""
        if item.failed is not None or item.generated is None or item.reference is None:
            raise Unscorable(item.failed or "no clip to compare")
        reference, landmarks = self._clip(item.reference)
        generated = reference if item.alone else self._clip(item.generated)[0]
        if self.view.resize and generated.frames.shape[1:3] != reference.frames.shape[1:3]:
            height, width = reference.frames.shape[1:3]
            generated = replace(generated, frames=resized_to(generated.frames, height, width))
        reference = replace(reference, shared=True)
        return Pair(
            clip_id=item.clip,
            generated=replace(generated, shared=item.alone),
            reference=reference,
            speaker=item.speaker,
            emotion=item.emotion,
            level=item.level,
            landmarks=landmarks,
            store=self.store,
        )

    def _clip(self, path: Path) -> tuple[Clip, Any]:
        """Return a file's clip as the view shows it, and its landmarks where they were found on the way."""
        if tars.is_sample(path):
            ready = prepare.load(path)
        elif self.view.faces.crops:
            sample = Sample(path.stem, path, None, None, None)
            detector = partial(open_detector, self.view.faces, self.weights)
            ready = prepare.prepare(sample, self.view.faces, CROP_SIDE, detector)
        else:
            return replace(media.read_clip(path), path=path), None
        file = None if tars.is_sample(path) else path
        return Clip(ready.frames, ready.audio, path=file), ready.landmarks

    def _write(
        self,
        item: Comparison,
        inputs: Sequence[str | None],
        frames: Sequence[int | None],
        found: Mapping[str, Measurement],
        faulty: bool,
    ) -> None:
        rows = {name: {**_plain(m), "features": self._keep(m)} for name, m in found.items()}
        kept = {name: traces.plain(m.traces) for name, m in found.items() if item.traced and m.traces}
        whole = {"inputs": digest(inputs), "frames": frames, "faulty": faulty, "metrics": rows}
        _write_record(item.record, {**whole, "traces": kept})

    def _keep(self, measurement: Measurement) -> dict[str, str]:
        """Keep a set metric's rows by content: FID and KID, and all methods' references, share theirs."""
        kept = {}
        for side, rows in (measurement.features or {}).items():
            content = hashlib.sha256(rows.tobytes()).hexdigest()
            path = self.store.path("rows", [str(rows.dtype), rows.shape, content], ".npy")
            self.store.make(path, partial(np.save, arr=rows))
            kept[side] = str(path)
        return kept


def write_lost(item: Comparison, metrics: Sequence[str], reason: str) -> None:
    """Write the record of a pair whose worker was lost with it, so that the others can be aggregated."""
    rows = {name: {**_plain(item.unscored(reason)), "features": {}} for name in metrics}
    _write_record(item.record, {"inputs": None, "frames": [None, None], "faulty": True, "metrics": rows})


@dataclass(frozen=True, slots=True)
class Scores:
    """A method's score by metric, with the cards that say what the numbers are."""

    values: Mapping[str, Score]
    cards: Mapping[str, MetricCard]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Turns a method's records into Scores; an item is the records' paths."""

    metrics: tuple[tuple[str, Setup], ...]

    def open(self) -> Callable[[tuple[Path, ...]], Scores]:
        """See Job."""
        made = _made(self.metrics)

        def one(records: tuple[Path, ...]) -> Scores:
            rows = [read_measurements(record) for record in records]
            asked = [m for m in made if all(m.card.name in row for row in rows)]
            values = {m.card.name: aggregated(m, [row[m.card.name] for row in rows]) for m in asked}
            return Scores(values, {m.card.name: m.card for m in made})

        return one


@lru_cache(maxsize=1)
def _made(metrics: tuple[tuple[str, Setup], ...]) -> list[Metric]:
    """Return the metrics, loaded once a worker for measuring and aggregating."""
    made = [catalog.metric(name)(setup) for name, setup in metrics]
    for (name, _), metric in zip(metrics, made, strict=True):
        if not isinstance(getattr(metric, "card", None), MetricCard):
            raise BadInput(f"{name}: its card is no MetricCard; see harness/contracts.py")
    return made


def read_measurements(record: Path) -> dict[str, Measurement]:
    """Return a pair's measurements by metric, features included."""
    found = {}
    for name, row in json.loads(record.read_text(encoding="utf-8"))["metrics"].items():
        features = {side: np.load(path, allow_pickle=False) for side, path in row.pop("features").items()}
        found[name] = Measurement(**row, features=features or None)
    return found


def read_values(record: Path) -> dict[str, Measurement]:
    """Return a pair's measurements by metric, without the features, which are no small part of a run."""
    rows = json.loads(record.read_text(encoding="utf-8"))["metrics"]
    return {name: Measurement(**{**row, "features": None}) for name, row in rows.items()}


def read_traces(record: Path) -> dict[str, traces.Plain]:
    """Return what metrics saw over time, by metric; empty where the record keeps nothing of that kind."""
    found: dict[str, traces.Plain] = json.loads(record.read_text(encoding="utf-8")).get("traces", {})
    return found


def read_frames(record: Path) -> tuple[int | None, int | None]:
    """Return how many frames the generated and the reference clip had; None where they were not read."""
    generated, reference = json.loads(record.read_text(encoding="utf-8"))["frames"]
    return generated, reference


def _is_done(record: Path, inputs: Sequence[str | None]) -> bool:
    if not record.exists():
        return False
    stored = json.loads(record.read_text(encoding="utf-8"))
    return stored["inputs"] == digest(inputs) and not stored["faulty"]


def measure_pair(metric: Metric, pair: Pair) -> Measurement:
    """Return a metric's measurement of a pair; Unscorable where the pair lacks what the metric needs."""
    card = metric.card
    length = pair.length if card.paired else len(pair.generated.frames)
    if length < card.min_frames:
        raise Unscorable(f"{length} frames; {card.name} needs {card.min_frames}")
    if card.needs_audio and pair.generated.audio is None:
        raise Unscorable("no sound track")
    found = metric.measure(pair)
    lengths = len(pair.generated.frames), len(pair.reference.frames)
    if card.paired and lengths[0] != lengths[1]:
        note = f"the first {pair.length} frames: {lengths[0]} generated, {lengths[1]} in the reference"
        found = replace(found, detail="; ".join(filter(None, [found.detail, note])))
    return found


def aggregated(metric: Metric, rows: Sequence[Measurement]) -> Score:
    """Return a metric's score; its interval ends where the metric's range does."""
    score, (lowest, highest) = metric.aggregate(rows), metric.card.range
    if score.n == 0 or isnan(score.ci_low):
        return score
    return replace(score, ci_low=max(lowest, score.ci_low), ci_high=min(highest, score.ci_high))


def _write_record(path: Path, whole: Mapping[str, Any]) -> None:
    def build(private: Path) -> None:
        private.write_text(json.dumps(whole), encoding="utf-8")

    write_whole(path, build)


def _plain(measurement: Measurement) -> dict[str, Any]:
    kept = [f.name for f in fields(measurement) if f.name not in {"features", "traces"}]
    return {name: getattr(measurement, name) for name in kept}
