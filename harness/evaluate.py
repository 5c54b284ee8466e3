"""Score anybody's clips against real ones.

    python -m harness.evaluate mine --reference real --out runs/mine
    python -m harness.evaluate ours w2l=clips/wav2lip --reference real --out runs/two --metrics psnr,ssim
    python -m harness.evaluate mine --reference real --out runs/ref --backbones reference --weights DIR

Clips pair by file stem, or by the manifest.csv of the reference folder (columns file, speaker, emotion and,
if known, level, text, generated). Several GENERATED folders are compared with one another.
Exit codes: 0 done, though single clips may be unscored (counted, with their reasons); 1 done, but a metric
failed or scored less than --min-coverage; 2 bad input; 130 stopped by Ctrl-C.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import get_args

from harness import results
from harness.command import count, ended
from harness.config import validated
from harness.contracts import Backbone, LSEProtocol
from harness.evaluation import ANY_FOOTAGE, REFERENCE, Evaluation, about, check, evaluate
from harness.faces import POLICIES
from harness.pairing import Match
from harness.progress import Progress
from harness.record import Record, full_command, run_folder
from harness.types import BadInput


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="python -m harness.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("generated", nargs="+", metavar="GENERATED", help="folder of generated clips, or NAME=FOLDER")
    add("--reference", type=Path, required=True, metavar="DIR", help="folder of the real clips")
    add("--out", type=Path, required=True, metavar="DIR", help="results folder")
    add("--metrics", help="comma-separated (all whose judge is valid for any footage)")
    add("--backbones", choices=get_args(Backbone), default="embedded", help="networks of the judges")
    add("--weights", type=Path, metavar="DIR", help="folder of pretrained files, searched first")
    add("--allow-unverified", action="store_true", help="use files of another SHA-256; scores are marked")
    add("--faces", choices=tuple(POLICIES), default="none", help="crop every clip by its own face")
    add("--resize", action="store_true", help="resize generated clips to their reference's size")
    add("--lse-protocol", choices=get_args(LSEProtocol), help="how frames reach the sync network")
    add("--openface", action="store_true", help="AUs from OpenFace's CSV beside each clip (same stem)")
    add("--fid-min-frames", type=int, default=2048, metavar="N", help="refuse FID below N frames (2048)")
    add("--allow-missing", action="store_true", help="clips of one side only become unscored rows")
    add("--min-coverage", type=float, default=0.0, metavar="SHARE", help="exit with 1 below it (0)")
    add("--json", action="store_true", help="print the rows of results.csv as JSON, not as a table")
    add("--workers", type=count, metavar="N", help="CPUs to use (all)")
    add("--resume", action="store_true", help="go on with a run that was stopped")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = parser().parse_args(arguments)
    return ended(lambda: _evaluate(options))


def _evaluate(options: argparse.Namespace) -> int:
    asked = request(options)
    matches = check(asked)
    with run_folder(options.out, options.resume) as out:
        return _run(asked, matches, out, options)


def _as_json(out: Path) -> str:
    """Return the rows of results.csv, cells as text, with the folder that holds all the rest."""
    return json.dumps({"out": str(out), "results": results.read_rows(out / "results.csv")}, indent=2)


def request(options: argparse.Namespace) -> Evaluation:
    """Return what the options ask for. Raises BadInput."""
    keys = set(Evaluation.model_fields) - {"generated", "metrics", "reference"}
    values = {key: getattr(options, key) for key in keys}
    metrics = options.metrics.split(",") if options.metrics else ANY_FOOTAGE[options.backbones]
    return validated(
        Evaluation,
        {
            **values,
            "generated": _titles(options.generated),
            "reference": options.reference.absolute(),
            "metrics": [name.strip() for name in dict.fromkeys(metrics)],
        },
        "harness.evaluate",
    )


def _titles(folders: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in folders:
        given, equals, path = text.partition("=")
        folder = Path(path if equals and not Path(text).exists() else text).absolute()
        title = given if equals and not Path(text).exists() else folder.name
        if not re.fullmatch(r"[A-Za-z0-9._-]+", title) or title in {REFERENCE, ".", ".."}:
            raise BadInput(f'GENERATED {text}: "{title}" cannot name a row; write NAME={folder}')
        if title in found:
            raise BadInput(f"GENERATED {text}: {title} is there already; write NAME={folder}")
        if twin := [t for t, p in found.items() if p == folder]:
            raise BadInput(f"GENERATED {text}: the folder of {twin[0]} again")
        found[title] = folder
    return found


def _run(asked: Evaluation, matches: list[Match], out: Path, options: argparse.Namespace) -> int:
    # Ray is slow to import, and a typing error should be told at once.
    from harness.execute import actor_pool, cluster
    from reports import summary, write_views

    progress = Progress()
    record = Record.begin(out, about(asked, out.name), full_command("harness.evaluate"), options.resume)
    with cluster(options.workers, [out]) as workers, actor_pool(workers, 0, progress) as pool:
        thin = evaluate(pool, asked, matches, out, record)
    write_views(out)
    for warning in record.fields["warnings"]:
        progress.say(f"warning: {warning}")
    print(_as_json(out) if options.json else summary(out))
    progress.say(f"report: {out / 'leaderboard.html'}")
    failures = [f"failed: {f['what']}: {f['reason']}" for f in record.fields["failures"]]
    for line in [*failures, *thin]:
        progress.say(line)
    return 1 if failures or thin else 0


if __name__ == "__main__":
    sys.exit(main())
