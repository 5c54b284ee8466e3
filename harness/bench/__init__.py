"""The project's performance tables, measured on the machine at hand, beside public peers.

    python -m harness.bench                       # all tables, one after another
    python -m harness.bench metrics psnr ssim     # some rows of one of them
    python -m harness.bench cost sweeps/loss_weights_crema_d.yaml

metrics     each metric beside its public peer: the same numbers, how much faster
measure     whole lists of metrics on one clip, decoded once: frames/s
decode      reading a clip beside OpenCV; preparing footage, and what it takes on disk
data        the training loader on prepared shards beside H.264 read at random access
train       a method's training step beside a plain PyTorch loop over the same model
generation  frames/s of each method and size, the wait for the first frame, peak memory
serving     votes of a study that one replica stores
workers     what two worker processes bring over one: prepared, generated, measured, trained
sweep       a whole sweep's wall time over that of its work
items       many tiny work items through the engine: what each costs the driver, in time and memory
cost        what a sweep, or many clips, would take, worked out from bench.json

Every run adds its rows to bench.json, bench.md and bench.html in --out. Libraries are told to use one thread,
and most times are CPU times, which other work on the machine moves least. A peer that is not installed has a
row that says so (make bench installs them).
Exit codes: 0 done; 1 something is short of what the project promises, or a peer is not installed; 2 bad
input, nothing was measured.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

TABLES = {
    "metrics": "metrics.bench.table",
    "measure": "metrics.bench.suites",
    "decode": "harness.bench.footage",
    "data": "harness.bench.data",
    "train": "methods.bench.training",
    "generation": "methods.bench.generation",
    "serving": "harness.bench.serving",
    "workers": "harness.bench.workers",
    "sweep": "harness.bench.sweep",
    "items": "harness.bench.items",
}
"""Each module has `add_arguments(parser)` and `rows(options)`, which prints its rows as they are measured."""
COST = "cost"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    os.environ.update(ONE_THREAD)
    # What reads that when it is loaded, as numpy does, must not be loaded before.
    from harness.command import ended

    return ended(lambda: _run(given))


def _run(given: Sequence[str]) -> int:
    from harness.catalog import nearest
    from harness.types import BadInput

    name = given[0] if given and not given[0].startswith("-") else None
    if name is None:
        options = _parser(None).parse_args(given)
        return _measure(options.out, {table: _parser(table).parse_args([]) for table in TABLES})
    if name not in (*TABLES, COST):
        raise BadInput(f'no table "{name}": {nearest(name, [*TABLES, COST])}')
    options = _parser(name).parse_args(given[1:])
    if name == COST:
        code: int = import_module("harness.bench.cost").told(options)
        return code
    return _measure(options.out, {name: options})


def _parser(name: str | None) -> argparse.ArgumentParser:
    """Return the parser of a table, or of them all."""
    module: Any = sys.modules[__name__] if name is None else import_module(_module(name))
    parser = argparse.ArgumentParser(
        prog="python -m harness.bench" + (f" {name}" if name else " [NAME]"),
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--out", type=Path, default=Path("bench"), metavar="DIR", help="where the rows are kept (bench)"
    )
    if name is not None:
        module.add_arguments(parser)
    return parser


def _module(name: str) -> str:
    return "harness.bench.cost" if name == COST else TABLES[name]


def _measure(out: Path, asked: dict[str, argparse.Namespace]) -> int:
    """Measure tables; what is measured is kept, however a later row ends."""
    from harness.bench import files
    from harness.bench.rows import Row
    from harness.faults import check_room

    check_room(out)
    table, measured = files.begun(out), list[Row]()
    for name, options in asked.items():
        if len(asked) > 1:
            print(f"\n{name}", flush=True)
        rows: Iterable[Row] = import_module(TABLES[name]).rows(options)
        try:
            for row in rows:
                measured.append(row)
        finally:
            if measured:
                files.write(out, table.with_rows(measured))
    print(f"{out / files.MARKDOWN}, {files.JSON}, {files.PLOT}")
    return 1 if any(row.fell_short for row in measured) else 0
