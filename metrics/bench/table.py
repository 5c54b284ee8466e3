"""The performance table: `python -m harness.bench metrics [NAME ...] [--clips DIR]`.

One line a case: how many times faster ours is than the peer on the same clips, the spread over rounds, the
bar that the project promises, and how near the numbers are. One thread each side, the last three cases apart.
"""

import argparse
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import cv2

from harness.catalog import nearest
from harness.types import BadInput
from metrics.bench import commands, formulas, networks
from metrics.bench.material import Material
from metrics.bench.timing import Case, line

CASES: dict[str, Case] = {case.name: case for case in (*formulas.CASES, *networks.CASES, *commands.CASES)}


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 if a case is short of its bar, 2 for a user's mistake or a missing peer."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench metrics", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)} (all)")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="clips to measure on (drawn anew)")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    short = False
    try:
        chosen = [_case(name) for name in options.names or CASES]
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the peers, on torchvision's changed arguments
            material = Material(Path(scratch), options.clips)
            for case in chosen:
                found = _line(case, material)
                short = short or " SHORT " in found
                print(found, flush=True)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if short else 0


def _case(name: str) -> Case:
    if name not in CASES:
        raise BadInput(f'no benchmark "{name}": {nearest(name, list(CASES))}')
    return CASES[name]


def _line(case: Case, material: Material) -> str:
    try:
        return line(case, case.run(material))
    except ModuleNotFoundError as error:
        raise BadInput(
            f"{case.name}: its peer needs the Python package {error.name}; install the extra: "
            'python -m pip install -e ".[bench]"'
        ) from error
