"""Many tiny work items through the engine: what each costs the driver, in time and in memory.

    python -m harness.bench items
    python -m harness.bench items --items 5000

Pairs are measured as a sweep measures its clips: the same queue over the same actors, a record a pair,
scores, and the tables that are written at the end. So that the items are tiny, most have nothing to decode:
their clip was not generated, for a reason that is put down. In every hundred one is a pair of two small
frames, which must be scored, and one is a broken file, which must be told and cost no other. The driver's CPU
time is that of all its threads, from before the items are made to the last table; its memory is the highest
that is resident meanwhile, less what was before. What clips take on the workers is not of interest here.
Exit codes: 0 done; 1 an item costs more than is promised; 2 bad input.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness import media, speed, tables
from harness.bench.rows import Bar, Row, What, alone
from harness.command import count
from harness.contracts import Setup
from harness.execute import actor_pool, cluster
from harness.jobs import Executor
from harness.measure import Comparison, View
from harness.progress import Progress
from harness.record import About, Record
from harness.results import NO_TRIAL, read_rows
from harness.scoring import Row as Pairs
from harness.scoring import score
from harness.store import Store
from harness.types import BadInput
from harness.weights import Weights

ITEMS = 100_000
METRICS = ("psnr", "ssim")
MOST_MS, MOST_GROWTH_MB = Bar(3, most=True), Bar(200, most=True)
_PER_METHOD = 5_000
_EVERY, _WHOLE, _BROKEN = 100, 0, 50
"""Of every hundred items, which one is a pair and which one a broken file."""
_SIDE = 16
_NOT_MADE = "not generated: nothing was asked for"


@dataclass(frozen=True, slots=True)
class Found:
    """What some items cost: CPU and wall seconds of the driver, MB that it grew by (None: not known)."""

    items: int
    workers: int
    cpu: float
    wall: float
    growth: float | None

    def rows(self) -> list[Row]:
        """Return the table's rows."""
        told = f"{self.items} items on {self.workers} workers"

        def row(name: str, unit: str, value: float, bar: Bar | None) -> Row:
            return alone(What("items", name, unit), [value], bar, told)

        each = 1000 / self.items
        rows = [
            row("driver's CPU an item", "ms", self.cpu * each, MOST_MS),
            row("wall time an item", "ms", self.wall * each, None),
        ]
        if self.growth is not None:
            rows.append(row("driver's memory growth", "MB", self.growth, MOST_GROWTH_MB))
        return rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this table's own arguments."""
    parser.add_argument("--items", type=count, default=ITEMS, help=f"how many ({ITEMS})")
    parser.add_argument("--workers", type=count, help="worker processes (one a core)")


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Print and give the rows. Raises BadInput where an item was lost."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as scratch,
        cluster(options.workers) as workers,
        actor_pool(workers, 0, Progress()) as pool,
    ):
        found = measured(pool, options.items, workers, Path(scratch))
    for row in found.rows():
        print(f"{row.name:24} {row.ours:8.3f} {row.unit:3} {row.bar} {row.note}", flush=True)
        yield row


def measured(pool: Executor, items: int, workers: int, folder: Path) -> Found:
    """Return what `items` items cost; the run that is made of them lies in `folder`."""
    many = _Many(pool, _clip(folder), folder)
    many.run("warm", workers)  # what is imported and begun once is no item's
    _, before = speed.with_peak(lambda: None)
    cpu, wall = time.process_time(), time.perf_counter()
    out, peak = speed.with_peak(lambda: many.run("many", items))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    _check(out, items)
    growth = None if peak is None or before is None else peak - before
    return Found(items, workers, cpu, wall, growth)


@dataclass(frozen=True, slots=True)
class _Many:
    """Runs of many pairs of the same two clips."""

    pool: Executor
    clip: Path
    folder: Path

    def run(self, name: str, items: int) -> Path:
        """Measure `items` pairs and write their tables; return their folder."""
        out, weights = self.folder / name, Weights()
        out.mkdir()
        about = About("evaluation", name, {}, frozenset(), {}, {}, "none", "embedded")
        record = Record.begin(out, about, [], resume=False)
        metrics = tuple((metric, Setup("embedded", weights)) for metric in METRICS)
        rows = [self._pairs(out, range(i, min(i + _PER_METHOD, items))) for i in range(0, items, _PER_METHOD)]
        scored = score(self.pool, rows, metrics, View(), Store(self.folder / "store"), weights, record)
        tables.write_results(out, record, scored)
        return out

    def _pairs(self, out: Path, numbers: range) -> Pairs:
        method = f"m{numbers.start // _PER_METHOD:05}"
        broken, reference = (self.clip.with_name(f"{name}.mp4") for name in ("broken", "reference"))
        pairs = tuple(
            Comparison(
                clip=f"clip{i:07}",
                generated=broken if i % _EVERY == _BROKEN else self.clip,
                reference=reference,
                record=out / "work" / method / f"clip{i:07}.measured.json",
                speaker=f"{i % 91:04}",
                failed=None if i % _EVERY in (_WHOLE, _BROKEN) else _NOT_MADE,
            )
            for i in numbers
        )
        return Pairs(method, NO_TRIAL, pairs)


def _clip(folder: Path) -> Path:
    """Write a clip, and `reference.mp4` and `broken.mp4` beside it."""
    (folder / "broken.mp4").write_bytes(b"no film")
    rng = np.random.default_rng(0)
    for name in ("clip", "reference"):
        media.encode(folder / f"{name}.mp4", rng.integers(0, 256, (2, _SIDE, _SIDE, 3), np.uint8), None)
    return folder / "clip.mp4"


def _check(out: Path, items: int) -> None:
    """Raise BadInput unless every whole pair is scored and every other one told."""
    whole = -(-items // _EVERY)
    for metric in METRICS:
        found = [row for row in read_rows(out / "results.csv") if row["metric"] == metric]
        scored, unscored = (sum(int(row[key]) for row in found) for key in ("n", "n_unscored"))
        if (scored, unscored) != (whole, items - whole):
            raise BadInput(
                f"{metric}: {scored} scored and {unscored} unscored of {items} items, {whole} of them whole"
            )
