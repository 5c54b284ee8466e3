"""Make a run's leaderboard again from its tables, or set two runs side by side.

    python -m harness.report RUN_DIR            leaderboard.{html,md,csv,tex}, comparisons.csv
    python -m harness.report RUN_DIR --study    first the votes of the run's study: study.html, study/;
                                                people's columns are in the leaderboard from then on
    python -m harness.report BEFORE AFTER       AFTER/against-BEFORE.html: what differs in how the runs were
                                                made, and which numbers differ by more than chance

A sweep that was killed is shown as far as it was measured, marked as partial.
Exit codes: 0 written; 2 no run that can be shown, or two runs that cannot be compared (it says why).
"""

import argparse
import sys
from pathlib import Path

from harness.command import ended, folder
from harness.results import is_stopped
from harness.study.votes import default_url
from reports import VIEWS, write_versus, write_views
from reports.study import write_study


def main(arguments: list[str] | None = None) -> int:
    """Write the views and say where they are; 2 where the run cannot be shown."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="folder with results.csv and run.json")
    parser.add_argument("after", type=Path, nargs="?", metavar="AFTER", help="a later run, to compare with")
    parser.add_argument("--study", action="store_true", help="analyse the votes of the run's study, too")
    parser.add_argument(
        "--database", metavar="URL", help="where the votes are (RUN_DIR/study/votes.sqlite), with --study"
    )
    given = parser.parse_args(arguments)
    if given.database and not given.study:
        parser.error("--database says where a study's votes are: give --study as well")
    if given.after and given.study:
        parser.error("--study is of one run: leave out AFTER")
    return ended(lambda: _report(given))


def _report(given: argparse.Namespace) -> int:
    run_dir = folder(given.run_dir, "RUN_DIR")
    _finish_tables(run_dir)
    if given.after:
        _finish_tables(folder(given.after, "AFTER"))
        path, said = write_versus(run_dir, given.after)
        print(f"{said}\n{path}")
        return 0
    if given.study:
        write_study(run_dir, given.database or default_url(run_dir))
    write_views(run_dir)
    for name in [*VIEWS, *(["study.html"] if given.study else [])]:
        print(run_dir / name)
    return 0


def _finish_tables(run_dir: Path) -> None:
    """Write the tables of a sweep that was killed before it did; nothing for any other run."""
    if not is_stopped(run_dir):
        return
    from harness.partial import write_tables  # needs the metrics, which are slow to import

    write_tables(run_dir)


if __name__ == "__main__":
    sys.exit(main())
