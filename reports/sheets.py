"""The board and its tests as CSV: leaderboard.csv by row and metric, comparisons.csv by tested pair.

Numbers are those of the page, unrounded; a number that the page does not show is an empty cell here, too.
"""

from collections.abc import Iterator, Mapping
from math import isnan
from pathlib import Path
from typing import Any

from harness.results import NO_TRIAL, write_rows
from reports.differences import LEVEL
from reports.pairs import pairs
from reports.ranges import OVERALL
from reports.rank import Board, Cell, Row
from reports.words import backbone

_LEADERBOARD = (
    "method",
    "trial",
    "seeds",
    "kind",
    "place_first",
    "place_last",
    "mean_rank",
    "metric",
    "title",
    "backbone",
    "unit",
    "value",
    "ci_low",
    "ci_high",
    "seed_sd",
    "n",
    "n_unscored",
    "rank_first",
    "rank_last",
    "best",
    "related_judge",
    "comparable",
    "reason",
)
_COMPARISONS = (
    "metric",
    "first_method",
    "first_trial",
    "second_method",
    "second_trial",
    "n",
    "units",
    "unit_is",
    "difference",
    "ci_low",
    "ci_high",
    "effect_d",
    "first_has_more",
    "test",
    "p",
    "p_holm",
    "level",
    "first_is",
)


def write_sheets(folder: Path, board: Board) -> None:
    """Write leaderboard.csv and comparisons.csv into a run directory."""
    write_rows(folder / "leaderboard.csv", _LEADERBOARD, _cells(board))
    write_rows(folder / "comparisons.csv", _COMPARISONS, _pairs(board))


def ranking(board: Board) -> list[dict[str, Any]]:
    """Return the competing rows, best first, as JSON has them: None where there is no mean rank."""
    return [
        {**_head(row), "mean_rank": None if isnan(row.mean_rank) else row.mean_rank}
        for row in board.competing
    ]


def _cells(board: Board) -> Iterator[Mapping[str, Any]]:
    for row in (*board.competing, *board.controls):
        head = _head(row)
        for card in board.columns:
            cell = row.cells.get(card.name)
            if cell is None:
                continue
            first, last = cell.ranks or (None, None)
            yield {
                **head,
                "metric": card.name,
                "title": card.title,
                "backbone": backbone(card).strip("[]"),
                "unit": card.unit,
                **_numbers(cell),
                "rank_first": first,
                "rank_last": last,
                "best": cell.best,
                "related_judge": cell.related,
                "comparable": card.comparable,
                "reason": cell.reason,
            }


def _head(row: Row) -> dict[str, Any]:
    competes = not row.card.control
    return {
        "method": row.method,
        "trial": "" if row.trial == NO_TRIAL else row.trial,
        "seeds": " ".join(str(seed) for seed in row.seeds),
        "kind": "competing" if competes else "control",
        "place_first": row.places[0] if competes else None,
        "place_last": row.places[1] if competes else None,
        "mean_rank": row.mean_rank,
    }


def _numbers(cell: Cell) -> dict[str, Any]:
    return {
        "value": cell.value,
        "ci_low": cell.low,
        "ci_high": cell.high,
        "seed_sd": cell.spread,
        "n": cell.n,
        "n_unscored": cell.unscored,
    }


def _pairs(board: Board) -> Iterator[Mapping[str, Any]]:
    for pair in pairs(board):
        d = pair.difference
        yield {
            "metric": pair.card.name if pair.card else OVERALL,
            "first_method": d.first[0],
            "first_trial": d.first[1],
            "second_method": d.second[0],
            "second_trial": d.second[1],
            "n": d.n,
            "units": d.units,
            "unit_is": "speaker" if d.by_speaker else "clip",
            "difference": d.value,
            "ci_low": d.low,
            "ci_high": d.high,
            "effect_d": d.effect,
            "first_has_more": d.wins,
            "test": d.how,
            "p": d.p,
            "p_holm": d.corrected,
            "level": LEVEL,
            "first_is": pair.verdict,
        }
