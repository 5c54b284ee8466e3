"""Reading clips beside OpenCV, preparing footage, and what clips take on disk.

    python -m harness.bench decode

Clips of the embedded corpus are drawn at 256 px and read from H.264: ours with pictures at 25 frames/s and
sound, the peer's pictures alone. They are then prepared at 64 px, as they are and with the face looked for in
each (the embedded detector), in CPU time. Sizes are of prepared clips and of generated ones, as a run keeps
them.
Exit codes: 0 done; 2 bad input.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from harness import datasets, media, prepare
from harness.bench.rows import Row, What, alone, compared
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.faces import open_detector, policy
from harness.types import Sample
from harness.weights import Weights

SIDE, PREPARED = 256, 64
ROUNDS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: this table has no arguments of its own."""


def rows(_: argparse.Namespace) -> Iterator[Row]:
    """Print and give the rows."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        for row in _measured(Path(scratch)):
            told = (
                f"{row.ratio:.2f} x {row.peer} ({row.low:.2f} to {row.high:.2f})" if row.ratio else row.note
            )
            print(f"{row.name:32} {row.ours:9.4g} {row.unit:9} {told}", flush=True)
            yield row


def _measured(scratch: Path) -> Iterator[Row]:
    root = scratch / "drawn"
    write_corpus(SynthSpec(speakers=2, size=SIDE, seed=12, clips_per_speaker=3), root)
    samples = datasets.read("crema_d", root).samples
    files = _coded(samples, scratch)
    what = What("decode", f"H.264, {SIDE} px", "frames/s", "OpenCV, pictures alone")
    turns = [(_rate(_ours, files), _rate(_opencv, files)) for _ in range(ROUNDS)]
    yield compared(what, [ours for ours, _ in turns], [theirs for _, theirs in turns])
    for faces in ("none", "face-v1-embedded"):
        out = scratch / faces
        out.mkdir()
        rates = [_rate(partial(_prepared, out, faces), samples) for _ in range(ROUNDS)]
        yield alone(What("decode", f"prepare to {PREPARED} px, {faces}", "frames/s"), rates)
    kept = [out / f"{sample.id}.tar" for sample in samples]
    frames = sum(len(prepare.load(file).frames) for file in kept)
    yield _size(f"prepared clip, {PREPARED} px", kept, frames)
    shown = [scratch / f"shown-{sample.id}.mp4" for sample in samples]
    for file, prepared in zip(shown, kept, strict=True):
        clip = prepare.load(prepared)
        media.encode(file, clip.frames, clip.audio)
    yield _size(f"generated clip, {PREPARED} px", shown, frames)


def _coded(samples: Sequence[Sample], scratch: Path) -> list[Path]:
    """Return the clips as mp4, with their sound."""
    files = [scratch / f"coded-{sample.id}.mp4" for sample in samples]
    for file, sample in zip(files, samples, strict=True):
        clip = media.read_clip(sample.video)
        media.encode(file, clip.frames, clip.audio)
    return files


def _rate(frames_of: Callable[[Any], int], items: Sequence[Any]) -> float:
    """Return frames per CPU second of this process."""
    begun = time.process_time()
    frames = sum(map(frames_of, items))
    return frames / (time.process_time() - begun)


def _ours(file: Path) -> int:
    return len(media.read_clip(file).frames)


def _opencv(file: Path) -> int:
    film, frames = cv2.VideoCapture(str(file)), 0
    while True:
        there, picture = film.read()
        if not there:
            film.release()
            return frames
        cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        frames += 1


def _prepared(out: Path, faces: str, sample: Sample) -> int:
    chosen, file = policy(faces), out / f"{sample.id}.tar"
    prepare.write(file, sample, chosen, PREPARED, partial(open_detector, chosen, Weights()))
    return len(prepare.load(file).landmarks)


def _size(name: str, files: Sequence[Path], frames: int) -> Row:
    sizes = sum(file.stat().st_size for file in files)
    return alone(
        What("decode", name, "kB/frame"), [sizes / frames / 1000], note=f"{frames} frames, sound too"
    )
