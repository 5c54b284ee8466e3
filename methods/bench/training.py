"""A method's training step beside a plain PyTorch loop, and how many steps/s every stage takes.

    python -m harness.bench train

The loop of `cvae`'s warm start, as a sweep runs it on one worker, beside the same network, losses, optimiser
and batches in a loop of a few lines without harness, Ray or checkpoints, whose batches were made beforehand:
what is missing to 1 is what drawing batches and keeping the record cost. Both must come to the same losses.
Then steps/s of each stage and of the joint training at `size: paper`, whose reference VGG-19 has random
weights here. One thread, CPU time of this process. Not done here: GPUs, several workers.
Exit codes: 0 done; 2 bad input.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR
from torchvision.models import vgg19

from harness import corpus
from harness.bench.rows import Row, What, alone, compared
from harness.catalog import nearest
from harness.config import Data, Synthetic
from harness.contracts import Training, TrainingData
from harness.fit import Curve
from harness.jobs import InProcess
from harness.store import Store
from harness.types import BadInput
from harness.weights import Weights
from harness.weights_table import known
from methods.cvae import CVAE
from methods.cvae.config import Config
from methods.cvae.losses import divergence, reconstruction
from methods.cvae.network import Generator
from methods.cvae.training import generate_windows, latent_noise, warm_start
from methods.nets.loop import build
from methods.nets.sampling import Draw, Windows, WindowSampler

ROUNDS, STEPS, PAPER_STEPS = 5, 20, 2
SEED = 1
PARTS = ("plain", "paper")
STAGES = {"warm_start": "warm_start_steps", "sync_expert": "sync_steps", "emotion_critic": "critic_steps"}
"""Stages of cvae, and the key of their number of steps; `fit` itself is `steps`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this table's own arguments."""
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all)")


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Print and give the rows. Raises BadInput where the two loops come to different losses."""
    if wrong := [part for part in options.parts if part not in PARTS]:
        raise BadInput(f'no part "{wrong[0]}": {nearest(wrong[0], [*PARTS])}')
    parts = options.parts or PARTS
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        data = _drawn(Path(scratch))
        if "plain" in parts:
            yield _beside_plain(data)
        if "paper" in parts:
            yield from _paper(data, Path(scratch))


def _drawn(scratch: Path) -> TrainingData:
    """Draw and prepare clips of the embedded corpus, as a sweep does."""
    data = Data(synthetic=Synthetic(speakers=6, clips_per_speaker=6), size=64)
    return corpus.gather(InProcess(), data, SEED, Store(scratch / "store"), Weights()).training()


def _training(data: TrainingData, weights: Weights, artefacts: dict[str, Path] | None = None) -> Training:
    return Training(data, artefacts or {}, Curve("bench"), SEED, weights)


def _beside_plain(data: TrainingData) -> Row:
    config = Config(warm_start_steps=STEPS)
    batches = _batches(config, data)
    warm_start(config, _training(data, Weights()))  # reads the clips, which are then in memory
    ours, plain = [], []
    for _ in range(ROUNDS):
        training = _training(data, Weights())
        ours.append(STEPS / _cpu(partial(warm_start, config, training)))
        losses: list[float] = []
        plain.append(STEPS / _cpu(partial(_plain, config, batches, losses)))
        _check(cast(Curve, training.report), losses)
    what = What("train", "cvae:tiny warm_start", "steps/s", "a plain PyTorch loop, batches ready")
    note = f"{config.warm_start_batch} frames of 64 px a step, the same losses"
    row = compared(what, ours, plain, note=note)
    spread = f"({row.low:.3f} to {row.high:.3f})"
    print(f"{row.name:26} {row.ours:.3g} steps/s, {row.ratio:.3f} x {row.peer} {spread}", flush=True)
    return row


def _batches(config: Config, data: TrainingData) -> list[tuple[Windows, torch.Tensor]]:
    """Return the very batches that `warm_start` draws: of (seed, step) alone."""
    draw = Draw(config.warm_start_batch, 1, augment=config.augment)
    sampler, training = WindowSampler(data, config.emotions, 64, draw), _training(data, Weights())
    found = []
    for step in range(STEPS):
        rng = np.random.default_rng([SEED, step])
        noise = latent_noise(rng, config, draw, training)
        found.append((sampler.draw(rng, 0, 1), noise))
    return found


def _plain(config: Config, batches: list[tuple[Windows, torch.Tensor]], losses: list[float]) -> None:
    """Train as a person would write it down, adding each step's loss."""
    generator = cast(Generator, build(SEED, lambda: Generator(config)))
    optimiser = Adam(generator.parameters(), config.warm_start_rate, (config.momentum, 0.999))
    schedule = CosineAnnealingLR(optimiser, config.warm_start_steps)
    for windows, noise in batches:
        output, frames = generate_windows(generator, windows, noise, len(config.emotions))
        loss = reconstruction(frames, windows.target) + config.kl * divergence(output)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(loss.item())


def _check(curve: Curve, losses: list[float]) -> None:
    """Raise BadInput unless the record's means of ten steps are those of the plain loop."""
    told = [point["total"] for _, point in curve.points]
    means = [float(np.mean(losses[i : i + 10])) for i in range(0, STEPS, 10)]
    if not np.allclose(told, means, rtol=1e-5):
        raise BadInput(f"train: our losses are {told}, the plain loop's {means}: not the same training")


def _paper(data: TrainingData, scratch: Path) -> Iterator[Row]:
    """Print and give steps/s of every stage at `size: paper`."""
    short: dict[str, Any] = dict.fromkeys((*STAGES.values(), "steps"), 2 + PAPER_STEPS)
    config = Config(size="paper", **short)
    artefacts = {stage: scratch / stage for stage in STAGES}
    weights = _random_vgg(scratch)
    for stage, folder in artefacts.items():
        folder.mkdir()
        steps = Steps(2 + PAPER_STEPS)
        CVAE(config).run_stage(stage, replace(_training(data, weights), wrap=steps.watch), folder)
        yield _of_paper(stage, steps)
    steps = Steps(2 + PAPER_STEPS)
    CVAE(config).fit(replace(_training(data, weights, artefacts), wrap=steps.watch))
    yield _of_paper("fit", steps)


@dataclass
class Steps:
    """The CPU time at which each of `count` steps began, told by the models that train in them."""

    count: int
    stamps: list[float] = field(default_factory=list)

    def watch(self, model: nn.Module) -> nn.Module:
        """Note the time of each of a model's calls: a `Training.wrap`."""
        model.register_forward_pre_hook(lambda *_: self.stamps.append(time.process_time()))
        return model

    def rates(self) -> list[float]:
        """Return steps/s of the single steps between the first, which is slower, and the last.

        Raises BadInput where models were not called equally often in every step.
        """
        calls, over = divmod(len(self.stamps), self.count)
        if over or not calls:
            raise BadInput(f"train: {len(self.stamps)} calls of models in {self.count} steps")
        return [1 / (later - earlier) for earlier, later in pairwise(self.stamps[calls::calls])]


def _of_paper(name: str, steps: Steps) -> Row:
    row = alone(What("train", f"cvae:paper {name}", "steps/s"), steps.rates(), note="64 px, one core")
    print(f"{row.name:26} {row.ours:.3g} steps/s ({row.low:.3g} to {row.high:.3g})", flush=True)
    return row


def _random_vgg(scratch: Path) -> Weights:
    folder = scratch / "weights"
    folder.mkdir()
    torch.save(vgg19(weights=None).state_dict(), folder / known("vgg19").file)
    return Weights(folder, allow_unverified=True)


def _cpu(run: Callable[[], object]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun
