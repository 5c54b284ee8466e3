"""Training of the networks that judge a generator's frames: the sync expert and the emotion discriminator.

Both learn from real windows alone, as stages that every method with such a loss runs with its own values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from harness.contracts import Training
from harness.types import BadInput
from methods.nets.emotion_critic import EmotionCritic
from methods.nets.loop import train
from methods.nets.sampling import Draw, WindowSampler
from methods.nets.sync_expert import FRAMES, SyncExpert, expert_loss

WEIGHTS = "model.safetensors"

Trained = TypeVar("Trained", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class SyncTask:
    """A sync expert's training: `clips` picks a batch, `windows` of each, one another's negatives.

    upright: whether it sees pictures as `Draw.upright` says.
    """

    clips: int
    windows: int
    steps: int
    rate: float
    augment: float
    upright: bool = False


@dataclass(frozen=True, slots=True)
class EmotionTask:
    """An emotion discriminator's training: `batch` windows a step; upright as `SyncTask`."""

    batch: int
    steps: int
    rate: float
    augment: float
    upright: bool = False


def train_sync_expert(
    expert: SyncExpert, task: SyncTask, emotions: tuple[str, ...], size: int, training: Training
) -> SyncExpert:
    """Train `expert` on real windows of (size, size) clips in `emotions`, and return it."""
    count = shared_batch(task.clips, "sync_clips", training)
    draw = Draw(count, FRAMES, task.windows, task.augment, references=False, upright=task.upright)
    sampler = WindowSampler(training.data, emotions, size, draw)
    expert = expert.to(training.device)
    wrapped = training.wrap(expert)
    optimiser = Adam(expert.parameters(), task.rate)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        windows = sampler.draw(rng, training.rank, training.world).to(training.device)
        loss = expert_loss(wrapped(windows.target, windows.speech), task.windows)
        descend(optimiser, loss)
        return {"sync_expert": loss.detach()}

    train(training, {"expert": expert, "optimiser": optimiser}, task.steps, step)
    return expert


def train_emotion_critic(
    critic: EmotionCritic, task: EmotionTask, emotions: tuple[str, ...], size: int, training: Training
) -> EmotionCritic:
    """Train `critic` on real windows by cross-entropy, and return it."""
    count = shared_batch(task.batch, "critic_batch", training)
    draw = Draw(count, FRAMES, augment=task.augment, references=False, upright=task.upright)
    sampler = WindowSampler(training.data, emotions, size, draw)
    critic = critic.to(training.device)
    wrapped = training.wrap(critic)
    optimiser = Adam(critic.parameters(), task.rate)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        windows = sampler.draw(rng, training.rank, training.world).to(training.device)
        logits = wrapped(windows.target)
        loss = nn.functional.cross_entropy(logits, windows.emotion)
        descend(optimiser, loss)
        accuracy = (logits.argmax(1) == windows.emotion).float().mean()
        return {"critic": loss.detach(), "critic_accuracy": accuracy}

    train(training, {"critic": critic, "optimiser": optimiser}, task.steps, step)
    return critic


def stored(training: Training, stage: str, module: Trained) -> Trained:
    """Return `module` with the weights that `stage` left, on the training's device."""
    module.load_state_dict(load_file(training.artefacts[stage] / WEIGHTS))
    return module.to(training.device)


def descend(optimiser: Optimizer, loss: Tensor) -> None:
    """Take one optimiser step down `loss`."""
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    optimiser.step()


def shared_batch(count: int, key: str, training: Training) -> int:
    """Return `count`, or raise BadInput when the workers' shares of it would differ in size."""
    if count % training.world:
        raise BadInput(f"{key}: {count} is no multiple of the {training.world} workers; make it one")
    return count
