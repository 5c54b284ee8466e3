"""Writes a run's tables from its work files: results, per_clip, clips, curves and traces, each a CSV."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from harness import results, speed, traces
from harness.measure import Scores, read_traces, read_values
from harness.prepare import load
from harness.protocol import Ask
from harness.record import Record
from harness.scoring import Row
from harness.types import Measurement, Score


def write_samples(out: Path, asked: Sequence[Ask]) -> None:
    """Write clips.csv and the reference pictures that methods were given, clips/_references/<clip>.png.

    And scenes.csv where requests have descriptions.
    """
    folder = out / "clips" / "_references"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for ask in asked:
        reference = load(ask.reference).frames
        Image.fromarray(reference[0]).save(folder / f"{ask.sample.id}.png")
        rows.append(
            {
                "clip": ask.sample.id,
                "speaker": ask.sample.speaker,
                "emotion": ask.sample.emotion,
                "level": ask.sample.level,
                "text": ask.sample.text,
                "frames": len(load(ask.truth).frames),
                "reference_clip": ask.reference_id,
                "reference_frames": len(reference) if ask.source is not None else 1,
            }
        )
    results.write_rows(out / "clips.csv", results.SAMPLE_COLUMNS, rows)
    if scenes := [{"clip": ask.sample.id, "scene": ask.scene} for ask in asked if ask.scene is not None]:
        results.write_rows(out / "scenes.csv", results.SCENE_COLUMNS, scenes)


def write_results(out: Path, record: Record, scored: Sequence[tuple[Row, Scores]]) -> None:
    """Write results.csv, per_clip.csv, curves.csv and traces.csv."""
    table: list[Mapping[str, Any]] = []
    for row, found in scored:
        who = _who(record, row)
        table += [{**who, **_score_row(found.cards[name], score)} for name, score in found.values.items()]
        if row.speeds is None:
            continue
        for name, card in speed.cards(record.fields["hardware"]).items():
            table.append({**who, **_score_row(card, _speed_score([clip[name] for clip in row.speeds]))})
    results.write_rows(out / "results.csv", results.RESULT_COLUMNS, table)
    results.write_rows(out / "per_clip.csv", results.CLIP_COLUMNS, _per_clip(record, scored))
    results.write_rows(out / "curves.csv", results.CURVE_COLUMNS, record.curves)
    results.write_rows(out / "traces.csv", results.TRACE_COLUMNS, _traces(record, [row for row, _ in scored]))


def write_notes(out: Path, notes: Sequence[Mapping[str, Any]]) -> None:
    """Write notes.csv, rows of NOTE_COLUMNS, where there is one."""
    if notes:
        results.write_rows(out / "notes.csv", results.NOTE_COLUMNS, notes)


def _per_clip(record: Record, scored: Sequence[tuple[Row, Scores]]) -> Iterator[Mapping[str, Any]]:
    """Give the rows of per_clip.csv, one method's and trial's in memory at a time, without features."""
    for row, found in scored:
        who = _who(record, row)
        measured = [read_values(pair.record) for pair in row.pairs]
        for name in found.values:
            yield from ({**who, **_clip_row(name, clip[name])} for clip in measured)
        if row.speeds is None:
            continue
        for name in speed.NAMES:
            costs = zip(row.pairs, row.speeds, strict=True)
            yield from ({**who, "clip": p.clip, "metric": name, "value": cost[name]} for p, cost in costs)


def _traces(record: Record, rows: Sequence[Row]) -> Iterator[Mapping[str, Any]]:
    """Give the rows of traces.csv, one clip's in memory at a time."""
    for row in rows:
        for pair in row.pairs:
            if pair.traced:
                who = {**_who(record, row), "clip": pair.clip}
                yield from ({**who, **line} for line in traces.rows(read_traces(pair.record)))


def _who(record: Record, row: Row) -> dict[str, Any]:
    return {"run": record.fields["name"], "method": row.method, "trial": row.trial}


def _score_row(card: Any, score: Score) -> dict[str, Any]:
    return {
        "metric": card.name,
        "value": score.value,
        "ci_low": score.ci_low,
        "ci_high": score.ci_high,
        "n": score.n,
        "n_unscored": score.n_unscored,
        "unit": card.unit,
        "higher_is_better": card.higher_is_better,
        "backbone": card.backbone,
        "comparable": card.comparable,
        "reason": score.reason,
        "detail": score.detail,
    }


def _clip_row(name: str, found: Measurement) -> dict[str, Any]:
    return {
        "clip": found.clip_id,
        "metric": name,
        "value": found.value,
        "reason": found.reason,
        "detail": found.detail,
    }


def _speed_score(speeds: Sequence[float | None]) -> Score:
    known = np.array([s for s in speeds if s is not None])
    if not len(known):
        return Score(math.nan, math.nan, math.nan, 0, len(speeds))
    low, high = np.quantile(known, [0.025, 0.975])
    return Score(float(np.median(known)), float(low), float(high), len(known), len(speeds) - len(known))
