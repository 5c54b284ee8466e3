"""Training of the denoiser in two stages: single frames, then windows with attention over time.

Hallo's order. Sound is heard from the first stage on, for one frame's mel window says how its lips are; the
second brings the motion frames, attention over time, which at its step 0 changes nothing, and the losses on
decoded frames, which need frames in a row. Weights are averaged along the way (EMA); generation uses those.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from harness.contracts import Training
from methods.nets.adversarial import Player
from methods.nets.experts import shared_batch, stored
from methods.nets.loop import Stateful, build, train
from methods.nets.sync_expert import FRAMES
from methods.synchrorama import pretrained
from methods.synchrorama.config import Config
from methods.synchrorama.denoiser import Denoiser
from methods.synchrorama.judges import Judges
from methods.synchrorama.mood import frozen_fusion
from methods.synchrorama.noise import LEVELS, Process, draw_noise
from methods.synchrorama.scenes import Scene, Scenes

_MOTION_NOISE = 0.1  # standard deviation on motion frames, so that a chunk's flaws do not grow in the next
_MEASURED = 256  # frames that tell how far latents are from their references
_BETAS = (0.9, 0.99)  # a short training: what was 1000 steps ago is another network


def train_image(config: Config, training: Training) -> nn.Module:
    """Train a new denoiser on single frames; return its average."""
    count = shared_batch(config.image_batch, "image_batch", training)
    denoiser = cast(Denoiser, build(training.seed, lambda: Denoiser(config, timed=False)))
    if config.residual:
        measure_spread(config, training, denoiser)
    if config.pretrained:
        pretrained.load_unet(denoiser, training.weights)
    step = DenoisingStep(config, training, denoiser, (0, 1), count, (config.image_rate, config.image_steps))
    train(training, step.parts(), config.image_steps, step)
    return step.average


def measure_spread(config: Config, training: Training, denoiser: Denoiser) -> None:
    """Measure `denoiser.spread` on windows of the training split, in place."""
    alone = replace(training, rank=0, world=1, device="cpu")
    scenes = Scenes(config, alone, frozen_fusion(config, alone), 0, 1)
    scene = scenes.draw(np.random.default_rng(training.seed), _MEASURED)
    away = scene.latents - scene.reference[:, None]
    denoiser.spread.copy_(away.square().mean((0, 1, 3, 4)).sqrt())


def fit(config: Config, training: Training) -> Denoiser:
    """Train on windows, from the image stage's weights; return the average."""
    count = shared_batch(config.batch, "batch", training)
    denoiser = stored(training, "image", Denoiser(config, timed=False)).cpu()
    build(training.seed, lambda: _timed(config, denoiser))
    if config.pretrained:
        pretrained.load_motion(denoiser, training.weights)
    shape = (config.motion_frames, config.frames)
    step = DenoisingStep(config, training, denoiser, shape, count, (config.rate, config.steps))
    step.judges = Judges(config, training)
    train(training, step.parts(), config.steps, step)
    return cast(Denoiser, step.average)


class DenoisingStep:
    """One step on `count` windows of (motion, frames) frames; `schedule` is (rate, steps)."""

    def __init__(
        self,
        config: Config,
        training: Training,
        denoiser: Denoiser,
        shape: tuple[int, int],
        count: int,
        schedule: tuple[float, int],
    ) -> None:
        self.config, self.training, self.count = config, training, count
        self.scenes = Scenes(config, training, frozen_fusion(config, training), *shape)
        self.process = Process(config)
        self.player = Player(denoiser, schedule[0], _BETAS, schedule[1], training)
        self.average = copy.deepcopy(self.player.loss).requires_grad_(False).eval()
        self.inside = cast(Denoiser, self.average)
        self.judges: Judges | None = None

    def parts(self) -> dict[str, Stateful]:
        """Return what a checkpoint must keep."""
        return {**self.player.parts("denoiser"), "average": self.average}

    def __call__(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Take the step; return its losses: every unweighted term, and `total`."""
        scene = self.scenes.draw(rng, self.count)
        level, noise, blur = (x.to(self.training.device) for x in self._drawn(rng, scene))
        first = int(rng.integers(scene.latents.shape[1] - FRAMES + 1)) if self.judges is not None else 0
        said, noised = self._said(scene, level, noise, blur)
        frames = self.inside.inside(scene.latents, scene.reference)
        squared = (said - self.process.target(frames, noise, level)).square().mean((1, 2, 3, 4))
        terms = {"denoising": (self.process.weight(level) * squared).mean()}
        weights = {"denoising": 1.0}
        if self.judges is not None:
            clean = self.process.clean(noised[:1], said[:1], level[:1])
            latents = self.inside.outside(clean, scene.reference[:1])
            terms |= self.judges.terms(latents, scene.first(), first)
            weights |= self.judges.weights
        terms["total"] = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        self.player.descend(terms["total"])
        self._follow()
        return {name: term.detach() for name, term in terms.items()}

    def _said(self, scene: Scene, level: Tensor, noise: Tensor, blur: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the denoiser says of the frames (B, F, 4, s, s), and the noised frames."""
        motion = scene.motion.shape[1]
        noised = self.process.noised(self.inside.inside(scene.latents, scene.reference), noise, level)
        known = self.inside.inside(scene.motion, scene.reference)
        seen = torch.cat([known + _MOTION_NOISE * blur, noised], 1)
        levels = torch.zeros(seen.shape[:2], dtype=torch.long, device=level.device)
        levels[:, motion:] = level[:, None]  # motion frames are known: they have no noise to speak of
        device = seen.device.type
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            said = self.player.wrapped(seen, levels, scene.conditions)
        return said.float()[:, motion:], noised

    def _drawn(self, rng: np.random.Generator, scene: Scene) -> tuple[Tensor, Tensor, Tensor]:
        """Return this worker's share of levels (B,), noise (B, F, ...) and the motion frames' noise.

        With judges, each worker's first window is drawn below `decode_below`: it is the one they see.
        """
        share = slice(self.training.rank, None, self.training.world)
        place = rng.random(self.count)
        if self.judges is not None:
            place[: self.training.world] *= self.config.decode_below / LEVELS
        level = torch.from_numpy((place * LEVELS).astype(np.int64))[share]
        shape = (self.count, *scene.latents.shape[1:])
        noise = draw_noise(rng, shape, self.config.shared_noise)[share]
        blur = draw_noise(rng, (self.count, *scene.motion.shape[1:]), 0.0)[share]
        return level, noise, blur

    @torch.no_grad()
    def _follow(self) -> None:
        keep = self.config.ema
        for mean, now in zip(self.average.parameters(), self.player.loss.parameters(), strict=True):
            mean.lerp_(now, 1 - keep)


def _timed(config: Config, denoiser: Denoiser) -> nn.Module:
    denoiser.add_time(config)
    return denoiser
