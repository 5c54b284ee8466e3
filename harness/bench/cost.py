"""What a sweep, and measuring many clips, would take: core hours, GPU hours, storage, network.

    python -m harness.bench cost
    python -m harness.bench cost sweeps/loss_weights_crema_d.yaml --gpu-ratio 60

Worked out from the rates that bench.json in --out holds, of the machine that it names: a rate that was not
measured is an error, which names the command that measures it. All else is assumed, and listed as such. Hours
are of one core of that machine. GPU hours are given only with --gpu-ratio, how many of those cores one GPU
replaces in training, generating and measuring: measure it on yours.
Exit codes: 0 done; 2 bad input.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from harness import catalog, config
from harness.bench import files
from harness.bench.files import number
from harness.bench.rows import Row
from harness.config import MethodEntry, Range, Sweep
from harness.types import FPS, BadInput

SWEEP = Path("sweeps/loss_weights_crema_d.yaml")
CREMA_D_CLIPS, CREMA_D_SECONDS = 7442, 2.5
"""Cao et al., "CREMA-D", 2014: 7,442 clips; of about 2.5 s each, which is an assumption here."""
MANY_CLIPS = 1_000_000
SIDE = 64
_COLUMNS = ("step", "how much", "at (measured)", "core hours")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: an amount in `unit`, at a measured rate; GB written, GB moved over the network."""

    name: str
    amount: float
    unit: str
    rate: float
    stored: float = 0.0
    moved: float = 0.0
    gpu: bool = True

    @property
    def hours(self) -> float:
        """Hours of one core."""
        return self.amount / self.rate / 3600


@dataclass(frozen=True, slots=True)
class Rates:
    """The measured figures, looked up by what they are of. Raises BadInput for one that was not measured."""

    rows: Sequence[Row]

    def of(self, table: str, name: str, unit: str) -> float:
        """Return a figure of a table."""
        for row in self.rows:
            if (row.table, row.name, row.unit) == (table, name, unit) and row.ours is not None:
                return row.ours
        raise BadInput(f"no measured {unit} of {name}: run python -m harness.bench {table} first")

    def metrics(self, wanted: Sequence[str]) -> str:
        """Return the shortest measured list of metrics that holds all those wanted."""
        lists = {row.name for row in self.rows if row.table == "measure"}
        fitting = [name for name in lists if set(wanted) <= set(name.split(","))]
        if not fitting:
            raise BadInput(
                f"no measured rate of these metrics together: run python -m harness.bench measure "
                f"{','.join(wanted)} first"
            )
        return min(fitting, key=lambda name: (len(name.split(",")), name))


@dataclass(frozen=True, slots=True)
class Corpus:
    """Of what size a corpus is assumed to be."""

    clips: int
    seconds: float

    @property
    def frames(self) -> float:
        """Frames of one clip."""
        return self.seconds * FPS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this table's own arguments."""
    parser.add_argument("sweep", nargs="?", type=Path, default=SWEEP, metavar="SWEEP", help=f"({SWEEP})")
    parser.add_argument(
        "--corpus-clips", type=int, default=CREMA_D_CLIPS, metavar="N", help="(CREMA-D's 7442)"
    )
    parser.add_argument("--seconds", type=float, default=CREMA_D_SECONDS, metavar="S", help="a clip's (2.5)")
    parser.add_argument("--clips", type=int, default=MANY_CLIPS, metavar="N", help="to measure (1000000)")
    parser.add_argument(
        "--gpu-ratio", type=float, metavar="X", help="cores that one GPU replaces (none: no GPU)"
    )


def told(options: argparse.Namespace) -> int:
    """Print the plans of a sweep and of many clips; return the exit code."""
    ratio = 1 if options.gpu_ratio is None else options.gpu_ratio
    if min(options.corpus_clips, options.clips, options.seconds, ratio) <= 0:
        raise BadInput("--corpus-clips, --clips, --seconds and --gpu-ratio are numbers above 0")
    table = files.read(options.out / files.JSON)
    rates, corpus = Rates(table.rows), Corpus(options.corpus_clips, options.seconds)
    sweep = config.load(options.sweep)
    longest = max((row.name for row in table.rows if row.table == "measure"), key=_length, default="")
    many = longest.split(",") if longest else ["psnr"]
    plans = {
        f"{sweep.name}: {options.sweep}": [*of_sweep(sweep, corpus, rates)],
        f"{options.clips:,} clips x {len(many)} metrics": [*of_clips(options.clips, many, corpus, rates)],
    }
    parts = [
        f"# What it would take\n\nMeasured on: {files.told(table.machine)}",
        *(f"## {title}\n\n{plan(steps, options.gpu_ratio)}" for title, steps in plans.items()),
        assumed(corpus, options.gpu_ratio),
    ]
    print("\n\n".join(parts))
    return 0


def of_sweep(sweep: Sweep, corpus: Corpus, rates: Rates) -> Iterator[Step]:
    """Give the steps of a sweep. Raises BadInput for a size, or a method, of which nothing was measured."""
    if sweep.data.size != SIDE:
        raise BadInput(f"{sweep.name}: data.size is {sweep.data.size}, and rates are measured at {SIDE} px")
    frames = corpus.clips * corpus.frames
    prepared = rates.of("decode", f"prepared clip, {SIDE} px", "kB/frame") * frames / 1e6
    rate = rates.of("decode", f"prepare to {SIDE} px, face-v1-embedded", "frames/s")
    yield Step("prepare", frames, "frames", rate, stored=prepared, moved=prepared, gpu=False)
    taught = prepared * sweep.data.split.train
    tested = min(sweep.data.test_clips or corpus.clips, corpus.clips) * corpus.frames
    rows = len(sweep.controls)
    for entry in sweep.methods:
        yield from _trained(entry, taught, rates)
        trials = _trials(entry)
        rows += trials
        rate = rates.of("generation", _sized(entry), "frames/s")
        gb = rates.of("decode", f"generated clip, {SIDE} px", "kB/frame") * trials * tested / 1e6
        yield Step(f"{entry.title}: generate", trials * tested, "frames", rate, stored=gb, moved=gb)
    yield from _measured(sweep.metrics, tested, rows, rates)


