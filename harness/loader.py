"""Training windows streamed from prepared shards: read in order, from disk or an object store, and shuffled.

    batches = ShardWindows("s3://bucket/corpus", Plan(batch=32), seed=1)
    for batch in DataLoader(batches.at(epoch=0), batch_size=None, num_workers=2): ...

An epoch is a function of (seed, epoch): the shards are put into a seeded order and dealt out to ranks and
loader workers, each worker reads its shards from front to back, and windows leave through a bounded shuffle
buffer. Memory does not depend on how many or how long the clips are. `at(epoch, position)` goes on after
`position` batches with the very batches that would have come, without decoding those before.
Every worker gives equally many batches, so that no rank waits for another; what is over is left out of the
epoch, and differs from epoch to epoch. This module alone of the data's imports torch.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from harness import prepare
from harness.audio import MEL_STEPS_PER_SECOND, MEL_WINDOW, mel_slice
from harness.media import Frame
from harness.prepared import arrays, crops, index, tars
from harness.prepared.index import Row
from harness.prepared.place import Place
from harness.types import FPS, Audio, BadInput, Frames

Change = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""One clip's change of colours: from (T, 3, S, S) uint8 to float32 in [0, 1]."""

Colours = Callable[[np.random.Generator, int], Change]
"""Draws the change for a clip of a size (`methods.nets.augment.one_change`)."""

