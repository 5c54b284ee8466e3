"""Training of `magnusson`: sync expert, emotion judge, Wav2Lip on all emotions, then one model a pair.

A pair's target is a clip in its target emotion with that clip's own sound, its reference a clip of the same
speaker in the source emotion (Magnusson et al. 2021, appendix; IanMagnusson/Wav2Lip-Emotion). What is shown
of the masked picture comes from the source under the half mask and from the target under the hull.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from harness.contracts import Training
from methods.magnusson.config import Config
from methods.nets import experts
from methods.nets.adversarial import Player, RealFakeLoss, held
from methods.nets.blocks import frozen
from methods.nets.emotion_critic import EmotionCritic
from methods.nets.experts import EmotionTask, SyncTask, shared_batch, stored
from methods.nets.loop import Stateful, build, train
from methods.nets.masks import mouth_mask
from methods.nets.sampling import OWN, Draw, Windows, WindowSampler
from methods.nets.sync_expert import FRAMES, SyncExpert, sync_loss
from methods.nets.wav2lip import QualityDiscriminator, Wav2Lip
from methods.nets.wav2lip_start import start_as_copy

_SETTLING = 64  # pictures whose batch statistics a generator that starts as a copy keeps


class PairModel(nn.Module):
    """A generator and the discriminator that it is trained against."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.generator = make_generator(config)
        self.discriminator = QualityDiscriminator(config.discriminator_width, config.image_size)


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the generator's terms; one of weight 0 is not computed."""

    recon: float
    sync: float
    gan: float
    emotion: float

    def of(self, name: str) -> float:
        """Return the weight of the term called `name`."""
        return float(getattr(self, name))


class Judges:
    """The frozen networks: a sync expert, and an emotion judge of `emotions`; None where not needed."""

    def __init__(self, config: Config, training: Training, weights: Weights) -> None:
        self.emotions = config.emotions
        self.expert: SyncExpert | None = None
        self.emotion: EmotionCritic | None = None
        if weights.sync > 0:
            self.expert = stored(training, "sync_expert", make_expert(config))
            frozen(self.expert)
        if weights.emotion > 0:
            self.emotion = stored(training, "emotion_judge", make_judge(config))
            frozen(self.emotion)

    def terms(self, frames: Tensor, windows: Windows, target: str | None) -> dict[str, Tensor]:
        """Return the unweighted terms of frames (B, T, 3, S, S): sync and 1 - p(target), where wanted."""
        found = {}
        if self.expert is not None:
            found["sync"] = sync_loss(self.expert, frames, windows.speech)
        if self.emotion is not None and target is not None:
            likelihood = self.emotion(frames).softmax(1)[:, self.emotions.index(target)]
            found["emotion"] = (1 - likelihood).mean()
        return found


@dataclass(frozen=True, slots=True)
class Recon:
    """The reconstruction term: the L1 or, `squared`, L2 distance; 1 + `mouth` times as much at the mouth."""

    mouth: float = 0.0
    squared: bool = False

    def __call__(self, frames: Tensor, windows: Windows) -> Tensor:
        """Return the term of frames (B, T, 3, S, S)."""
        off = (frames - windows.target).abs()
        if self.squared:
            off = off.square()
        if self.mouth > 0:
            off = off * (1 + self.mouth * mouth_mask(windows.mouth, off.shape[-1]))
        return off.mean()


class Game:
    """One generator in training against its discriminator."""

    def __init__(self, model: PairModel, players: tuple[Player, Player], weights: Weights) -> None:
        self.model, self.weights = model, weights
        self.painter, self.critic = players
        self.recon = Recon()

    def step(self, windows: Windows, judges: Judges, target: str | None) -> dict[str, Tensor]:
        """Take one step of both sides and return the losses, detached."""
        frames = paint(self.painter.wrapped, windows)
        terms = {"recon": self.recon(frames, windows)}
        terms |= judges.terms(frames, windows, target)
        with held([self.critic]):
            if self.weights.gan > 0:
                logits = self.model.discriminator(frames.flatten(0, 1))
                terms["gan"] = nn.functional.softplus(-logits).mean()
            total = torch.stack([self.weights.of(name) * term for name, term in terms.items()]).sum()
            self.painter.descend(total)
        losses = {**terms, "total": total}
        if self.weights.gan > 0:
            real, fake = windows.target.flatten(0, 1), frames.detach().flatten(0, 1)
            losses["discriminator"] = self.critic.step((real,), (fake,))
        return {name: loss.detach() for name, loss in losses.items()}

    def parts(self, name: str) -> dict[str, Stateful]:
        """Return what a checkpoint must keep."""
        return {**self.painter.parts(f"{name} generator"), **self.critic.parts(f"{name} discriminator")}


def make_generator(config: Config) -> Wav2Lip:
    """Return an untrained generator of the configured size."""
    return Wav2Lip(config.width, config.image_size, config.most)


def make_expert(config: Config) -> SyncExpert:
    """Return an untrained sync expert of the configured size."""
    return SyncExpert(config.sync_width, config.image_size, config.sync_public)


def make_judge(config: Config) -> EmotionCritic:
    """Return an untrained emotion judge of the configured size."""
    return EmotionCritic(config.critic_width, config.image_size, len(config.emotions))


def train_sync_expert(config: Config, training: Training) -> nn.Module:
    """Train the sync expert on real windows of all emotions."""
    expert = _seeded(training, make_expert, config)
    task = SyncTask(
        config.sync_clips, config.sync_windows, config.sync_steps, config.sync_rate, config.augment
    )
    return experts.train_sync_expert(expert, task, config.emotions, config.image_size, training)


