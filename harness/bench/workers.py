"""What more workers bring.

    python -m harness.bench workers
    python -m harness.bench workers measured --rounds 1

One line a kind of work, done by one worker and by N in turns, one thread each, on the road that a sweep
takes: clips prepared, generated (cvae at paper size, its weights hardly trained) and measured by all metrics
of the default sweep, clips/s, models opened anew in each turn; and cvae's joint training at paper size,
steps/s of the same global batch, with the largest difference between the losses that one and N workers
report, relative to losses above 1. Starting processes is left out.
Exit codes: 0 done; 1 two workers bring less than is promised; 2 bad input.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness import config, corpus, protocol
from harness.bench.rows import Bar, Row, What, compared
from harness.catalog import nearest
from harness.command import count
from harness.config import Retries, Sweep
from harness.contracts import Setup
from harness.execute import actor_pool, cluster
from harness.faces import policy
from harness.fit import FitSpec, read_curve, run_fit, run_stage
from harness.jobs import InProcess, Job
from harness.measure import Comparison, Measure, View
from harness.progress import Progress
from harness.store import Store
from harness.train import fit_on_workers
from harness.types import BadInput
from harness.work import Entrant, Generate, Prepare

_SHORT = {"steps": 1, "warm_start_steps": 1, "sync_steps": 1, "critic_steps": 1}
_SWEEP: dict[str, Any] = {
    "name": "workers",
    "data": {
        "synthetic": {"speakers": 6, "clips_per_speaker": 24, "size": 64, "seed": 3},
        "split": {"train": 0.17, "val": 0.17, "test": 0.66},
    },
    # The paper's own trunk is a file to be fetched; the bundled one is there.
    "methods": [{"name": "cvae", "config": {"size": "paper", "perceptual": "embedded", **_SHORT}}],
    "metrics": [
        *("psnr", "ssim", "lpips", "fid", "kid", "lse_c", "lse_d", "av_offset"),
        *("emotion_accuracy", "au_mae", "au_correlation"),
    ],
    "fid_min_frames": 2,
}
PROMISED = 2
BARS = {"prepared": 1.7, "generated": 1.7, "measured": 1.8, "trained": 1.4}
"""How many times one worker's rate the project promises of PROMISED."""
_STEPS = (2, 12)
"""Steps of a short and a long training: their difference in time is that of the steps alone."""

Turn = Callable[[int, Path], float]
"""What so many workers do in a fresh folder; its value is their rate."""


