"""A run's table in a terminal: one line a metric, one column a row of the board."""

from pathlib import Path

from reports.load import load
from reports.rank import Row, rank
from reports.words import NOTHING, arrow, coverage, fixed, interval, title


def summary(run_dir: Path) -> str:
    """Return the board as plain text: value, 95 % interval and coverage, and why a value is missing."""
    run = load(run_dir)
    board = rank(run)
    rows = [*board.competing, *board.controls]
    lines = [["", *(row.name for row in rows)]]
    for card in board.columns:
        places = board.decimals(card.name)
        lines.append([f"{title(card)} {arrow(card)}", *(_cell(row, card.name, places) for row in rows)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    table = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*table, *_missing(rows)])


def _cell(row: Row, metric: str, places: int) -> str:
    cell = row.cells.get(metric)
    if cell is None:
        return NOTHING
    parts = [
        fixed(cell.value, places),
        interval(cell.low, cell.high, places),
        coverage(cell.n, cell.unscored),
    ]
    return " ".join(part for part in parts if part)


def _missing(rows: list[Row]) -> list[str]:
    return [
        f"{row.name}: no {name}: {cell.reason}"
        for row in rows
        for name, cell in row.cells.items()
        if cell.reason
    ]
