"""Confusion matrices: what each emotion judge called the clips of each label, for real clips and methods."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.contracts import MetricCard
from harness.types import EMOTIONS
from reports.load import Run
from reports.rank import Board, Row


@dataclass(frozen=True)
class Confusion:
    """One judge on one row of the board. counts: by label (line) and by what it was called (column)."""

    card: MetricCard
    row: Row
    labels: tuple[str, ...]
    called: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def share(self, line: int, column: int) -> int:
        """Return the percentage of a label's clips that were called so."""
        return round(100 * self.counts[line][column] / sum(self.counts[line]))


def confusions(run: Run, board: Board) -> list[Confusion]:
    """Return a matrix for each judge and shown row, where its clips say what they were taken for."""
    found = []
    for card in _judges(board.columns):
        table = run.per_clip[(run.per_clip["metric"] == card.name) & run.per_clip["detail"].isin(EMOTIONS)]
        labelled = table.merge(run.clips[["clip", "emotion"]], on="clip")
        labels = tuple(e for e in EMOTIONS if e in set(labelled["emotion"]))
        called = tuple(e for e in EMOTIONS if e in set(labelled["detail"]) | set(labels))
        counts = labelled.groupby(["method", "trial", "emotion", "detail"]).size()
        for row in board.shown():
            matrix = tuple(tuple(int(counts.get((*row.key, e, c), 0)) for c in called) for e in labels)
            if labels and all(any(line) for line in matrix):
                found.append(Confusion(card, row, labels, called, matrix))
    return found


def _judges(columns: Sequence[MetricCard]) -> list[MetricCard]:
    """Return the first metric of each emotion judge: its others share its calls."""
    first: dict[str, MetricCard] = {}
    for card in columns:
        if card.family == "emotion":
            first.setdefault(card.backbone, card)
    return list(first.values())
