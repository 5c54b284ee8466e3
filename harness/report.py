"""`python -m harness.report RUN_DIR [--study]`: make a run's leaderboard again from its tables.

With --study the votes of the run's study are analysed first: study.html, the tables in RUN_DIR/study/, and
people's columns in the leaderboard, which stay there until another analysis.
"""

import argparse
import sys
from pathlib import Path

from harness.study.votes import default_url
from harness.types import BadInput
from reports import write_views
from reports.study import write_study


def main(arguments: list[str] | None = None) -> int:
    """Write the views and say where they are; 2 where the run cannot be shown."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="folder with results.csv and run.json")
    parser.add_argument("--study", action="store_true", help="analyse the votes of the run's study, too")
    parser.add_argument(
        "--database", metavar="URL", help="where the votes are (RUN_DIR/study/votes.sqlite), with --study"
    )
    given = parser.parse_args(arguments)
    run_dir: Path = given.run_dir
    if given.database and not given.study:
        parser.error("--database says where a study's votes are: give --study as well")
    try:
        if given.study:
            write_study(run_dir, given.database or default_url(run_dir))
        write_views(run_dir)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    for name in ["leaderboard.html", "leaderboard.md", *(["study.html"] if given.study else [])]:
        print(run_dir / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
