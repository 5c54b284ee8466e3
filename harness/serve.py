"""Serve a run on this machine.

    python -m harness.serve reports/runs/loss_weights                             # leaderboard and demo
    python -m harness.serve reports/runs/loss_weights --mark --port 8080
    python -m harness.serve reports/runs/loss_weights --study sweeps/study.yaml   # people judge

Without --study, the run's leaderboard and clips at `/`, and a demo of its trained models at `/demo`. With it,
the study at `/study`; leaderboard and demo name the methods, so the one is then at a secret address that is
printed here, and there is no demo. On 127.0.0.1 unless --host says otherwise; SIGINT or
SIGTERM ends it. Exit codes: 0 stopped when asked to; 2 bad input, nothing was served.
"""

import argparse
import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.command import ended
from harness.types import BadInput

if TYPE_CHECKING:
    from harness.demo.place import Demo
    from harness.study.app import StudyPart


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="folder that a sweep wrote")
    parser.add_argument("--study", type=Path, metavar="FILE", help="a YAML file, such as sweeps/study.yaml")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on (8000)")
    parser.add_argument("--mark", action="store_true", help="write 'generated' into the demo's pictures")
    parser.add_argument("--database", help="votes' database (sqlite:///RUN_DIR/study/votes.sqlite)")
    options = parser.parse_args(arguments)
    return ended(lambda: _serve(options))


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text}: a port is 1 to 65535")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    from harness.study import config
    from harness.study.board import check_board

    check_board(options.run_dir)  # what cannot be served is said before Ray starts, which is slow
    study = None if options.study is None else config.load(options.study)
    from harness.demo.place import forget
    from harness.serving import Place, Stop, check_free, ray_here, run_site
    from harness.study.app import begun

    place = Place(options.host, options.port, 1 if study is None else study.replicas)
    check_free(place)
    part = None if study is None else begun(options.run_dir, study, options.database)
    stop = Stop()
    stop.install()
    demo = _demo(options.run_dir, options.mark) if study is None else None
    with ray_here(stop):
        if not stop.came:
            run_site(options.run_dir, part, demo, place)
            _announce(options, part, demo, f"http://{options.host}:{options.port}")
        stop.wait()
    if demo is not None:
        forget(demo.orders)
    return 0


def _demo(run_dir: Path, mark: bool) -> "Demo | None":
    """Return the run's demo; None, and why, where it has nothing to show."""
    from harness.demo.place import set_up

    try:
        return set_up(run_dir, mark)
    except BadInput as error:
        print(f"no demo: {error}", flush=True)
        return None


def _announce(options: argparse.Namespace, part: "StudyPart | None", demo: "Demo | None", site: str) -> None:
    if part is None:
        print(f"leaderboard: {site}/", flush=True)
        if demo is not None:
            print(f"demo: {site}/demo", flush=True)
        return
    if part.config.invites:
        links = options.run_dir / "study" / "invites.csv"
        with links.open("w", newline="", encoding="utf-8") as out:
            rows = csv.writer(out)
            rows.writerow(["link"])
            rows.writerows([f"{site}/study?invite={code}"] for code in part.invitations())
        print(f"invitations: {links}", flush=True)
    print(f"leaderboard (names the methods: not for participants): {site}{part.board}", flush=True)
    print(f"study: {site}/study", flush=True)


if __name__ == "__main__":
    sys.exit(main())
