"""Make, split, inspect and prepare data sets, and write down what a sweep asks of its methods.

    python -m harness.data synth corpus --speakers 4 --clips-per-speaker 6
    python -m harness.data inspect folder CLIPS --out runs/look
    python -m harness.data prepare folder CLIPS --out prepared/clips --size 64
    python -m harness.data split crema_d /data/CREMA-D --out splits/mine.yaml
    python -m harness.data requests sweeps/baselines.yaml --out requests

`python -m harness.data COMMAND --help` tells of each.

Exit codes: 0 done; 1 done, but clips are unusable (counted, with their reasons; 0 with --allow-unusable);
2 bad input.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryFile

from pydantic import ValidationError

from harness.command import ended
from harness.datasets import READERS
from harness.faces import POLICIES
from harness.types import BadInput


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    return ended(lambda: int(options.run(options)))


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


def _inspect(options: argparse.Namespace) -> int:
    from harness import datasets
    from harness.config import SplitFractions
    from harness.datasets import splits
    from harness.inspection import Inspection, inspect
    from harness.progress import Progress
    from harness.record import full_command
    from harness.weights import Weights

    command = " ".join(full_command("harness.data"))
    found = datasets.read(options.name, options.root.absolute())
    beside = options.root.absolute().parent / "weights"
    weights = Weights(options.weights or (beside if beside.is_dir() else None))
    fractions = SplitFractions.model_validate(options.split or {})
    asked = Inspection(options.name, options.root.absolute(), options.seed, fractions, weights, command)
    if options.split:
        splits.assign(found.samples, fractions, options.seed)
    out = _writable(options.out or Path("reports/runs") / f"inspect-{options.name.replace(':', '-')}")
    # Ray is slow to import, and a typing error should be told at once.
    from harness.execute import actor_pool, cluster
    from reports.corpus import write_page
    from reports.corpus_words import summary

    progress = Progress()
    with cluster(options.workers) as workers, actor_pool(workers, 0, progress) as pool:
        record = inspect(pool, asked, found, out)
    write_page(out)
    print(summary(record))
    progress.say(f"report: {out / 'inspect.html'}")
    return 1 if record["unusable"] and not options.allow_unusable else 0


def _prepare(options: argparse.Namespace) -> int:
    from harness.prepared.command import Asked, Preparation, summary
    from harness.progress import Progress
    from harness.weights import Weights

    root = options.root.absolute()
    beside = root.parent / "weights"
    weights = Weights(options.weights or (beside if beside.is_dir() else None))
    preparation = Preparation(
        Asked(options.name, root, options.out, options.size, options.faces, weights, options.resume)
    )
    progress = Progress()
    rows = preparation.rows
    if rows is not None:
        progress.say(f"{options.out}: prepared already, nothing to do")
        preparation.tidy()
    else:
        # Ray is slow to import, and a typing error should be told at once.
        from harness.execute import actor_pool, cluster

        with cluster(options.workers) as workers, actor_pool(workers, 0, progress) as pool:
            rows = preparation.run(pool)
    unusable = [row for row in rows if row.reason is not None]
    for row in unusable:
        progress.say(f"unusable: {row.id}: {row.reason}")
    print(summary(options.out, rows))
    return 1 if unusable and not options.allow_unusable else 0


def _requests(options: argparse.Namespace) -> int:
    from harness import config, requests
    from harness.progress import Progress

    sweep = config.load(options.sweep, options.set)
    out = _writable(options.out)
    # Ray is slow to import, and a typing error should be told at once.
    from harness.execute import actor_pool, cluster

    with cluster(options.workers) as workers, actor_pool(workers, 0, Progress()) as pool:
        asked = requests.write(pool, sweep, out)
    print(f"{out}: {len(asked)} requests, listed in {out / requests.TABLE}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    synth = commands.add_parser("synth", help="make the embedded corpus: drawn speakers, CREMA-D's layout")
    synth.set_defaults(run=_synth)
    synth.add_argument("dir", type=Path, help="folder to write to")
    synth.add_argument("--speakers", type=int, required=True, metavar="N")
    synth.add_argument("--size", type=int, default=128, metavar="PX", help="64 to 256 (default 128)")
    synth.add_argument("--seed", type=int, default=0, metavar="K")
    synth.add_argument("--clips-per-speaker", type=int, metavar="N", help="a balanced subset of the 82")
    synth.add_argument("--workers", type=_count, default=1, metavar="N", help="processes (default 1)")
    split = commands.add_parser("split", help="write down a split by speakers, for `data.split: FILE`")
    split.set_defaults(run=_split)
    split.add_argument("name", metavar="NAME", help=f"the reader: {', '.join(READERS)}")
    split.add_argument("root", metavar="ROOT", type=Path, help="folder of the corpus")
    split.add_argument("--out", type=Path, required=True, metavar="FILE", help="its stem names the split")
    split.add_argument("--seed", type=int, default=1, metavar="K", help="(default 1)")
    for part, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        split.add_argument(f"--{part}", type=float, default=share, metavar="X", help=f"(default {share})")
    look = commands.add_parser("inspect", help="count a corpus, find its unusable files, show its faces")
    look.set_defaults(run=_inspect)
    look.add_argument("name", metavar="NAME", help=f"the reader: {', '.join(READERS)}")
    look.add_argument("root", metavar="ROOT", type=Path, help="folder of the corpus")
    look.add_argument("--out", type=Path, metavar="DIR", help="(default reports/runs/inspect-NAME)")
    look.add_argument("--workers", type=_count, metavar="N", help="CPUs to use (all)")
    look.add_argument("--split", type=Path, metavar="FILE", help="a split file (drawn from the seed)")
    look.add_argument("--seed", type=int, default=1, metavar="K", help="of the faces and the split (1)")
    look.add_argument("--weights", type=Path, metavar="DIR", help="where the face detector's file is")
    look.add_argument("--allow-unusable", action="store_true", help="exit with 0 all the same")
    crop = commands.add_parser("prepare", help="crop a corpus once, into WebDataset shards with an index")
    crop.set_defaults(run=_prepare)
    crop.add_argument("name", metavar="NAME", help=f"the reader: {', '.join(READERS)}")
    crop.add_argument("root", metavar="ROOT", type=Path, help="folder of the corpus")
    crop.add_argument("--out", required=True, metavar="DIR", help="folder or fsspec URL to write to")
    crop.add_argument("--size", type=_side, default=256, metavar="PX", help="32 to 512, even (256)")
    crop.add_argument("--faces", choices=POLICIES, default="face-v1", help="face policy (face-v1)")
    crop.add_argument("--workers", type=_count, metavar="N", help="CPUs to use (all)")
    crop.add_argument("--weights", type=Path, metavar="DIR", help="where the face detector's file is")
    crop.add_argument("--resume", action="store_true", help="go on with a preparation that was stopped")
    crop.add_argument("--allow-unusable", action="store_true", help="exit with 0 though clips are unusable")
    ask = commands.add_parser("requests", help="write what a sweep asks of its methods, for any program")
    ask.set_defaults(run=_requests)
    ask.add_argument("sweep", metavar="SWEEP", type=Path, help="a YAML file of sweeps/")
    ask.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="requests.csv, pictures and sound"
    )
    ask.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of harness.sweep")
    ask.add_argument("--workers", type=_count, metavar="N", help="CPUs to use (all)")
    return parser


def _writable(out: Path) -> Path:
    """Return the folder, made if it is not there; BadInput where nothing can be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out):
            return out
    except OSError as error:
        raise BadInput(f"--out {out}: {error.strerror}; give a folder that can be written to") from error


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 on")
    return int(text)


def _side(text: str) -> int:
    if not text.isdecimal() or not 32 <= int(text) <= 512 or int(text) % 2:
        raise argparse.ArgumentTypeError(f"{text}: an even number from 32 to 512")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
