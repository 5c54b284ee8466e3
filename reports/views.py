"""All views of a run, beside its tables: deleting them loses nothing, writing them again changes nothing."""

from pathlib import Path

from reports.html import write_text
from reports.latex import latex
from reports.load import load
from reports.markdown import markdown
from reports.page import page
from reports.rank import Board, rank
from reports.sheets import write_sheets
from reports.strips import write_strips

VIEWS = ("leaderboard.html", "leaderboard.md", "leaderboard.csv", "leaderboard.tex", "comparisons.csv")
"""The files of a run that are made from its tables, beside the pictures in strips/."""


def write_views(run_dir: Path) -> Board:
    """Write leaderboard.{md,csv,tex,html}, comparisons.csv and strips/*.png into a run directory.

    Returns what they show. Raises BadInput, naming the file and the key, where the tables are missing, do
    not fit run.json, or lack the controls.
    """
    run = load(run_dir)
    board = rank(run)
    write_text(run_dir / "leaderboard.md", markdown(run, board))
    write_text(run_dir / "leaderboard.tex", latex(run, board))
    write_sheets(run_dir, board)
    write_text(run_dir / "leaderboard.html", page(run, board, write_strips(run, board)))
    return board
