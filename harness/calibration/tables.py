"""What a calibration writes, and nothing else is shown: the tables that the page is made from.

calibration.csv one row per (metric, fault, strength): LEVEL_COLUMNS; strength of `unfaulted` is empty
datasheet.csv   one row per (metric, fault): VERDICT_COLUMNS; `smallest` lists one strength a direction
per_clip.csv    one row per (metric, fault, strength, clip): CLIP_COLUMNS; a clip that a fault of the set
                leaves alone is there with its unfaulted value
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.calibration.cases import Case
from harness.calibration.datasheet import Level, Scored, Verdict
from harness.calibration.measure import NO_FAULT
from harness.results import write_rows

LEVEL_COLUMNS = (
    *("metric", "fault", "strength", "value", "ci_low", "ci_high", "n", "n_unscored"),
    *("difference", "difference_low", "difference_high", "detected"),
)
VERDICT_COLUMNS = ("metric", "fault", "verdict", "rho", "clip_rho", "smallest", "improves", "expected")
CLIP_COLUMNS = ("metric", "fault", "strength", "clip", "speaker", "emotion", "value", "reason")

Row = Mapping[str, Any]


def write(out: Path, levels: Sequence[Row], verdicts: Sequence[Row], clips: Sequence[Row]) -> None:
    """Write the three tables into `out`."""
    write_rows(out / "calibration.csv", LEVEL_COLUMNS, levels)
    write_rows(out / "datasheet.csv", VERDICT_COLUMNS, verdicts)
    write_rows(out / "per_clip.csv", CLIP_COLUMNS, clips)


def unfaulted_row(metric: str, found: Scored) -> Row:
    """Return the row of the unfaulted set."""
    return {"metric": metric, "fault": NO_FAULT, **_score(found)}


def level_row(metric: str, fault: str, found: Level) -> Row:
    """Return the row of one strength."""
    return {
        "metric": metric,
        "fault": fault,
        "strength": found.strength,
        **_score(Scored(found.score, None)),
        "difference": found.difference,
        "difference_low": found.low,
        "difference_high": found.high,
        "detected": found.detected,
    }


def verdict_row(metric: str, fault: str, found: Verdict) -> Row:
    """Return the row of a metric and a fault."""
    return {
        "metric": metric,
        "fault": fault,
        "verdict": found.verdict,
        "rho": found.rho,
        "clip_rho": found.clip_rho,
        "smallest": ";".join("" if s is None else f"{s:g}" for s in found.smallest),
        "improves": found.improves,
        "expected": found.expected,
    }


def clip_rows(
    metric: str, fault: str, strength: float | None, found: Scored, cases: Sequence[Case]
) -> list[Row]:
    """Return a row for each clip; set metrics have no value a clip, and so no rows but for the unscored."""
    values = found.values if found.values is not None else [None] * len(cases)
    return [
        {
            "metric": metric,
            "fault": fault,
            "strength": strength,
            "clip": case.id,
            "speaker": case.speaker,
            "emotion": case.emotion,
            "value": None if value is None else float(value),
            "reason": reason,
        }
        for case, value, reason in zip(cases, values, found.reasons, strict=True)
        if found.values is not None or reason is not None
    ]


def _score(found: Scored) -> dict[str, Any]:
    s = found.score
    return {"value": s.value, "ci_low": s.ci_low, "ci_high": s.ci_high, "n": s.n, "n_unscored": s.n_unscored}
