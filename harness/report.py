"""`python -m harness.report RUN_DIR`: make a run's leaderboard again from its tables."""

import argparse
import sys
from pathlib import Path

from harness.types import BadInput
from reports import write_views


def main(arguments: list[str] | None = None) -> int:
    """Write the views and say where they are; 2 where the run cannot be shown."""
    parser = argparse.ArgumentParser(prog="python -m harness.report", description=__doc__)
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="folder with results.csv and run.json")
    run_dir: Path = parser.parse_args(arguments).run_dir
    try:
        write_views(run_dir)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    print(run_dir / "leaderboard.html")
    print(run_dir / "leaderboard.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
