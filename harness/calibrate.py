"""The datasheet of the instruments: what does each metric see, and what is it blind to?

    python -m harness.calibrate
    python -m harness.calibrate --metrics psnr,mylab.sharpness --out runs/mine
    python -m harness.calibrate --data folder --root CLIPS --backbones reference --weights DIR

Known faults of graded strength are planted in real clips, by default clips of the embedded corpus, and every
metric measures them. Writes calibration.csv, datasheet.csv, per_clip.csv, run.json and calibration.html.

Exit codes: 0 done; 1 done, but a metric crashed (said, and listed in run.json); 2 bad input.
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from harness import catalog
from harness.calibration.cases import MOST_CLIPS, Case, drawn_cases, read_cases
from harness.command import count, ended
from harness.config import JUDGE_SEEDS, Data, SplitFractions, validated
from harness.contracts import Backbone, Setup
from harness.datasets import READERS
from harness.faces import POLICIES
from harness.jobs import Executor
from harness.progress import Progress
from harness.record import About, Record, full_command, own_modules, run_folder
from harness.store import Store
from harness.types import BadInput
from harness.weights import Weights

EMBEDDED = "synthetic"
_SIZE = {EMBEDDED: 64}
_REAL_SIZE = 256


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = _parser().parse_args(arguments)
    return ended(lambda: _calibrate(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.calibrate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", default=EMBEDDED, metavar="NAME", help=f"{', '.join(READERS)} ({EMBEDDED}: drawn here)")
    add("--root", type=Path, metavar="DIR", help="the folder of the clips, for any other --data")
    add("--faces", choices=tuple(POLICIES), help="face policy of real clips (face-v1)")
    add("--size", type=int, metavar="PX", help="side of the clips (64 drawn, 256 real)")
    add("--clips", type=int, default=12, metavar="N", help="clips measured (12)")
    add("--out", type=Path, default=Path("reports/runs/calibration"), metavar="DIR")
    add("--metrics", metavar="A,B", help="metrics to calibrate (all that can be made)")
    add("--backbones", choices=get_args(Backbone), default="embedded")
    add("--weights", type=Path, metavar="DIR", help="folder of pretrained files")
    add("--allow-unverified", action="store_true", help="use files whose SHA-256 differs, marked")
    add("--seed", type=int, default=1, metavar="K", help="of the clips drawn and of the faults (1)")
    add("--workers", type=count, metavar="N", help="CPUs to use (all)")
    add("--resume", action="store_true", help="go on with a run that was stopped")
    return parser


def _calibrate(options: argparse.Namespace) -> int:
    data = _data(options)
    setup = Setup(
        options.backbones,
        Weights(options.weights, options.allow_unverified),
        fid_min_frames=2,  # faulty and real sets are of one size here: a small sample's bias is the same
    )
    metrics, left_out = _metrics(options.metrics, setup)
    about = _about(options, data, metrics)
    with run_folder(options.out, options.resume) as out:
        record = Record.begin(out, about, full_command("harness.calibrate"), options.resume)
        record.fields["not_calibrated"] = left_out
        return _run(options, data, [(name, setup) for name in metrics], out, record)


def _run(
    options: argparse.Namespace, data: Data, metrics: list[tuple[str, Setup]], out: Path, record: Record
) -> int:
    # Ray is slow to import, and a typing error should be told at once.
    from harness.calibration.run import Calibration
    from harness.execute import actor_pool, cluster
    from reports.calibration import write_page

    progress, store = Progress(), Store(out.parent / ".store")
    weights = metrics[0][1].weights

    def gathered(pool: Executor) -> list[Case]:
        if data.reader == EMBEDDED:
            return drawn_cases(pool, options.clips, data.size, options.seed, store)
        return read_cases(pool, data, options.clips, options.seed, store, weights)

    run = Calibration(out, tuple(metrics), options.seed, store, record)
    with cluster(options.workers, [out]) as workers, actor_pool(workers, 0, progress) as pool:
        run.go(pool, gathered)
    write_page(out)
    progress.say(f"datasheet: {out / 'calibration.html'}")
    failures = record.fields["failures"]
    for failure in failures:
        progress.say(f"failed: {failure['what']}: {failure['reason']}")
    return 1 if failures else 0


def _data(options: argparse.Namespace) -> Data:
    """Return the corpus asked for; BadInput, naming the option, for one that cannot be."""
    if options.data not in READERS:
        raise BadInput(f'--data: no reader "{options.data}": {catalog.nearest(options.data, list(READERS))}')
    embedded = options.data == EMBEDDED
    if embedded == (options.root is not None):
        raise BadInput(
            f"--root is not for --data {EMBEDDED}: its clips are drawn"
            if embedded
            else f"--root is missing: --data {options.data} reads a folder of yours"
        )
    if options.root is not None and not options.root.is_dir():
        raise BadInput(f"--root {options.root} is not a folder")
    if options.clips < 1 or (embedded and options.clips > MOST_CLIPS):
        most = f", and at most the {MOST_CLIPS} that are drawn" if embedded else ""
        raise BadInput(f"--clips {options.clips}: at least 1{most}")
    if embedded and options.seed in JUDGE_SEEDS:
        raise BadInput(f"--seed {options.seed}: the embedded judges were trained on it; choose a smaller one")
    values = {
        "reader": options.data,
        "root": options.root,
        "faces": "none" if embedded else options.faces or "face-v1",
        "size": options.size or _SIZE.get(options.data, _REAL_SIZE),
        "split": SplitFractions(train=0, val=0, test=1),
    }
    return validated(Data, values, "python -m harness.calibrate")


def _metrics(chosen: str | None, setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Return the metrics that can be made, and why others cannot; those asked for by name must be."""
    wanted = chosen.split(",") if chosen else catalog.names("metrics")
    usable: list[str] = []
    left_out: dict[str, str] = {}
    for name in dict.fromkeys(wanted):
        try:
            catalog.metric(name)(setup)
            usable.append(name)
        except BadInput as error:
            if chosen:
                raise BadInput(f"--metrics: {name}: {error}") from error
            left_out[name] = str(error)
    if not usable:
        raise BadInput(f"no metric can be made: {next(iter(left_out.items()))}")
    return usable, left_out


def _about(options: argparse.Namespace, data: Data, metrics: list[str]) -> About:
    """Return what the record says first."""
    config = {k: v for k, v in vars(options).items() if k not in {"out", "resume", "workers"}}
    config = {k: str(v) if isinstance(v, Path) else v for k, v in config.items()}
    return About(
        kind="calibration",
        name=options.out.name,
        config={**config, "metrics": metrics, "size": data.size, "faces": data.faces},
        modules=own_modules(metrics),
        seeds={"clips": options.seed, "faults": options.seed},
        reference={"policy": "the clip itself, without the fault"},
        faces=data.faces,
        backbones=options.backbones,
    )


if __name__ == "__main__":
    sys.exit(main())
