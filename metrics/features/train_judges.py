"""Train the three embedded judges on drawn speakers that no method ever sees, and check them on others.

    python -m metrics.features.train_judges [--out DIR] [--corpus DIR] [--workers N] [--check]

Writes DIR/{sync_judge,emotion_judge,au_judge}.safetensors and judges.json (SHA-256, corpus version, seeds,
figures on unseen speakers); DIR is the package's own weights folder by default. The same corpus version, seed
and machine give the same files. --check only measures what is there. Minutes long: 24 speakers are drawn and
three networks trained.
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

from harness.datasets.synthetic import CORPUS_VERSION
from harness.types import BadInput, Sample
from metrics.features.judge_checks import check_judges, summary
from metrics.features.judge_data import (
    CHECK_CORPUS,
    CLASSES,
    TRAINING_CORPORA,
    draw,
    training_clips,
    truth_units,
)
from metrics.features.judge_files import DESCRIPTION, FOLDER, file_sha256
from metrics.features.judge_training import train_au, train_emotion, train_sync

SEED = 1
# The slowest first: two workers then end at about the same time.
JUDGES = {"sync_judge": train_sync, "emotion_judge": train_emotion, "au_judge": train_au}


def train_judge(name: str, samples: Sequence[Sample], out: Path) -> None:
    """Train one judge on one thread and write its file; its outputs' names go into the file's header."""
    torch.set_num_threads(1)
    outputs = {"emotion_judge": CLASSES, "au_judge": truth_units(samples[0])[1]}.get(name, ())
    net = JUDGES[name](training_clips(samples), SEED, partial(_say, name))
    save_file(net.state_dict(), out / f"{name}.safetensors", metadata={"outputs": ",".join(outputs)})


def train_all(out: Path, corpus: Path, workers: int) -> None:
    """Draw the corpora, train every judge, and write files and judges.json, still without figures."""
    out.mkdir(parents=True, exist_ok=True)
    samples = [sample for spec in TRAINING_CORPORA for sample in draw(spec, corpus, workers)]
    _say("corpus", f"{len(samples)} clips to train on")
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for job in [pool.submit(train_judge, name, samples, out) for name in JUDGES]:
            job.result()
    write_description(out, dict.fromkeys(JUDGES))


def write_description(out: Path, figures: Mapping[str, Any]) -> None:
    """Write judges.json: what each file is, how it was made, and its figures on unseen speakers."""
    description = {
        name: {
            "sha256": file_sha256(out / f"{name}.safetensors"),
            "command": "python -m metrics.features.train_judges",
            "corpus_version": CORPUS_VERSION,
            "trained_on": [spec.model_dump() for spec in TRAINING_CORPORA],
            "checked_on": CHECK_CORPUS.model_dump(),
            "figures": figures[name],
        }
        for name in JUDGES
    }
    (out / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 2 and one line on bad input."""
    parser = argparse.ArgumentParser(prog="python -m metrics.features.train_judges")
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="DIR", help="where the weights go")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="keep the drawn clips here")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default 2)")
    parser.add_argument("--check", action="store_true", help="train nothing, measure the weights in --out")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        corpus = options.corpus or Path(temporary)
        try:
            if not options.check:
                train_all(options.out, corpus, options.workers)
            figures = check_judges(draw(CHECK_CORPUS, corpus, options.workers), options.out)
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