@dataclass(frozen=True, slots=True)
class Line:
    """A kind of work's rates by one worker and by several, a pair a round; `note` says what else was seen."""

    name: str
    unit: str
    one: Sequence[float]
    many: Sequence[float]
    note: str = ""

    def row(self, workers: int) -> Row:
        """Return it in the shape of all tables; what is promised is promised of two workers."""
        bar = Bar(BARS[self.name]) if workers == PROMISED else None
        what = What("workers", f"{self.name}, {workers} workers", self.unit, "one worker")
        return compared(what, self.many, self.one, bar, self.note)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this table's own arguments."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"lines: {', '.join(LINES)} (all)")
    parser.add_argument("--workers", type=count, default=2, metavar="N", help="how many against one (2)")
    parser.add_argument("--rounds", type=count, default=3, metavar="R", help="turns of each (3)")


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Print and give a row a line. Raises BadInput for a line that there is not."""
    for name in options.names:
        if name not in LINES:
            raise BadInput(f'no line "{name}": {nearest(name, [*LINES])}')
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, cluster(options.workers):
        bench = Bench.drawn(Path(scratch), options.workers, options.rounds)
        for name in options.names or LINES:
            row = LINES[name](bench).row(options.workers)
            print(
                f"{row.name:20} {row.theirs:7.2f} -> {row.ours:7.2f} {row.unit:8} {row.ratio:.2f} "
                f"({row.low:.2f} to {row.high:.2f}) times  {row.note}",
                flush=True,
            )
            yield row


@dataclass(frozen=True, slots=True)
class Bench:
    """What all lines share: a drawn corpus, what is asked about it, and a training that can begin."""

    root: Path
    workers: int
    rounds: int
    sweep: Sweep
    found: corpus.Corpus
    asks: Sequence[protocol.Ask]
    spec: FitSpec

    @staticmethod
    def drawn(root: Path, workers: int, rounds: int) -> "Bench":
        """Draw and prepare the corpus, and train by a step what the joint training starts from."""
        sweep = config.validated(Sweep, _SWEEP, "bench")
        store, weights = Store(root / "store"), corpus.weights_of(sweep)
        found = corpus.gather(InProcess(), sweep.data, sweep.seed, store, weights)
        unasked = protocol.without_reference(found.samples, found.files, sweep.data.reference)
        spec = FitSpec(
            method="cvae",
            config=sweep.methods[0].config,
            data=found.training(),
            data_id=found.training_id(),
            artefacts={},
            seed=sweep.seed,
            threads=1,
            device="cpu",
            store=store,
            weights=weights,
        ).with_stages()
        for stage in spec.artefacts:
            run_stage(spec.for_stage(stage, spec.artefacts), stage)
        asks = corpus.asks_of(found, sweep.data, sweep.seed, unasked)
        return Bench(root, workers, rounds, sweep, found, asks, spec)

    def prepared(self) -> Line:
        """Crop every clip of the corpus."""

        def job(folder: Path) -> Job[Any, Any]:
            return Prepare(policy("none"), self.found.size, Store(folder), self.spec.weights)

        return Line("prepared", "clips/s", *self._turns(_pooled(job, lambda _: self.found.samples)))

    def generated(self) -> Line:
        """Generate and encode every tested clip."""
        entrant = self._entrant()
        items = [(entrant, ask) for ask in self.asks]
        return Line("generated", "clips/s", *self._turns(_pooled(Generate, lambda _: items)))

    def measured(self) -> Line:
        """Measure every tested clip, generated before, by all metrics."""
        entrant = self._entrant()
        with actor_pool(self.workers, 0, _Silent()) as pool:
            pool.map(Generate(self.root), [(entrant, ask) for ask in self.asks], "")
        clips = entrant.folder(self.root, "clips")
        setup = Setup("embedded", self.spec.weights, fid_min_frames=self.sweep.fid_min_frames)
        metrics = tuple((name, setup) for name in self.sweep.metrics)

        def job(folder: Path) -> Job[Any, Any]:
            return Measure(metrics, View(), Store(folder), self.spec.weights)

        def items(folder: Path) -> list[Comparison]:
            return [
                Comparison(
                    clip=(name := ask.sample.id),
                    generated=clips / f"{name}.mp4",
                    reference=ask.truth,
                    record=folder / f"{name}.measured.json",
                    speaker=ask.sample.speaker,
                    emotion=ask.sample.emotion,
                )
                for ask in self.asks
            ]

        return Line("measured", "clips/s", *self._turns(_pooled(job, items)))

    def trained(self) -> Line:
        """Train on one global batch, shared by the workers."""
        curves: dict[int, list[tuple[int, dict[str, float]]]] = {}

        def turn(workers: int, folder: Path) -> float:
            seconds = []
            for steps in _STEPS:
                spec = replace(self.spec.with_params({"steps": steps}), store=Store(folder))
                begun = time.perf_counter()
                fit_on_workers(spec, workers, 0, Retries(), name=f"steps{steps}")
                seconds.append(time.perf_counter() - begun)
            curves[workers] = read_curve(spec.model_path())
            return (_STEPS[1] - _STEPS[0]) / (seconds[1] - seconds[0])

        one, many = self._turns(turn)
        gaps = [
            abs(losses[name] - other[name]) / max(abs(losses[name]), 1.0)
            for (_, losses), (_, other) in zip(curves[1], curves[self.workers], strict=True)
            for name in losses
        ]
        return Line("trained", "steps/s", one, many, f"losses differ by at most {max(gaps):.1e}")

    def _turns(self, turn: Turn) -> tuple[list[float], list[float]]:
        """Return the rates of one worker and of several, in turns."""
        rates: dict[int, list[float]] = {1: [], self.workers: []}
        for _ in range(self.rounds):
            for workers, found in rates.items():
                with tempfile.TemporaryDirectory(dir=self.root) as folder:
                    found.append(turn(workers, Path(folder)))
        return rates[1], rates[self.workers]

    def _entrant(self) -> Entrant:
        return Entrant("cvae", "cvae", "t00", self.spec.config, run_fit(self.spec))


def _pooled(job: Callable[[Path], Job[Any, Any]], items: Callable[[Path], Sequence[Any]]) -> Turn:
    """Return a turn on actors that have imported all and hold nothing."""

    def turn(workers: int, folder: Path) -> float:
        first, rest = folder / "first", folder / "rest"
        with actor_pool(workers, 0, _Silent()) as pool:
            pool.map(job(first), items(first)[: 2 * workers], "")
            todo, begun = items(rest), time.perf_counter()
            outcomes = pool.map(job(rest), todo, "")
            seconds = time.perf_counter() - begun
        assert not any(outcome.reason for outcome in outcomes), outcomes[0]
        return len(todo) / seconds

    return turn


class _Silent(Progress):
    """Says nothing: the table is all that is printed."""

    def say(self, text: str) -> None:
        """Keep it to itself."""


LINES: dict[str, Callable[[Bench], Line]] = {
    "prepared": Bench.prepared,
    "generated": Bench.generated,
    "measured": Bench.measured,
    "trained": Bench.trained,
}
