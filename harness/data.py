"""Make data sets: `python -m harness.data synth DIR --speakers N --size PX --seed K`. Arguments only."""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.types import BadInput


def main(arguments: list[str] | None = None) -> int:
    """Run one command; exit status 2 and one line on bad input."""
    chosen = _parser().parse_args(arguments)
    try:
        spec = SynthSpec(
            speakers=chosen.speakers,
            size=chosen.size,
            seed=chosen.seed,
            clips_per_speaker=chosen.clips_per_speaker,
        )
        clips = write_corpus(spec, chosen.dir, chosen.workers)
    except ValidationError as error:
        for problem in error.errors():
            option = "--" + str(problem["loc"][0]).replace("_", "-")
            print(f"{option} {problem['input']}: {problem['msg']}", file=sys.stderr)
        return 2
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{chosen.dir}: {len(clips)} clips of {spec.speakers} speakers")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.data", description="Make data sets.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    synth = commands.add_parser("synth", help="make the embedded corpus: drawn speakers, CREMA-D's layout")
    synth.add_argument("dir", type=Path, help="folder to write to")
    synth.add_argument("--speakers", type=int, required=True, metavar="N")
    synth.add_argument("--size", type=int, default=128, metavar="PX", help="64 to 256 (default 128)")
    synth.add_argument("--seed", type=int, default=0, metavar="K")
    synth.add_argument("--clips-per-speaker", type=int, metavar="N", help="a balanced subset of the 82")
    synth.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