def train_emotion_judge(config: Config, training: Training) -> nn.Module:
    """Train the emotion judge on real windows by cross-entropy."""
    judge = _seeded(training, make_judge, config)
    task = EmotionTask(config.critic_batch, config.critic_steps, config.critic_rate, config.augment)
    return experts.train_emotion_critic(judge, task, config.emotions, config.image_size, training)


def pretrain(config: Config, training: Training) -> PairModel:
    """Train Wav2Lip on all emotions: a clip's masked frames, other frames of the same clip beside them."""
    count = shared_batch(config.pretrain_batch, "pretrain_batch", training)
    draw = Draw(count, config.pretrain_length, augment=config.augment, mask=config.mask, source=OWN)
    sampler = WindowSampler(training.data, config.emotions, config.image_size, draw)
    sync, gan = config.pretrain_sync, config.pretrain_gan
    weights = Weights(recon=1 - sync - gan, sync=sync, gan=gan, emotion=0)
    model: PairModel = _seeded(training, PairModel, config)
    if config.start == "copy":
        _start_as_copy(model.generator, replace(draw, clips=_SETTLING), config, training)
    rates = (config.pretrain_rate, config.pretrain_rate)
    game = _game(model, rates, config.pretrain_steps, weights, config, training)
    game.recon = Recon(config.pretrain_mouth, config.pretrain_norm == "l2")
    judges = Judges(config, training, weights)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        windows = sampler.draw(rng, training.rank, training.world).to(training.device)
        return game.step(windows, judges, None)

    train(training, game.parts("pretrain"), config.pretrain_steps, step)
    return model


def fit(config: Config, training: Training) -> dict[str, PairModel]:
    """Train one model a pair from the pre-trained one; a step is one step of every pair.

    Batch statistics stay as pre-training left them, so that workers' shares of a batch train one model.
    Losses are reported as means over the pairs.
    """
    weights = Weights(config.recon, config.sync, config.gan, config.emotion)
    judges = Judges(config, training, weights)
    rates = (config.learning_rate, config.discriminator_rate)
    models, games, samplers = {}, {}, {}
    draw = Draw(
        shared_batch(config.batch, "batch", training), FRAMES, augment=config.augment, mask=config.mask
    )
    for pair in config.pairs:
        source, _, target = pair.partition("->")
        samplers[pair] = WindowSampler(
            training.data, (target,), config.image_size, replace(draw, source=source)
        )
        models[pair] = stored(training, "pretrain", PairModel(config)).eval()
        games[pair] = _game(models[pair], rates, config.steps, weights, config, training)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        found = []
        for pair, game in games.items():
            windows = samplers[pair].draw(rng, training.rank, training.world).to(training.device)
            found.append(game.step(windows, judges, pair.partition("->")[2]))
        return {name: torch.stack([losses[name] for losses in found]).mean() for name in found[0]}

    parts = {name: part for pair, game in games.items() for name, part in game.parts(pair).items()}
    train(training, parts, config.steps, step)
    return models


def paint(generator: nn.Module, windows: Windows) -> Tensor:
    """Return generated frames (B, T, 3, S, S), whole pictures: nothing is pasted. bf16 on CUDA devices."""
    pictures = _shown(windows)
    device = pictures.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        frames: Tensor = generator(pictures, windows.mel.flatten(0, 1))
    return frames.float().view_as(windows.target)


def _shown(windows: Windows) -> Tensor:
    """Return (B * T, 6, S, S): what a generator sees of each frame, masked, and its reference."""
    shown = windows.seen if windows.seen.shape[1] else windows.target
    return torch.cat([shown.masked_fill(windows.mask, 0), windows.reference], 2).flatten(0, 1)


def _start_as_copy(generator: Wav2Lip, draw: Draw, config: Config, training: Training) -> None:
    """Start from one batch that is the same on every worker."""
    sampler = WindowSampler(training.data, config.emotions, config.image_size, draw)
    windows = sampler.draw(np.random.default_rng(training.seed)).to(training.device)
    start_as_copy(generator, _shown(windows), windows.mel.flatten(0, 1))


def _game(
    model: PairModel,
    rates: tuple[float, float],
    steps: int,
    weights: Weights,
    config: Config,
    training: Training,
) -> Game:
    betas = (config.momentum, 0.999)
    painter = Player(model.generator, rates[0], betas, steps, training, config.even_inputs)
    critic = Player(RealFakeLoss(model.discriminator), rates[1], betas, steps, training)
    parameters = list(model.discriminator.parameters())

    def clamp(*_: Any) -> None:
        clamp_gradient(parameters, config.least_gradient, config.most_gradient)

    critic.optimiser.register_step_pre_hook(clamp)
    return Game(model, (painter, critic), weights)


def clamp_gradient(parameters: list[nn.Parameter], least: float, most: float) -> None:
    """Scale all gradients by one factor, in place, so that their norm lies between `least` and `most`."""
    norm = torch.linalg.vector_norm(torch.stack([p.grad.norm() for p in parameters if p.grad is not None]))
    factor = norm.clamp(least, most) / norm.clamp_min(1e-12)
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.mul_(factor)


def _seeded(training: Training, make: Any, config: Config) -> Any:
    return build(training.seed, lambda: make(config)).to(training.device)
