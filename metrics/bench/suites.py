"""A whole list of metrics on one clip, decoded once: frames/s of one core.

    python -m harness.bench measure
    python -m harness.bench measure psnr,ssim,lpips

Each list is measured twice on every clip, as a run measures it: for the first method of a comparison, which
also finds what the metrics need of the reference, and for a further one, which finds that kept. Clips are
drawn at 64 px and prepared; generated ones are their codings. LPIPS, FID, KID and LSE run on the published
networks with random weights, all others on what comes with the install. CPU time of this process.
Exit codes: 0 done; 2 bad input, or a metric that could not score a drawn clip.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import torch

from harness import catalog, datasets, media, prepare
from harness.bench.rows import Row, What, alone
from harness.contracts import Setup
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.faces import open_detector, policy
from harness.measure import Comparison, Measure, View, read_values
from harness.store import Store
from harness.types import BadInput, Sample
from harness.weights import Weights
from metrics.bench import random_weights

TWELVE = (
    *("psnr", "ssim", "lpips", "fid", "kid", "lse_c", "lse_d", "av_offset"),
    *("emotion_accuracy", "au_mae", "au_correlation", "lmd_mouth"),
)
REFERENCE = {"lpips", "fid", "kid", "lse_c", "lse_d", "av_offset"}
"""Metrics whose published networks random weights are made for."""
SIDE, CLIPS = 64, 3
FIRST, FURTHER = "first method", "further method"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this table's own arguments."""
    parser.add_argument("lists", nargs="*", metavar="METRICS", help=f"with commas ({','.join(TWELVE)})")


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Print and give four rows a list: rates, and what is kept on disk. Raises BadInput for a metric that
    there is not, or that cannot score a drawn clip.
    """
    lists = [tuple(given.split(",")) for given in options.lists] or [TWELVE]
    for names in lists:
        catalog.require_metrics(names)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        samples = _drawn(Path(scratch))
        for number, names in enumerate(lists):
            folder = Path(scratch) / f"list{number}"
            folder.mkdir()
            yield from _Suite(names, samples, folder).rows()


@dataclass(frozen=True, slots=True)
class _Suite:
    """One list of metrics on drawn clips. The first clip is not timed: it loads what is loaded once."""

    names: tuple[str, ...]
    samples: Sequence[Sample]
    folder: Path

    def rows(self) -> Iterator[Row]:
        """Print the two rates; give them and what is kept on disk."""
        name, weights = ",".join(self.names), self.folder / "weights"
        weights.mkdir()
        random_weights.write(weights)
        known = Weights(weights, allow_unverified=True)
        metrics = tuple(
            (n, Setup("reference", known) if n in REFERENCE else Setup("embedded", Weights()))
            for n in self.names
        )
        work = Measure(metrics, View(), Store(self.folder / "store"), known).open()
        rates: dict[str, list[float]] = {FIRST: [], FURTHER: []}
        kept: dict[str, list[float]] = {FIRST: [], FURTHER: []}
        for sample in self.samples:
            reference, generated = self._files(sample)
            frames = len(prepare.load(reference).frames)
            for method, found in rates.items():
                record = self.folder / method / f"{sample.id}.json"
                labels = sample.speaker, sample.emotion, sample.level
                before, begun = self._kept(), time.process_time()
                work(Comparison(sample.id, generated[method], reference, record, *labels))
                found.append(frames / (time.process_time() - begun))
                self._check(record)
                kept[method].append((self._kept() - before) / frames / 1000)
        for method, found in rates.items():
            row = alone(What("measure", name, "frames/s, " + method), found[1:], note="64 px")
            print(f"{len(self.names)} metrics, {method:15} {row.ours:8.3g} frames/s", flush=True)
            yield row
            note = "records and features on disk"
            yield alone(What("measure", name, "kB/frame, " + method), kept[method], note=note)

    def _files(self, sample: Sample) -> tuple[Path, dict[str, Path]]:
        """Return a clip prepared, and two codings of it."""
        reference = self.folder / f"{sample.id}.tar"
        prepare.write(
            reference, sample, policy("none"), SIDE, lambda: open_detector(policy("none"), Weights())
        )
        clip = prepare.load(reference)
        coded = {FIRST: self.folder / f"{sample.id}.mp4", FURTHER: self.folder / f"{sample.id}.2.mp4"}
        for crf, file in zip((24, 28), coded.values(), strict=True):
            media.encode(file, clip.frames, clip.audio, crf=crf)
        return reference, coded

    def _kept(self) -> int:
        """Return the bytes of all records and of what the store keeps beside them."""
        roots = (self.folder / name for name in (FIRST, FURTHER, "store"))
        return sum(file.stat().st_size for root in roots for file in root.rglob("*") if file.is_file())

    def _check(self, record: Path) -> None:
        for name, found in read_values(record).items():
            if found.reason is not None:
                raise BadInput(f"{name}: a drawn clip was not scored, so it has no speed: {found.reason}")


def _drawn(scratch: Path) -> list[Sample]:
    root = scratch / "drawn"
    write_corpus(SynthSpec(speakers=2, size=SIDE, seed=13, clips_per_speaker=2), root)
    return list(datasets.read("crema_d", root).samples)[: 1 + CLIPS]
