"""How fast each method makes frames, how late the first one is, and what memory it takes.

    python -m harness.bench generation
    python -m harness.bench generation cvae:tiny --model cvae:tiny=DIR

One line a method and size, each in a process of its own, on one thread and in its CPU time: frames/s, with
their spread over clips of one second; how many times real time that is; milliseconds from the first sample
of a recording to the first frame, of one second of sound where the method needs it whole; the process's
peak memory, libraries included. Without a model its weights are untrained: what they are does not change
how long they take. Not done here: GPUs, encoding.
Exit codes: 0 done; 1 a method is short of its bar; 2 bad input.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from harness import arriving, catalog, config, speed
from harness.bench.rows import Bar, Row, What, alone
from harness.contracts import Live
from harness.types import FPS, SAMPLES_PER_FRAME, BadInput, Request

SIZES = ("tiny", "paper")
ALL = (
    *(f"{name}:{size}" for name in ("cvae", "eskimez", "magnusson", "vougioukas") for size in SIZES),
    "synchrorama:tiny",
)
BARS = {"cvae:tiny": 200.0, "cvae:paper": 50.0}
"""Frames/s on one core that the project promises, at 64 px."""
FIRST_FRAME_MS = 200.0
"""The longest wait for a first frame that it promises of the same methods."""
_CLIPS = 5
_COLUMNS = ("method", "side, px", "frames/s", "spread", "x real time", "first frame, ms", "live", "peak, MB")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; `low` and `high` are the slowest and the fastest clip's frames/s."""

    method: str
    side: int
    fps: float
    low: float
    high: float
    real_time: float
    first_frame_ms: float
    live: bool
    peak_mb: float | None

    def rows(self) -> list[Row]:
        """Return it in the shape of all tables."""
        bar = Bar(BARS[self.method]) if self.method in BARS else None
        speed = alone(What("generation", self.method, "frames/s"), [self.low, self.fps, self.high], bar)
        told = f"{self.side} px, {self.real_time:.1f} times real time, one core"
        wait = Bar(FIRST_FRAME_MS, most=True) if self.method in BARS else None
        rows = [
            replace(speed, n=_CLIPS, note=told),
            alone(What("generation", f"{self.method}, first frame", "ms"), [self.first_frame_ms], wait),
        ]
        if self.peak_mb is not None:
            rows.append(alone(What("generation", f"{self.method}, peak memory", "MB"), [self.peak_mb]))
        return rows

    def cells(self) -> tuple[str, ...]:
        """Return it as _COLUMNS are written."""
        peak = "unknown" if self.peak_mb is None else f"{self.peak_mb:.0f}"
        spread = f"{self.low:.1f}-{self.high:.1f}"
        first, live = f"{self.first_frame_ms:.0f}", "yes" if self.live else "no"
        return (
            self.method,
            str(self.side),
            f"{self.fps:.1f}",
            spread,
            f"{self.real_time:.1f}",
            first,
            live,
            peak,
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this table's own arguments."""
    parser.add_argument("names", nargs="*", metavar="METHOD:SIZE", help=f"sizes {', '.join(SIZES)} (all)")
    parser.add_argument("--model", action="append", default=[], metavar="METHOD:SIZE=DIR", help="trained one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write these lines alone as JSON")


def rows(options: argparse.Namespace) -> list[Row]:
    """Print the table as Markdown; return its rows. Raises BadInput for a user's mistake."""
    models = dict(given.partition("=")[::2] for given in options.model)
    lines = []
    for name in options.names or ALL:
        with ProcessPoolExecutor(1, get_context("spawn")) as one:
            lines.append(one.submit(measured, name, models.get(name)).result())
    print(markdown(lines))
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n")
    return [row for line in lines for row in line.rows()]


def markdown(lines: Sequence[Line]) -> str:
    """Return the table."""
    rows = [_COLUMNS, ("---",) * len(_COLUMNS), *(line.cells() for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def measured(name: str, model: str | None) -> Line:
    """Measure a method of a size in this process, which should have done nothing else."""
    method_name, _, size = name.partition(":")
    kind = catalog.method(method_name)
    if size not in SIZES or not kind.card.trains:
        raise BadInput(f"{name}: give a method that trains and its size, such as cvae:{SIZES[0]}")
    chosen: Any = config.validated(kind.Config, {"size": size}, name)
    _one_thread()
    method = kind(chosen)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        if model is None:
            _write_untrained(Path(scratch), method_name, chosen)
        method.load(Path(model or scratch))
    asked = _asked(chosen)
    method.generate([asked])
    rates, peak = speed.with_peak(lambda: [_rate(lambda: method.generate([asked])) for _ in range(_CLIPS)])
    fps = float(np.median(rates))
    first = float(
        np.median([arriving.waited(method, asked, FPS / fps, time.process_time) for _ in range(_CLIPS)])
    )
    live = isinstance(method, Live)
    return Line(name, chosen.image_size, fps, min(rates), max(rates), fps / FPS, first, live, peak)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _rate(run: Callable[[], object]) -> float:
    begun = time.process_time()
    run()
    return FPS / (time.process_time() - begun)


def _write_untrained(folder: Path, name: str, chosen: Any) -> None:
    """Write a model of this config whose weights nobody trained."""
    from torch import nn

    from methods.nets.saved import write_model

    if name == "magnusson":
        make = import_module("methods.magnusson.training").make_generator
        module: nn.Module = nn.ModuleDict({pair: make(chosen) for pair in chosen.pairs})
    elif name == "synchrorama":
        module = import_module("methods.synchrorama.model").Model(chosen)
    else:
        module = import_module(f"methods.{name}.network").Generator(chosen)
    write_model(folder, module, {"method": name, **chosen.model_dump(mode="json")})


def _asked(chosen: Any) -> Request:
    """Return a second of noise for a picture of noise, its face where an upright one stands."""
    side, rng = chosen.image_size, np.random.default_rng(0)
    turns = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    face = side * (0.5 + 0.3 * np.stack([np.cos(turns), np.sin(turns)], 1))
    face[36:42], face[42:48] = (0.38 * side, 0.42 * side), (0.62 * side, 0.42 * side)
    eyes = np.array([[face[36], face[42]]], np.float32)
    picture = rng.integers(0, 256, (1, side, side, 3), np.uint8)
    mask = np.zeros((1, side, side), bool)
    mask[:, side // 4 : -side // 8, side // 6 : -side // 6] = True
    shown, wanted = "neutral", "happy"
    if hasattr(chosen, "pairs"):
        shown, wanted = chosen.pairs[0].split("->")
    return Request(
        id="bench",
        reference=picture,
        context=np.where(mask[..., None], 0, picture).astype(np.uint8).repeat(FPS, 0),
        mask=mask.repeat(FPS, 0),
        eyes=eyes.repeat(FPS, 0),
        reference_eyes=eyes,
        reference_landmarks=face[None].astype(np.float32),
        audio=(0.1 * rng.standard_normal(FPS * SAMPLES_PER_FRAME)).astype(np.float32),
        frames=FPS,
        emotion=wanted,
        level=None,
        text="It is eleven o'clock",
        seed=0,
        reference_emotion=shown,
    )