_STEPS_AT_ONCE = 6000


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn: `batch` windows of `length` frames a batch, of a clip one for every `every` frames.

    An epoch of 5 frames every 5 shows about as many frames as there are.
    buffer: how many windows are shuffled among; a worker holds so many.
    """

    batch: int
    length: int = 5
    every: int = 5
    buffer: int = 256

    def windows(self, row: Row) -> int:
        """Return how many windows an epoch takes of a clip; 0 where it is too short to hold two."""
        frames = row.frames or 0
        return max(1, frames // self.every) if row.sound and frames > self.length else 0


class Batch(NamedTuple):
    """B windows of T consecutive frames.

    frames: (B, T, 3, S, S) uint8, or float32 in [0, 1] where colours are changed. mask: (B, T, 1, S, S) bool,
    True on the face. landmarks: (B, T, 68, 2) pixels. mel: (B, T, 80, 16), the 200 ms of sound from each
    frame on; mel[:, 0] is the window's own for a sync network. other_mel: (B, 80, 16), the same of another
    window of the clip: the negative. starts: (B,) each window's first frame. clips: their ids.
    """

    frames: Tensor
    mask: Tensor
    landmarks: Tensor
    mel: Tensor
    other_mel: Tensor
    starts: Tensor
    clips: list[str]


class ShardWindows(IterableDataset[Batch]):
    """Batches of windows of prepared shards; see the module. `clips`: the ids to use, all for None.

    rank, world: this process's share among those that train together. Clips without sound, and those too
    short for a second window, are left out. Raises BadInput where no clip is left.
    """

    def __init__(
        self,
        url: str,
        plan: Plan,
        seed: int,
        clips: Collection[str] | None = None,
        share: tuple[int, int] = (0, 1),
        colours: Colours | None = None,
    ) -> None:
        self.place, self.plan, self.seed, self.colours = Place(url), plan, seed, colours
        self.rank, self.world = share
        self.epoch = self.position = 0
        with self.place.open(index.NAME) as file:
            rows = index.read(file, f"{url}: {index.NAME}")
        chosen = [r for r in rows if plan.windows(r) and (clips is None or r.id in clips)]
        if not chosen:
            raise BadInput(f"{url}: none of its {len(rows)} clips is asked for, has sound and is long enough")
        self.rows = {row.id: row for row in chosen}
        self.shards: dict[str, list[Row]] = {}
        for row in sorted(chosen, key=lambda r: (r.shard or "", r.offset or 0)):
            self.shards.setdefault(row.shard or "", []).append(row)

    def at(self, epoch: int, position: int = 0) -> "ShardWindows":
        """Set where the next iteration begins: after `position` batches of this rank in an epoch."""
        self.epoch, self.position = epoch, position
        return self

    def batches(self, workers: int) -> int:
        """Return how many batches a rank's epoch has with so many loader workers (0 counts as 1)."""
        each = max(1, workers)
        return each * (min(self._dealt(self.world * each)) // self.plan.batch)

    def __iter__(self) -> Iterator[Batch]:
        """Yield this worker's batches of the epoch from the position on."""
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        # A loader asks worker 0 first: it takes the place of the one whose turn it would have been.
        mine = (worker + self.position) % workers
        done = (self.position - mine + workers - 1) // workers
        share, shares = self.rank * workers + mine, self.world * workers
        total = min(self._dealt(shares)) // self.plan.batch
        windows = self._shuffled(self._order()[share::shares], share, done * self.plan.batch)
        for _ in range(done, total):
            yield _stacked([next(windows) for _ in range(self.plan.batch)])

    def _order(self) -> list[str]:
        names = sorted(self.shards)
        return [names[i] for i in np.random.default_rng([self.seed, self.epoch]).permutation(len(names))]

    def _dealt(self, shares: int) -> list[int]:
        """Return how many windows each share has."""
        order = self._order()
        if len(order) < shares:
            raise BadInput(
                f"{self.place.url}: {len(order)} shards for {shares} readers (ranks times loader workers); "
                "take fewer loader workers"
            )
        counts = [sum(self.plan.windows(row) for row in self.shards[name]) for name in order]
        return [sum(counts[i::shares]) for i in range(shares)]

    def _shuffled(self, names: Sequence[str], share: int, skipped: int) -> Iterator["_Window"]:
        """Yield windows in shuffled order, from the `skipped`-th on. What is skipped is not read."""
        rng = np.random.default_rng([self.seed, self.epoch, share])
        source = _Source(self.place, self.plan, self.colours, (self.seed, self.epoch))
        held: list[_Token] = []
        given = 0
        for token in ((row, n) for name in names for row in self.shards[name] for n in self._numbers(row)):
            if given >= skipped:
                source.take(token)
            if len(held) < self.plan.buffer:
                held.append(token)
                continue
            at = int(rng.integers(len(held)))
            if given >= skipped:
                yield source.give(held[at], held)
            held[at] = token
            given += 1
        rest = [held[i] for i in rng.permutation(len(held))]
        while rest:
            token = rest.pop(0)
            if given >= skipped:
                yield source.give(token, [token, *rest])
            given += 1

    def _numbers(self, row: Row) -> range:
        return range(self.plan.windows(row))


_Token = tuple[Row, int]
"""A clip and which of its windows, counted from its first."""


@dataclass(frozen=True, slots=True)
class _Window:
    """One window: the fields of Batch without B."""

    frames: NDArray[Any]
    mask: NDArray[np.bool_]
    landmarks: NDArray[np.float32]
    mel: NDArray[np.float32]
    other_mel: NDArray[np.float32]
    start: int
    clip: str


class _Source:
    """Reads windows as they enter the shuffle buffer, and holds them until they leave it."""

    def __init__(self, place: Place, plan: Plan, colours: Colours | None, draw: tuple[int, int]) -> None:
        self._place, self._plan, self._colours, self._draw = place, plan, colours, draw
        self._ready: dict[tuple[str, int], _Window] = {}
        self._coming: Iterator[_Window] = iter(())
        self._clip = self._shard = ""
        self._files = ExitStack()

    def take(self, token: _Token) -> None:
        """Read a window; calls come in the order of the shards."""
        row, number = token
        if row.shard != self._shard:
            self._files.close()
            self._file = self._files.enter_context(self._place.open(row.shard or ""))
            self._shard = row.shard or ""
        if row.id != self._clip:
            self._coming = self._windows(self._file, row, range(number, self._plan.windows(row)))
            self._clip = row.id
        self._ready[row.id, number] = next(self._coming)

    def give(self, token: _Token, held: Sequence[_Token]) -> _Window:
        """Return a window and forget it; where its clip was passed before the position, it is read now."""
        row, number = token
        if (row.id, number) not in self._ready:
            missing = sorted(n for r, n in held if r.id == row.id and (r.id, n) not in self._ready)
            with self._place.open(row.shard or "") as file:
                found = self._windows(file, row, missing)
                self._ready.update({(row.id, n): w for n, w in zip(missing, found, strict=True)})
        return self._ready.pop((row.id, number))

    def _windows(self, file: IO[bytes], row: Row, numbers: Sequence[int]) -> Iterator[_Window]:
        """Yield some of a clip's windows in the order of time, decoding nothing else."""
        where = f"{self._place.url}: {row.shard}: {row.id}"
        with prepare.naming(where):
            file.seek(row.offset or 0)
            rng = np.random.default_rng([*self._draw, int(str(row.digest)[:12], 16)])
            places = (row.frames or 0) - self._plan.length + 1
            starts = np.sort(rng.choice(places, self._plan.windows(row), replace=False))
            others = (starts + rng.integers(1, places, len(starts))) % places
            change = self._colours(rng, row.size or 0) if self._colours is not None else None
            chosen = [(int(starts[n]), int(others[n])) for n in numbers]
            yield from _read(row, tars.members(file), chosen, self._plan.length, change)


def _read(
    row: Row, members: tars.Members, chosen: Sequence[tuple[int, int]], length: int, change: Change | None
) -> Iterator[_Window]:
    """Yield the windows at (start, another's start) of the sample whose members follow."""
    stored: dict[str, NDArray[Any]] = {}
    mel = np.empty((0, 0), np.float32)
    for extension, content in members:
        if extension == "npz":
            stored = arrays.read(content, ("landmarks", "mask"))
        elif extension == "wav":
            mel = _mel(prepare.read_sound(content), row.frames or 0)
        elif extension == "avi":
            for (start, other), pictures in zip(
                chosen, _runs(content, [c[0] for c in chosen], length), strict=True
            ):
                frames = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
                part = slice(start, start + length)
                yield _Window(
                    frames=frames if change is None else change(frames),
                    mask=arrays.unpacked(stored["mask"][part], row.size or 0)[:, None],
                    landmarks=stored["landmarks"][part],
                    mel=np.stack([_mel_window(mel, start + i) for i in range(length)]),
                    other_mel=_mel_window(mel, other),
                    start=start,
                    clip=row.id,
                )
            return
    raise EOFError("its members end before the pictures")


def _runs(content: IO[bytes], starts: Sequence[int], length: int) -> Iterator[Frames]:
    """Yield the (length, S, S, 3) pictures from each of the rising starts on."""
    wanted = sorted({start + i for start in starts for i in range(length)})
    coming = zip(wanted, crops.read(content, set(wanted)), strict=True)
    held: dict[int, Frame] = {}
    for start in starts:
        held = {i: picture for i, picture in held.items() if i >= start}
        while start + length - 1 not in held:
            index_of, picture = next(coming)
            held[index_of] = picture
        yield np.stack([held[i] for i in range(start, start + length)])


def _mel(audio: Audio, frames: int) -> NDArray[np.float32]:
    """Return (80, steps), the mel of a clip of any length in bounded memory, to the last frame's window."""
    steps = (frames - 1) * MEL_STEPS_PER_SECOND // FPS + MEL_WINDOW
    parts = range(0, steps, _STEPS_AT_ONCE)
    return np.concatenate([mel_slice(audio, k, min(_STEPS_AT_ONCE, steps - k)) for k in parts], axis=1)


def _mel_window(mel: NDArray[np.float32], frame: int) -> NDArray[np.float32]:
    """Return (80, 16), what `audio.mel_windows` gives for a frame."""
    step = frame * MEL_STEPS_PER_SECOND // FPS
    return mel[:, step : step + MEL_WINDOW]


def _stacked(windows: Sequence[_Window]) -> Batch:
    def joined(name: str) -> Tensor:
        return torch.from_numpy(np.stack([getattr(window, name) for window in windows]))

    return Batch(
        frames=joined("frames"),
        mask=joined("mask"),
        landmarks=joined("landmarks"),
        mel=joined("mel"),
        other_mel=joined("other_mel"),
        starts=torch.tensor([window.start for window in windows]),
        clips=[window.clip for window in windows],
    )
