"""Per-clip values in groups: means by emotion, and the clips that could not be scored, by reason."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from harness.contracts import MetricCard
from harness.types import EMOTIONS
from reports.load import Run
from reports.rank import SPEED, Board, Row

UNLABELLED = "unlabelled"


@dataclass(frozen=True)
class EmotionTable:
    """One metric: mean over clips and how many, by row of the board and emotion."""

    card: MetricCard
    means: dict[tuple[str, str], list[float]]
    counts: dict[tuple[str, str], list[int]]

    def goodness(self, value: float) -> float | None:
        """Return where a mean lies between the table's worst (0) and best (1); None without a direction."""
        finite = [v for row in self.means.values() for v in row if math.isfinite(v)]
        if self.card.higher_is_better is None or not math.isfinite(value) or min(finite) == max(finite):
            return None
        share = (value - min(finite)) / (max(finite) - min(finite))
        return share if self.card.higher_is_better else 1 - share


@dataclass(frozen=True)
class Unscored:
    """Clips that one reason kept from being scored: by which metrics, in which rows of the board."""

    reason: str
    metrics: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]
    clips: tuple[str, ...]
    count: int


def emotions(run: Run) -> list[str]:
    """Return the emotions of the run's clips, in the project's order, clips without a label last."""
    present = set(run.clips["emotion"])
    known = [e for e in EMOTIONS if e in present]
    return known + sorted(present - set(EMOTIONS) - {""}) + ([UNLABELLED] if "" in present else [])


def by_emotion(run: Run, board: Board) -> list[EmotionTable]:
    """Return a table for each metric with a value per clip; set metrics have none, speed knows no emotion."""
    labelled = run.per_clip.merge(run.clips[["clip", "emotion"]], on="clip", how="left")
    labelled["emotion"] = labelled["emotion"].replace("", UNLABELLED)
    scored = labelled[labelled["value"].notna()]
    grouped = scored.groupby(["metric", "method", "trial", "emotion"])["value"]
    means, counts = grouped.mean(), grouped.size()
    measured = set(scored["metric"])
    return [
        _emotion_table(card, board.shown(), emotions(run), means, counts)
        for card in board.columns
        if card.name in measured and card.name not in SPEED
    ]


def unscored(run: Run) -> list[Unscored]:
    """Return the reasons why clips have no value, the most frequent first."""
    table = run.per_clip[run.per_clip["reason"] != ""]
    found = [
        Unscored(
            str(reason),
            tuple(dict.fromkeys(group["metric"])),
            tuple(dict.fromkeys(zip(group["method"], group["trial"], strict=True))),
            tuple(sorted(set(group["clip"]))),
            len(group),
        )
        for reason, group in table.groupby("reason", sort=True)
    ]
    return sorted(found, key=lambda u: -u.count)


def _emotion_table(
    card: MetricCard, rows: Sequence[Row], labels: Sequence[str], means: pd.Series, counts: pd.Series
) -> EmotionTable:
    keys = [row.key for row in rows]
    return EmotionTable(
        card,
        {key: [float(means.get((card.name, *key, e), math.nan)) for e in labels] for key in keys},
        {key: [int(counts.get((card.name, *key, e), 0)) for e in labels] for key in keys},
    )
