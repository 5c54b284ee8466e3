"""A study's tables and page, written into its run's directory; deleting them loses nothing but the page."""

from pathlib import Path

from harness.study.votes import read_participants, read_study, read_votes
from reports.html import write_text
from reports.load import STUDY, STUDY_PAGE, load_trials
from reports.rank import rank
from reports.study.analysis import analyse
from reports.study.page import page
from reports.study.tables import write_tables


def write_study(run_dir: Path, url: str) -> None:
    """Analyse the votes of the database at `url`: write RUN_DIR/study.html and the tables in RUN_DIR/study/.

    Raises BadInput where there is no run, no study, no vote, or a vote on something that the run has not.
    """
    run = load_trials(run_dir)
    board = rank(run)
    found = analyse(run, board, read_study(url), read_votes(url), read_participants(url))
    write_tables(run_dir / STUDY, found)
    write_text(run_dir / STUDY_PAGE, page(found, board))
