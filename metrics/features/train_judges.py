"""Train the embedded judges on drawn speakers that no method ever sees, and check them on others.

    python -m metrics.features.train_judges [JUDGE...] [--out DIR] [--corpus DIR] [--workers N] [--check]

Trains the judges named, all of JUDGES by default. Writes DIR/JUDGE.safetensors and, of each, what judges.json
says (SHA-256, corpus version, seeds, figures on unseen speakers); DIR is the package's own weights folder by
default. The same corpus version, seed and machine give the same files. --check only measures what is there.
Minutes long: 24 speakers are drawn and networks trained.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from harness.datasets.synthetic import CORPUS_VERSION
from harness.types import BadInput, Sample
from metrics.features.judge_checks import check_judge, summary
from metrics.features.judge_data import (
    CHECK_CORPUS,
    CLASSES,
    TRAINING_CORPORA,
    draw,
    training_clips,
    truth_units,
)
from metrics.features.judge_files import DESCRIPTION, FOLDER, file_sha256
from metrics.features.judge_training import train_au, train_emotion, train_landmarks, train_sync

SEED = 1
# The slowest first: two workers then end at about the same time.
JUDGES = {
    "sync_judge": train_sync,
    "landmark_judge": train_landmarks,
    "emotion_judge": train_emotion,
    "au_judge": train_au,
}


def train_judge(name: str, samples: Sequence[Sample], out: Path) -> None:
    """Train one judge on one thread and write its file; its outputs' names go into the file's header."""
    torch.set_num_threads(1)  # this is a process of its own
    outputs = {"emotion_judge": CLASSES, "au_judge": truth_units(samples[0])[1]}.get(name, ())
    net = JUDGES[name](training_clips(samples), SEED, partial(_say, name))
    metadata = {"outputs": ",".join(outputs)}
    save_file(halved(net.state_dict()), out / f"{name}.safetensors", metadata=metadata)


def train_all(names: Sequence[str], out: Path, corpus: Path, workers: int) -> None:
    """Draw the corpora, train the judges named, and describe their files, still without figures."""
    out.mkdir(parents=True, exist_ok=True)
    samples = [sample for spec in TRAINING_CORPORA for sample in draw(spec, corpus, workers)]
    _say("corpus", f"{len(samples)} clips to train on")
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for job in [pool.submit(train_judge, name, samples, out) for name in names]:
            job.result()
    write_description(out, dict.fromkeys(names))


def halved(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in float16, half the size of a file that is kept in version control for good."""
    return {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}


def write_description(out: Path, figures: Mapping[str, Any]) -> None:
    """Write of each judge of `figures`, into judges.json, what it is, how it was made and those figures."""
    path = out / DESCRIPTION
    known = json.loads(path.read_text()) if path.is_file() else {}
    for name, found in figures.items():
        known[name] = {
            "sha256": file_sha256(out / f"{name}.safetensors"),
            "command": "python -m metrics.features.train_judges",
            "corpus_version": CORPUS_VERSION,
            "trained_on": [spec.model_dump() for spec in TRAINING_CORPORA],
            "checked_on": CHECK_CORPUS.model_dump(),
            "figures": found,
        }
    path.write_text(json.dumps(known, indent=2) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 2 and one line on bad input."""
    parser = argparse.ArgumentParser(prog="python -m metrics.features.train_judges")
    parser.add_argument("judges", nargs="*", metavar="JUDGE", help=f"of {', '.join(JUDGES)}; default all")
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="DIR", help="where the weights go")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="keep the drawn clips here")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default 2)")
    parser.add_argument("--check", action="store_true", help="train nothing, measure the weights in --out")
    options = parser.parse_args(arguments)
    names = options.judges or list(JUDGES)
    if unknown := [name for name in names if name not in JUDGES]:
        print(f'no judge "{unknown[0]}"; known: {", ".join(JUDGES)}', file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        corpus = options.corpus or Path(temporary)
        try:
            if not options.check:
                train_all(names, options.out, corpus, options.workers)
            samples = draw(CHECK_CORPUS, corpus, options.workers)
            figures = {name: check_judge(name, samples, options.out) for name in names}
            print(summary(figures))
            if not options.check:
                write_description(options.out, figures)
        except BadInput as error:
            print(error, file=sys.stderr)
            return 2
    return 0


def _say(who: str, what: str) -> None:
    print(f"{who}: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
