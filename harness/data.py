"""Make and split data sets: `python -m harness.data synth | split`. Arguments only."""

import argparse
import sys
from pathlib import Path

from pydantic import ValidationError

from harness.datasets import READERS
from harness.types import BadInput


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code: 2 and one line on bad input."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2


def _synth(options: argparse.Namespace) -> int:
    from harness.datasets.synthetic import SynthSpec, write_corpus

    try:
        spec = SynthSpec(
            speakers=options.speakers,
            size=options.size,
            seed=options.seed,
            clips_per_speaker=options.clips_per_speaker,
        )
    except ValidationError as error:
        for problem in error.errors():
            option = "--" + str(problem["loc"][0]).replace("_", "-")
            print(f"{option} {problem['input']}: {problem['msg']}", file=sys.stderr)
        return 2
    clips = write_corpus(spec, options.dir, options.workers)
    print(f"{options.dir}: {len(clips)} clips of {spec.speakers} speakers")
    return 0


def _split(options: argparse.Namespace) -> int:
    from harness import config, datasets
    from harness.datasets import split_files, splits

    shares = {name: getattr(options, name) for name in ("train", "val", "test")}
    fractions = config.validated(config.SplitFractions, shares, "split")
    found = datasets.read(options.name, options.root)
    split = splits.written_down(found.samples, fractions, options.seed, options.out.stem)
    split_files.save(options.out, split)
    counts = ", ".join(f"{len(names)} {name}" for name, names in split.speakers)
    print(f"{options.out}: {split.title}: speakers: {counts}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.data", description="Make and split data sets.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    synth = commands.add_parser("synth", help="make the embedded corpus: drawn speakers, CREMA-D's layout")
    synth.set_defaults(run=_synth)
    synth.add_argument("dir", type=Path, help="folder to write to")
    synth.add_argument("--speakers", type=int, required=True, metavar="N")
    synth.add_argument("--size", type=int, default=128, metavar="PX", help="64 to 256 (default 128)")
    synth.add_argument("--seed", type=int, default=0, metavar="K")
    synth.add_argument("--clips-per-speaker", type=int, metavar="N", help="a balanced subset of the 82")
    synth.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    split = commands.add_parser("split", help="write down a split by speakers, for `data.split: FILE`")
    split.set_defaults(run=_split)
    split.add_argument("name", metavar="NAME", help=f"the reader: {', '.join(READERS)}")
    split.add_argument("root", metavar="ROOT", type=Path, help="folder of the corpus")
    split.add_argument("--out", type=Path, required=True, metavar="FILE", help="its stem names the split")
    split.add_argument("--seed", type=int, default=1, metavar="K", help="(default 1)")
    for part, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        split.add_argument(f"--{part}", type=float, default=share, metavar="X", help=f"(default {share})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
