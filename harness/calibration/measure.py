"""The work of a calibration: faulty copies measured one clip at a time, then scored strength by strength.

A clip and a fault are one item: the clip is read once, every strength is made of it, and all metrics measure
each. What an item found is a file with a name of its own, written whole, so a run that was killed goes on
where it stopped. Metrics that do not listen are not asked about faults of the sound alone: the pictures are
the unfaulted clip's.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from math import nan
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from harness import catalog
from harness.calibration.cases import Case
from harness.calibration.datasheet import Scored
from harness.calibration.faults import FAULTS, Fault, Subject
from harness.contracts import Metric, Setup
from harness.jobs import Outcome, attempt
from harness.measure import measure_pair
from harness.store import Store, write_whole
from harness.types import BadInput, Clip, Measurement, Pair, Score, Unscorable

NO_FAULT = "unfaulted"
_WHOLE = 1.0

Metrics = tuple[tuple[str, Setup], ...]
Measurements = dict[float, dict[str, Measurement]]
"""By strength, then by metric."""


def record_path(out: Path, fault: str, clip: str) -> Path:
    """Return the file of what was measured of a clip and a fault."""
    return out / "work" / fault / f"{clip}.json"


def hears(metric: Metric, fault: Fault) -> bool:
    """Return whether a fault changes anything that the metric takes in."""
    return metric.card.needs_audio or fault.touches != "sound"


@dataclass(frozen=True, slots=True)
class MeasureFaults:
    """Measures every strength of a fault on a clip; an item is (case, fault's name or NO_FAULT).

    Its value is the crashes met, one a metric: the other metrics go on, and a resumed run tries it again.
    """

    out: Path
    metrics: Metrics
    seed: int
    store: Store

    def open(self) -> Callable[[tuple[Case, str]], list[Outcome[Measurement]]]:
        """See Job."""
        cv2.setNumThreads(1)
        made = [catalog.metric(name)(setup) for name, setup in self.metrics]

        def one(item: tuple[Case, str]) -> list[Outcome[Measurement]]:
            case, name = item
            path = record_path(self.out, name, case.id)
            if _is_done(path):
                return []
            subject, fault = case.subject(), FAULTS.get(name)
            asked = [m for m in made if fault is None or hears(m, fault)]
            clips = faulty_clips(subject, fault, fault_seed(self.seed, case.id, name))
            crashes: dict[str, Outcome[Measurement]] = {}
            found = {s: self._measure(asked, case, subject, clip, crashes) for s, clip in clips}
            _write(path, found, faulty=bool(crashes))
            return list(crashes.values())

        return one

    def _measure(
        self,
        asked: Sequence[Metric],
        case: Case,
        subject: Subject,
        clip: Clip | str,
        crashes: dict[str, Outcome[Measurement]],
    ) -> dict[str, Measurement]:
        if isinstance(clip, str):
            return {m.card.name: _unscored(case, clip) for m in asked}
        pair = Pair(
            clip_id=case.id,
            generated=clip,
            reference=Clip(subject.clip.frames, subject.clip.audio, shared=True),
            speaker=case.speaker,
            emotion=case.emotion,
            level=case.level,
            landmarks=subject.clip.landmarks,
            store=self.store,
        )
        found = {}
        for metric in asked:
            outcome = attempt(partial(measure_pair, metric), pair)
            found[metric.card.name] = outcome.value or _unscored(case, outcome.reason or "")
            if outcome.crash is not None:
                crashes.setdefault(metric.card.name, outcome)
        return found


def _unscored(case: Case, reason: str) -> Measurement:
    return Measurement(case.id, reason=reason, speaker=case.speaker, emotion=case.emotion, level=case.level)


def fault_seed(seed: int, clip: str, fault: str) -> tuple[int, ...]:
    """Return the seed of a clip's fault, the same for all its strengths."""
    return seed, zlib.crc32(clip.encode()), zlib.crc32(fault.encode())


def faulty_clips(
    subject: Subject, fault: Fault | None, seed: tuple[int, ...]
) -> Iterator[tuple[float, Clip | str]]:
    """Yield each strength to measure with its clip, or with the reason why there is none.

    A fault of the set is measured at full strength only: at a share of it, a clip is replaced or is not.
    """
    if fault is None:
        yield 0.0, Clip(subject.clip.frames, subject.clip.audio, shared=True)
        return
    for strength in (_WHOLE,) if fault.of_set else fault.strengths:
        try:
            clip = fault.apply(subject, strength, seed)
        except (Unscorable, BadInput) as error:
            yield strength, str(error)
            continue
        # Unchanged pictures are the truth's: what networks find in them serves every shift of the sound.
        yield strength, Clip(clip.frames, clip.audio, shared=fault.touches == "sound")


@dataclass(frozen=True, slots=True)
class ScoreStrength:
    """Scores a set of clips at one strength; an item is (fault's name or NO_FAULT, strength, cases).

    Its value is what each metric that hears the fault says of the set.
    """

    out: Path
    metrics: Metrics
    seed: int

    def open(self) -> Callable[[tuple[str, float, tuple[Case, ...]]], dict[str, Scored]]:
        """See Job."""
        made = [catalog.metric(name)(setup) for name, setup in self.metrics]

        def one(item: tuple[str, float, tuple[Case, ...]]) -> dict[str, Scored]:
            name, strength, cases = item
            fault = FAULTS.get(name)
            rows = [self._row(fault, strength, case, cases) for case in cases]
            return {
                m.card.name: scored(m, [row[m.card.name] for row in rows])
                for m in made
                if fault is None or hears(m, fault)
            }

        return one

    def _row(
        self, fault: Fault | None, strength: float, case: Case, cases: Sequence[Case]
    ) -> dict[str, Measurement]:
        if fault is None or (fault.of_set and case.id not in replaced(fault, strength, cases, self.seed)):
            return read(record_path(self.out, NO_FAULT, case.id), 0.0)
        return read(record_path(self.out, fault.name, case.id), _WHOLE if fault.of_set else strength)


def replaced(fault: Fault, share: float, cases: Sequence[Case], seed: int) -> set[str]:
    """Return the ids of the clips that a fault of the set replaces: a larger share holds a smaller one."""
    order = np.random.default_rng([seed, zlib.crc32(fault.name.encode())]).permutation(len(cases))
    return {cases[i].id for i in order[: round(share * len(cases))]}


def scored(metric: Metric, rows: Sequence[Measurement]) -> Scored:
    """Return a metric's score of a set and each clip's value; set metrics have none a clip."""
    found = metric.aggregate(rows)
    score = Score(found.value, found.ci_low, found.ci_high, found.n, found.n_unscored, found.reason)
    reasons = tuple(row.reason for row in rows)
    if any(row.features for row in rows):
        return Scored(score, None, reasons)
    values = np.array([nan if row.value is None else row.value for row in rows], np.float64)
    return Scored(score, values, reasons)


def read(path: Path, strength: float) -> dict[str, Measurement]:
    """Return what was measured of a clip at one strength, by metric, features included."""
    stored = json.loads(path.read_text(encoding="utf-8"))["strengths"][repr(strength)]
    arrays = path.with_suffix(".npz")
    if not any(row["features"] for row in stored.values()):
        return {name: Measurement(**row) for name, row in stored.items()}
    with np.load(arrays, allow_pickle=False) as kept:
        return {
            name: Measurement(
                **{
                    **row,
                    "features": {side: kept[key] for side, key in (row["features"] or {}).items()} or None,
                }
            )
            for name, row in stored.items()
        }


def _is_done(path: Path) -> bool:
    return path.exists() and not json.loads(path.read_text(encoding="utf-8"))["faulty"]


def _write(path: Path, found: Measurements, faulty: bool) -> None:
    """Write a record; features go to a file beside it, each array once however many metrics gave it."""
    arrays: dict[str, Any] = {}
    plain = {
        repr(strength): {name: _plain(m, arrays) for name, m in row.items()}
        for strength, row in found.items()
    }
    if arrays:
        write_whole(path.with_suffix(".npz"), lambda private: _save(private, arrays))
    whole = json.dumps({"faulty": faulty, "strengths": plain})
    write_whole(path, lambda private: _text(private, whole))


def _plain(measurement: Measurement, arrays: dict[str, Any]) -> dict[str, Any]:
    row = {f.name: getattr(measurement, f.name) for f in fields(measurement) if f.name != "traces"}
    if measurement.features is not None:
        row["features"] = {side: _kept(array, arrays) for side, array in measurement.features.items()}
    return row


def _kept(array: Any, arrays: dict[str, Any]) -> str:
    key = hashlib.sha256(
        f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes()
    ).hexdigest()[:20]
    arrays[key] = array
    return key


def _save(path: Path, arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