def of_clips(clips: int, metrics: Sequence[str], corpus: Corpus, rates: Rates) -> Iterator[Step]:
    """Give the steps of measuring clips, each with a reference of its own, and what that costs the driver."""
    yield from _measured(metrics, clips * corpus.frames, 1, rates)
    each = rates.of("items", "driver's CPU an item", "ms")
    yield Step("the driver's own work", clips, "clips", 1000 / each, gpu=False)


def _trained(entry: MethodEntry, taught: float, rates: Rates) -> Iterator[Step]:
    """Give a method's stages, each trained once, and its trials; each reads the training clips once."""
    kind = catalog.method(entry.name)
    chosen = config.validated(kind.Config, entry.config, entry.name)
    name = _sized(entry)
    for stage in kind.stages:
        steps = _steps(kind(chosen).stage_config(stage), f"{name} {stage}")
        rate = rates.of("train", f"{name} {stage}", "steps/s")
        yield Step(f"{entry.title}: stage {stage}", steps, "steps", rate, moved=taught)
    steps, trials = _steps(chosen.model_dump(include={"steps"}), name), _trials(entry)
    rate = rates.of("train", f"{name} fit", "steps/s")
    yield Step(f"{entry.title}: {trials} trials", trials * steps, "steps", rate, moved=trials * taught)


def _measured(metrics: Sequence[str], frames: float, rows: int, rates: Rates) -> Iterator[Step]:
    """Give the measuring of `rows` methods' clips of `frames` frames in all, against the same references."""
    name = rates.metrics(metrics)
    read = rates.of("decode", f"prepared clip, {SIDE} px", "kB/frame")
    read += rates.of("decode", f"generated clip, {SIDE} px", "kB/frame")
    for method, count in (("first method", 1), ("further method", rows - 1)):
        if not count:
            continue
        rate = rates.of("measure", name, f"frames/s, {method}")
        kept = rates.of("measure", name, f"kB/frame, {method}")
        label = f"measure {len(metrics)} metrics, {method if count == 1 else f'{count} further rows'}"
        amount = count * frames
        yield Step(label, amount, "frames", rate, kept * amount / 1e6, (read + 2 * kept) * amount / 1e6)


def _steps(chosen: Mapping[str, Any], where: str) -> int:
    found = [value for key, value in chosen.items() if key == "steps" or key.endswith("_steps")]
    if len(found) != 1:
        raise BadInput(f"{where}: its config has {len(found)} numbers of steps; this works with one")
    return int(found[0])


def _trials(entry: MethodEntry) -> int:
    """Return how many trials a method's search has, 1 without one."""
    search = entry.search
    if search.trials is not None:
        return search.trials
    if any(isinstance(values, Range) for values in search.space.values()):
        return config.DEFAULT_TRIALS
    return prod(len(values) for values in search.space.values() if isinstance(values, list))


def _sized(entry: MethodEntry) -> str:
    return f"{entry.name}:{entry.config.get('size', 'tiny')}"


def _length(name: str) -> int:
    return len(name.split(","))


def plan(steps: Sequence[Step], gpu_ratio: float | None) -> str:
    """Return a plan as a Markdown table, its sum last."""
    gpu = ("GPU hours",) if gpu_ratio else ()
    head = (*_COLUMNS, *gpu, "stored, GB", "network, GB")
    lines = [head, ("---",) * len(head)]
    for step in steps:
        how = f"{step.amount:,.0f} {step.unit}", f"{number(step.rate)} {step.unit}/s"
        lines.append((step.name, *how, *_figures([step], gpu_ratio)))
    lines.append(("**all**", "", "", *_figures(steps, gpu_ratio)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figures(steps: Sequence[Step], gpu_ratio: float | None) -> tuple[str, ...]:
    """Return hours and sizes; what a GPU takes over is counted in its hours alone."""
    cores = sum(step.hours for step in steps if not (step.gpu and gpu_ratio))
    gpus = (number(sum(step.hours for step in steps if step.gpu) / gpu_ratio),) if gpu_ratio else ()
    sizes = (number(sum(gb)) for gb in ([s.stored for s in steps], [s.moved for s in steps]))
    return (number(cores), *gpus, *sizes)


def assumed(corpus: Corpus, gpu_ratio: float | None) -> str:
    """Return what is not measured."""
    lines = [
        f"a corpus of {corpus.clips:,} clips of {corpus.seconds:g} s ({FPS} frames/s)",
        "real footage costs what drawn clips of 256 px cost to prepare, with the detector that comes along",
        "random weights and untrained models cost what trained ones cost",
        "each training reads each training clip from storage once, and then from memory; where neither a "
        "worker's memory nor its machine's page cache holds them all, clips are read again",
        "records and features are written once and read once; models and checkpoints are left out",
        f"one GPU replaces {gpu_ratio:g} of these cores (--gpu-ratio)"
        if gpu_ratio
        else "no GPU: give --gpu-ratio for its hours",
    ]
    return "\n".join(("## Assumed, not measured", "", *(f"- {line}" for line in lines)))
