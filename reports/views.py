"""All views of a run, beside its tables: deleting them loses nothing, writing them again changes nothing."""

import os
from pathlib import Path

from reports.load import load
from reports.markdown import markdown
from reports.page import page
from reports.rank import rank
from reports.strips import write_strips


def write_views(run_dir: Path) -> None:
    """Write leaderboard.md, leaderboard.html and strips/*.png into a run directory, from its files alone.

    Raises BadInput, naming the file and the key, where the tables are missing, do not fit run.json, or lack
    the controls.
    """
    run = load(run_dir)
    board = rank(run)
    _write(run_dir / "leaderboard.md", markdown(run, board))
    _write(run_dir / "leaderboard.html", page(run, board, write_strips(run, board)))


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)
