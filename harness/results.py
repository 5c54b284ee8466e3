"""The tidy tables of a run, and its record: what is written, and how it is read again.

results.csv  one row per (method, trial, metric): RESULT_COLUMNS
per_clip.csv one row per (method, trial, clip, metric): CLIP_COLUMNS; `value` is empty where `reason` says why
clips.csv    one row per test clip: its labels
notes.csv    one row per (method, trial, clip, note): what methods tell of their own clips, where one does
curves.csv   one row per (method, trial, stage, step, loss)
traces.csv   one row per (method, trial, clip, metric, unit, frame) of a few clips (harness.traces)
run.json     everything that a number depends on, and the times
Every view is made from these files alone.
"""

import csv
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULT_COLUMNS = (
    "run",
    "method",
    "trial",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n",
    "n_unscored",
    "unit",
    "higher_is_better",
    "backbone",
    "comparable",
    "reason",
    "detail",
)
CLIP_COLUMNS = ("run", "method", "trial", "clip", "metric", "value", "reason", "detail")
SAMPLE_COLUMNS = (
    "clip",
    "speaker",
    "emotion",
    "level",
    "text",
    "frames",
    "reference_clip",
    "reference_frames",
)
SCENE_COLUMNS = ("clip", "scene")
NOTE_COLUMNS = ("run", "method", "trial", "clip", "note", "value")
TRACE_COLUMNS = ("run", "method", "trial", "clip", "metric", "unit", "frame", "generated", "reference")
CURVE_COLUMNS = ("run", "method", "trial", "stage", "step", "loss", "value")

NO_TRIAL = "-"
"""The trial of a method that has no swept weights: every control."""


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV atomically: floats with 12 significant digits, None and NaN as an empty cell."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({c: _cell(row.get(c)) for c in columns} for row in rows)
    os.replace(partial, path)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV that `write_rows` wrote; cells stay text."""
    with path.open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def number(cell: str) -> float:
    """Return a cell as a float, NaN where it is empty."""
    return float(cell) if cell else math.nan


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write JSON atomically, indented, keys as given."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")
    os.replace(partial, path)


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote."""
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def is_stopped(run_dir: Path) -> bool:
    """Whether a folder holds a sweep that was stopped, with what it takes to make its tables
    (harness.partial).
    """
    try:
        fields = read_json(run_dir / "run.json")
    except (OSError, json.JSONDecodeError):
        return False  # whoever reads it as a run says what is wrong
    tables = (run_dir / "results.csv").exists() and not (run_dir / "work").is_dir()
    return fields.get("kind") == "sweep" and fields.get("complete") is False and not tables


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)
