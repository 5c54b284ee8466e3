"""The loader's speed: `python -m harness.bench data [--prepared DIR]`.

One line a size: frames/s that two loader workers deliver from prepared shards (5-frame windows with masks,
landmarks, sound and negatives), the bar that the project promises, frames/s of CPU time of one worker, and
those of the peer: OpenCV, which reads the same windows at random access from the same clips in H.264,
pictures alone. Exit code 1 where a size is short of its bar.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import cv2
from torch.utils.data import DataLoader, IterableDataset

from harness import datasets, media, prepare
from harness.datasets.prepared import about
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.jobs import InProcess
from harness.loader import Batch, Plan, ShardWindows
from harness.prepared.command import Asked, Preparation
from harness.types import BadInput
from harness.weights import Weights

BARS = {64: 3000, 256: 400}
WORKERS = 2
_AHEAD = 8
_SECONDS = 5.0


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 if a size is short of its bar, 2 for a user's mistake."""
    parser = argparse.ArgumentParser(prog="python -m harness.bench data", description=__doc__)
    parser.add_argument("--prepared", type=Path, metavar="DIR", help="shards to measure on (drawn anew)")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
            roots = [options.prepared] if options.prepared else _drawn(Path(scratch))
            short = [_line(root, Path(scratch)) for root in roots]
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 1 if any(short) else 0


def _drawn(scratch: Path) -> Iterator[Path]:
    """Draw and prepare clips of each size."""
    for size in BARS:
        root, out = scratch / f"drawn-{size}", scratch / f"prepared-{size}"
        write_corpus(SynthSpec(speakers=4, size=size, seed=11, clips_per_speaker=6), root)
        asked = Asked("synthetic", root, str(out), size, "none", Weights(), shard_bytes=300 * size * size)
        Preparation(asked).run(InProcess())
        yield out


def _line(root: Path, scratch: Path) -> bool:
    """Print the line of some shards; return whether they are short of their bar."""
    windows = ShardWindows(str(root), Plan(batch=32), seed=1)
    size = about(root)["size"]
    bar = BARS.get(size)
    pair = _delivered(DataLoader(_Epochs(windows), batch_size=None, num_workers=WORKERS), time.perf_counter)
    alone = _delivered(_Epochs(windows), time.process_time)
    peer = _peer(windows, _coded(root, scratch / f"coded-{root.name}"))
    met = "" if bar is None else f"bar {bar} {'met' if pair >= bar else 'SHORT'}  "
    print(
        f"{size:4} px {pair:8.0f} frames/s from {WORKERS} workers  {met}"
        f"one worker {alone:.0f} a CPU second, {alone / peer:.1f} x OpenCV's {peer:.0f}",
        flush=True,
    )
    return bar is not None and pair < bar


class _Epochs(IterableDataset[Batch]):
    """Epoch after epoch, without an end."""

    def __init__(self, windows: ShardWindows) -> None:
        self._windows = windows

    def __iter__(self) -> Iterator[Batch]:
        for epoch in count():
            yield from self._windows.at(epoch)


def _delivered(batches: Iterable[Batch], clock: Callable[[], float]) -> float:
    """Return frames/s, after as many batches as fill what workers make ahead."""
    coming = iter(batches)
    for _ in range(_AHEAD):
        next(coming)
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
