"""Run a sweep: train, generate, measure and rank what a YAML file asks for.

    python -m harness.sweep sweeps/loss_weights.yaml
    python -m harness.sweep sweeps/loss_weights.yaml --resume                  # go on where it was stopped
    python -m harness.sweep sweeps/baselines.yaml --set seed=2 --out runs/seed2 --workers 8

A method or metric of your own is named as package.module; reports/docs/adding.md has whole examples.
Exit codes: 0 everything done; 1 done, but a trial or a clip failed (said, and listed in run.json); 2 bad
input, nothing was changed, or the machine failed (no room, a lost cluster: go on with --resume); 130 stopped
by Ctrl-C.
"""

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path

from harness import config, external, trackers
from harness.command import count, ended
from harness.faults import check_room
from harness.pipeline import Engine, Run
from harness.progress import Progress
from harness.record import Record, about_sweep, full_command, run_folder
from harness.store import Store
from harness.tracking import tracked
from harness.types import BadInput


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.sweep",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sweep", type=Path, help="a YAML file of sweeps/")
    parser.add_argument("--out", type=Path, metavar="DIR", help="results folder (reports/runs/<name>)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a key: data.size=96",
    )
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    parser.add_argument("--workers", type=count, metavar="N", help="CPUs to use (all)")
    options = parser.parse_args(arguments)
    return ended(lambda: _sweep(options))


def _sweep(options: argparse.Namespace) -> int:
    # Ray is slow to import, and a typing error should be told at once.
    sweep = config.load(options.sweep, options.set)
    external.check(sweep)
    trackers.check(sweep.trackers)
    if options.out is None and "runtime_resources" in Path.cwd().parts:
        raise BadInput(
            "this job runs in Ray's own copy of the project, which Ray deletes: "
            "give --out an absolute path that outlives the job"
        )
    with run_folder(options.out or Path("reports/runs") / sweep.name, options.resume) as out:
        return _run(sweep, out, options)


def _run(sweep: config.Sweep, out: Path, options: argparse.Namespace) -> int:
    from harness.execute import actor_pool, check_resources, cluster

    progress, store = Progress(), Store(out.parent / ".store")
    check_room(out, store.root)
    record = Record.begin(out, about_sweep(sweep), full_command("harness.sweep"), options.resume)
    with ThreadPoolExecutor(1) as beside:
        reports = beside.submit(import_module, "reports")  # slow, while Ray starts
        with tracked(sweep.trackers, out, progress) as watched, cluster(options.workers, [out, store.root]):
            check_resources(sweep.resources)
            with actor_pool(options.workers, sweep.resources.gpus, progress, sweep.retries) as pool:
                from harness.tune import run_trials  # slow, while the workers come up

                engine = Engine(pool, partial(run_trials, progress=progress))
                Run(sweep, out, engine, record, store, watched).go()
                views = beside.submit(reports.result().write_views, out)  # while Ray ends
        views.result()
    progress.say(f"leaderboard: {out / 'leaderboard.html'}")
    for warning in record.fields["warnings"]:
        progress.say(f"warning: {warning}")
    failures = record.fields["failures"]
    for failure in failures:
        progress.say(f"failed: {failure['what']}: {failure['reason']}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
