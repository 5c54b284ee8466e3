"""Training of `cvae`: sync expert, emotion discriminator, warm start, then all terms of eq. (6) together."""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from harness.contracts import Training
from methods.cvae.config import Config
from methods.cvae.critics import Critics, make_critic, make_expert
from methods.cvae.losses import divergence, reconstruction
from methods.cvae.network import Generator, Output, composite, latent_shape
from methods.nets import experts
from methods.nets.emotion_critic import EmotionCritic
from methods.nets.experts import EmotionTask, SyncTask, descend, shared_batch, stored
from methods.nets.loop import Stateful, build, train
from methods.nets.perceptual import draw_spot
from methods.nets.sampling import Draw, Windows, WindowSampler
from methods.nets.sync_expert import FRAMES, SyncExpert


def train_sync_expert(config: Config, training: Training) -> SyncExpert:
    """Train the expert on real windows; both encoders start from `training.seed`."""
    expert = cast(SyncExpert, build(training.seed, lambda: make_expert(config)))
    task = SyncTask(
        config.sync_clips, config.sync_windows, config.sync_steps, config.sync_rate, config.augment
    )
    return experts.train_sync_expert(expert, task, config.emotions, config.image_size, training)


def train_emotion_critic(config: Config, training: Training) -> EmotionCritic:
    """Pre-train the emotion discriminator on real windows by cross-entropy (eq. 3)."""
    critic = cast(EmotionCritic, build(training.seed, lambda: make_critic(config)))
    task = EmotionTask(config.critic_batch, config.critic_steps, config.critic_rate, config.augment)
    return experts.train_emotion_critic(critic, task, config.emotions, config.image_size, training)


def warm_start(config: Config, training: Training) -> Generator:
    """Train a new generator on the first two terms of eq. (6), which no trial weighs differently."""
    draw = Draw(
        shared_batch(config.warm_start_batch, "warm_start_batch", training), 1, augment=config.augment
    )
    sampler = WindowSampler(training.data, config.emotions, config.image_size, draw)
    generator = cast(Generator, build(training.seed, lambda: Generator(config))).to(training.device)
    wrapped = training.wrap(generator)
    optimiser = Adam(generator.parameters(), config.warm_start_rate, (config.momentum, 0.999))
    schedule = CosineAnnealingLR(optimiser, config.warm_start_steps)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        noise = latent_noise(rng, config, draw, training)
        windows = sampler.draw(rng, training.rank, training.world).to(training.device)
        output, frames = generate_windows(wrapped, windows, noise, len(config.emotions))
        recon, kl = reconstruction(frames, windows.target), divergence(output)
        total = recon + config.kl * kl
        descend(optimiser, total)
        schedule.step()
        return {"recon": recon.detach(), "kl": kl.detach(), "total": total.detach()}

    parts: dict[str, Stateful] = {"generator": generator, "optimiser": optimiser, "schedule": schedule}
    train(training, parts, config.warm_start_steps, step)
    return generator


def fit(config: Config, training: Training) -> Generator:
    """Train the generator from the warm start with every term whose weight is not 0."""
    draw = Draw(shared_batch(config.batch, "batch", training), FRAMES, augment=config.augment)
    sampler = WindowSampler(training.data, config.emotions, config.image_size, draw)
    generator = stored(training, "warm_start", Generator(config))
    critics = Critics(config, training)
    wrapped = training.wrap(generator)
    optimiser = Adam(generator.parameters(), config.learning_rate, (config.momentum, 0.999))
    schedule = CosineAnnealingLR(optimiser, config.steps)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        spot = draw_spot(rng, FRAMES, config.perceptual_frames, config.image_size, config.perceptual_crop)
        noise = latent_noise(rng, config, draw, training)
        windows = sampler.draw(rng, training.rank, training.world).to(training.device)
        output, frames = generate_windows(wrapped, windows, noise, len(config.emotions))
        terms = {"recon": reconstruction(frames, windows.target), "kl": divergence(output)}
        terms |= critics.terms(frames, windows, spot)
        weights = {"kl": config.kl, "sync": config.alpha, "perceptual": config.beta, "emotion": config.gamma}
        total = torch.stack([weights.get(name, 1.0) * term for name, term in terms.items()]).sum()
        descend(optimiser, total)
        schedule.step()
        losses = {**terms, **critics.tune(windows), "total": total}
        return {name: loss.detach() for name, loss in losses.items()}

    parts: dict[str, Stateful] = {
        "generator": generator,
        "optimiser": optimiser,
        "schedule": schedule,
        **critics.parts(),
    }
    train(training, parts, config.steps, step)
    return generator


def generate_windows(
    generator: nn.Module, windows: Windows, noise: Tensor | None, emotions: int
) -> tuple[Output, Tensor]:
    """Return the network's output and its frames (B, T, 3, S, S), pasted into what the mask leaves.

    Every loss looks at the pasted frames, which are what `generate` delivers. bf16 on CUDA devices.
    """
    time = windows.target.shape[1]
    context = windows.target.masked_fill(windows.mask, 0)
    pictures = torch.cat([context, windows.reference], 2).flatten(0, 1)
    label = nn.functional.one_hot(windows.emotion, emotions).float().repeat_interleave(time, 0)
    device = pictures.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        output: Output = generator(pictures, windows.mel.flatten(0, 1), label, noise)
    frames = composite(output.frames.float().view_as(context), context, windows.mask)
    return output, frames


def latent_noise(rng: np.random.Generator, config: Config, draw: Draw, training: Training) -> Tensor:
    """Return this worker's share of the global batch's latent noise, drawn whole on every worker."""
    shape = (draw.clips, draw.length, *latent_shape(config))
    noise = torch.from_numpy(rng.standard_normal(shape, np.float32))
    return noise[training.rank :: training.world].flatten(0, 1).to(training.device)
