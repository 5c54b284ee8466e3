"""Each metric beside its public peer, on the same clips, to the same numbers.

    python -m harness.bench metrics
    python -m harness.bench metrics psnr ssim --clips DIR

One line a case: how many times faster ours is than the peer, the spread over rounds, the bar that the project
promises, and how near the numbers are. One thread each side, the last three cases apart; numbers that differ
end the table. Exit codes: 0 done; 1 a case is short of its bar, or its peer is not installed; 2 bad input.
"""

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2

from harness.bench.rows import Row, missing
from harness.catalog import nearest
from harness.types import BadInput
from metrics.bench import commands, formulas, networks
from metrics.bench.material import Material
from metrics.bench.timing import Case, line, row

CASES: dict[str, Case] = {case.name: case for case in (*formulas.CASES, *networks.CASES, *commands.CASES)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this table's own arguments."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)} (all)")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="clips to measure on (drawn anew)")


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Print and give a row a case. Raises BadInput for a user's mistake, and where numbers differ."""
    chosen = [_case(name) for name in options.names or CASES]
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of the peers, on torchvision's changed arguments
        material = Material(Path(scratch), options.clips)
        for case in chosen:
            yield _measured(case, material)


def _case(name: str) -> Case:
    if name not in CASES:
        raise BadInput(f'no benchmark "{name}": {nearest(name, list(CASES))}')
    return CASES[name]


def _measured(case: Case, material: Material) -> Row:
    try:
        rounds = case.run(material)
    except ModuleNotFoundError as error:
        found = missing(case.what, error.name)
        print(f"{case.name:14} {found.note}", flush=True)
        return found
    print(line(case, rounds), flush=True)
    return row(case, rounds)
