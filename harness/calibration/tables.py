"""What a calibration writes, and nothing else is shown: the tables that the page is made from.

calibration.csv one row per (metric, fault, strength): LEVEL_COLUMNS; strength of `unfaulted` is empty
datasheet.csv   one row per (metric, fault): VERDICT_COLUMNS; `smallest` lists one strength a direction
per_clip.csv    one row per (metric, fault, strength, clip): CLIP_COLUMNS; a clip that a fault of the set
                leaves alone is there with its unfaulted value
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.calibration.cases import Case
from harness.calibration.datasheet import Level, Scored, Verdict
from harness.calibration.measure import NO_FAULT
from harness.results import write_rows
from harness.types import Score

LEVEL_COLUMNS = (
    *("metric", "fault", "strength", "value", "ci_low", "ci_high", "n", "n_unscored"),
    *("difference", "difference_low", "difference_high", "detected"),
)
VERDICT_COLUMNS = ("metric", "fault", "verdict", "rho", "clip_rho", "smallest", "improves", "expected")
CLIP_COLUMNS = ("metric", "fault", "strength", "clip", "speaker", "emotion", "value", "reason")

Row = Mapping[str, Any]


@dataclass(slots=True)
class Tables:
    """The rows of the three tables, as they come."""

    levels: list[Row] = field(default_factory=list)
    verdicts: list[Row] = field(default_factory=list)
    clips: list[Row] = field(default_factory=list)

    def unfaulted(self, metric: str, found: Scored, cases: Sequence[Case]) -> None:
        """Add a metric's findings on the clips without a fault."""
        self.levels.append({"metric": metric, "fault": NO_FAULT, **_score(found.score)})
        self.clips += clip_rows(metric, NO_FAULT, None, found, cases)

    def level(self, metric: str, fault: str, row: Level, found: Scored, cases: Sequence[Case]) -> None:
        """Add a metric's findings at one strength."""
        self.levels.append(
            {
                "metric": metric,
                "fault": fault,
                "strength": row.strength,
                **_score(row.score),
                "difference": row.difference,
                "difference_low": row.low,
                "difference_high": row.high,
                "detected": row.detected,
            }
        )
        self.clips += clip_rows(metric, fault, row.strength, found, cases)

    def verdict(self, metric: str, fault: str, found: Verdict) -> None:
        """Add what a metric makes of a fault."""
        row = {**asdict(found), "metric": metric, "fault": fault}
        row["smallest"] = ";".join("" if s is None else f"{s:g}" for s in found.smallest)
        self.verdicts.append(row)

    def write(self, out: Path) -> None:
        """Write the three tables into `out`."""
        write_rows(out / "calibration.csv", LEVEL_COLUMNS, self.levels)
        write_rows(out / "datasheet.csv", VERDICT_COLUMNS, self.verdicts)
        write_rows(out / "per_clip.csv", CLIP_COLUMNS, self.clips)


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


def _score(s: Score) -> dict[str, Any]:
    return {"value": s.value, "ci_low": s.ci_low, "ci_high": s.ci_high, "n": s.n, "n_unscored": s.n_unscored}
