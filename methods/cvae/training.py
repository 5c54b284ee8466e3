"""Training of `cvae`: sync expert, emotion discriminator, warm start, then all six terms of eq. (6) together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from harness.contracts import Training
from harness.types import BadInput
from methods.cvae.config import Config
from methods.cvae.losses import divergence, reconstruction
from methods.cvae.network import Generator, Output, composite, latent_shape
from methods.nets.blocks import frozen
from methods.nets.emotion_critic import EmotionCritic
from methods.nets.loop import build, train
from methods.nets.perceptual import PerceptualLoss, perceptual_loss
from methods.nets.sampling import Draw, Windows, WindowSampler
from methods.nets.sync_expert import FRAMES, SyncExpert, expert_loss, sync_loss

_BETAS = (0.5, 0.999)  # EmoGen's Adam


def train_sync_expert(config: Config, training: Training) -> SyncExpert:
    """Train the expert on real windows; both encoders start from `training.seed`."""
    draw = Draw(_share(config.sync_clips, training), FRAMES, config.sync_windows, config.augment)
    sampler = WindowSampler(training.data, config.emotions, config.image_size, draw)
    expert = cast(SyncExpert, build(training.seed, lambda: make_expert(config))).to(training.device)
    wrapped = training.wrap(expert)
    optimiser = Adam(expert.parameters(), config.sync_rate)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        windows = sampler.draw(rng, training.rank, training.world).to(training.device)
        loss = expert_loss(*wrapped(windows.target, windows.speech), config.sync_windows)
        _descend(optimiser, loss)
        return {"sync_expert": loss.detach()}

    train(training, {"expert": expert, "optimiser": optimiser}, config.sync_steps, step)
    return expert


def train_emotion_critic(config: Config, training: Training) -> EmotionCritic:
    """Pre-train the emotion discriminator on real windows by cross-entropy (eq. 3)."""
    draw = Draw(_share(config.critic_batch, training), FRAMES, augment=config.augment)
    sampler = WindowSampler(training.data, config.emotions, config.image_size, draw)
    critic = cast(EmotionCritic, build(training.seed, lambda: make_critic(config))).to(training.device)
    wrapped = training.wrap(critic)
    optimiser = Adam(critic.parameters(), config.critic_rate)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        windows = sampler.draw(rng, training.rank, training.world).to(training.device)
        logits = wrapped(windows.target)
        loss = nn.functional.cross_entropy(logits, windows.emotion)
        _descend(optimiser, loss)
        accuracy = (logits.argmax(1) == windows.emotion).float().mean()
        return {"critic": loss.detach(), "critic_accuracy": accuracy}

    train(training, {"critic": critic, "optimiser": optimiser}, config.critic_steps, step)
    return critic


def warm_start(config: Config, training: Training) -> Generator:
    """Train a new generator on the first two terms of eq. (6), which no trial weighs differently."""
    draw = Draw(_share(config.warm_start_batch, training), 1, augment=config.augment)
    sampler = WindowSampler(training.data, config.emotions, config.image_size, draw)
    generator = cast(Generator, build(training.seed, lambda: Generator(config))).to(training.device)
    wrapped = training.wrap(generator)
    optimiser = Adam(generator.parameters(), config.warm_start_rate, _BETAS)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        noise = _noise(rng, config, draw, training)
        windows = sampler.draw(rng, training.rank, training.world).to(training.device)
        output, frames = _generate(wrapped, windows, noise, len(config.emotions))
        recon, kl = reconstruction(frames, windows.target), divergence(output)
        _descend(optimiser, recon + kl)
        return {"recon": recon.detach(), "kl": kl.detach(), "total": (recon + kl).detach()}

    train(training, {"generator": generator, "optimiser": optimiser}, config.warm_start_steps, step)
    return generator


def fit(config: Config, training: Training) -> Generator:
    """Train the generator from the warm start with every term whose weight is not 0."""
    draw = Draw(_share(config.batch, training), FRAMES, augment=config.augment)
    sampler = WindowSampler(training.data, config.emotions, config.image_size, draw)
    generator = _stored(training, "warm_start", Generator(config))
    critics = _critics(config, training)
    wrapped = training.wrap(generator)
    optimiser = Adam(generator.parameters(), config.learning_rate, _BETAS)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        looked_at = rng.choice(FRAMES, config.perceptual_frames, replace=False)
        noise = _noise(rng, config, draw, training)
        windows = sampler.draw(rng, training.rank, training.world).to(training.device)
        output, frames = _generate(wrapped, windows, noise, len(config.emotions))
        terms = {"recon": reconstruction(frames, windows.target), "kl": divergence(output)}
        terms |= critics.terms(frames, windows, looked_at)
        weights = {"sync": config.alpha, "perceptual": config.beta, "emotion": config.gamma}
        total = torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
        _descend(optimiser, total)
        losses = {**terms, **critics.tune(windows), "total": total}
        return {name: loss.detach() for name, loss in losses.items()}

    parts = {"generator": generator, "optimiser": optimiser, **critics.parts()}
    train(training, parts, config.steps, step)
    return generator


@dataclass
class Critics:
    """The networks that judge generated frames in `fit`; None where the weight of a term is 0.

    `judge` is a frozen twin of `critic`: the generator's loss must leave no gradient in the weights that
    the critic's own optimiser, and its averaging over workers, own.
    """

    expert: SyncExpert | None
    perceptual: PerceptualLoss | None
    critic: EmotionCritic | None
    judge: EmotionCritic | None
    wrapped: nn.Module | None
    optimiser: Optimizer | None

    def terms(self, frames: Tensor, windows: Windows, looked_at: np.ndarray) -> dict[str, Tensor]:
        raise NotImplementedError
