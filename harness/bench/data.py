"""The training loader on prepared shards, beside OpenCV's reading of H.264 at random access.

    python -m harness.bench data
    python -m harness.bench data --prepared prepared/crema_d

One line a size: frames/s that two loader workers deliver from prepared shards (5-frame windows with masks,
landmarks, sound and negatives), the bar that the project promises, frames/s of CPU time of one worker, and
those of the peer: OpenCV, which reads the same windows at random access from the same clips in H.264,
pictures alone. Exit codes: 0 done; 1 a size is short of its bar; 2 bad input.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import cv2
from torch.utils.data import DataLoader, IterableDataset

from harness import datasets, media, prepare
from harness.bench.rows import Bar, Row, What, alone, compared
from harness.datasets.prepared import about
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.jobs import InProcess
from harness.loader import Batch, Plan, ShardWindows
from harness.prepared.command import Asked, Preparation
from harness.weights import Weights

BARS = {64: 3000, 256: 400}
WORKERS = 2
_AHEAD = 8
_SECONDS = 1.7
_ROUNDS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this table's own arguments."""
    parser.add_argument("--prepared", type=Path, metavar="DIR", help="shards to measure on (drawn anew)")


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Print a line and give two rows a size. Raises BadInput for shards that are none."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        roots = [options.prepared] if options.prepared else _drawn(Path(scratch))
        for root in roots:
            yield from _measured(root, Path(scratch))


def _drawn(scratch: Path) -> Iterator[Path]:
    """Draw and prepare clips of each size."""
    for size in BARS:
        root, out = scratch / f"drawn-{size}", scratch / f"prepared-{size}"
        write_corpus(SynthSpec(speakers=4, size=size, seed=11, clips_per_speaker=6), root)
        asked = Asked("synthetic", root, str(out), size, "none", Weights(), shard_bytes=300 * size * size)
        Preparation(asked).run(InProcess())
        yield out


def _measured(root: Path, scratch: Path) -> tuple[Row, Row]:
    """Print the line of some shards; return its rows."""
    windows = ShardWindows(str(root), Plan(batch=32), seed=1)
    size = about(root)["size"]
    bar = Bar(BARS[size]) if size in BARS else None
    pair = _delivered(DataLoader(_Epochs(windows), batch_size=None, num_workers=WORKERS), time.perf_counter)
    one = _delivered(_Epochs(windows), time.process_time)
    coded = _coded(root, scratch / f"coded-{root.name}")
    peer = [_peer(windows, coded) for _ in range(_ROUNDS)]
    both = alone(What("data", f"{size} px, {WORKERS} workers", "frames/s"), pair, bar, "wall time")
    single = compared(What("data", f"{size} px, one worker", "frames/s", "OpenCV, random access"), one, peer)
    met = "" if bar is None else f"bar {bar.value:g} {'met' if both.met else 'SHORT'}  "
    print(
        f"{size:4} px {both.ours:8.0f} frames/s from {WORKERS} workers  {met}"
        f"one worker {single.ours:.0f} a CPU second, {single.ratio:.1f} x OpenCV's {single.theirs:.0f}",
        flush=True,
    )
    return both, single


class _Epochs(IterableDataset[Batch]):
    """Epoch after epoch, without an end."""

    def __init__(self, windows: ShardWindows) -> None:
        self._windows = windows

    def __iter__(self) -> Iterator[Batch]:
        for epoch in count():
            yield from self._windows.at(epoch)


def _delivered(batches: Iterable[Batch], clock: Callable[[], float]) -> list[float]:
    """Return frames/s of some rounds, after as many batches as fill what workers make ahead."""
    coming = iter(batches)
    for _ in range(_AHEAD):
        next(coming)
    return [_round(coming, clock) for _ in range(_ROUNDS)]


def _round(coming: Iterator[Batch], clock: Callable[[], float]) -> float:
    begun, frames = clock(), 0
    while clock() - begun < _SECONDS:
        frames += next(coming).frames.shape[:2].numel()
    return frames / (clock() - begun)


def _coded(root: Path, folder: Path) -> dict[str, Path]:
    """Return the clips as H.264 files, by id."""
    folder.mkdir()
    coded = {s.id: folder / f"{n}.mp4" for n, s in enumerate(datasets.read("prepared", root).samples)}
    for sample in datasets.read("prepared", root).samples:
        media.encode(coded[sample.id], prepare.load(sample.video).frames, None, crf=18)
    return coded


def _peer(windows: ShardWindows, coded: Mapping[str, Path]) -> float:
    """Return frames per CPU second of the same windows, each sought in its clip."""
    chosen = [place for b in windows.at(0) for place in zip(b.clips, b.starts.tolist(), strict=True)]
    begun = time.process_time()
    frames = sum(len(_sought(coded[clip], start, windows.plan.length)) for clip, start in chosen)
    return frames / (time.process_time() - begun)


def _sought(path: Path, start: int, length: int) -> list[Any]:
    film = cv2.VideoCapture(str(path))
    film.set(cv2.CAP_PROP_POS_FRAMES, start)
    pictures = [cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2RGB) for _ in range(length)]
    film.release()
    return pictures
