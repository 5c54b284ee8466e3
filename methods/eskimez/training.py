"""Training of `eskimez` in its authors' three stages: emotion discriminator, generator alone, all together.

Weights and losses are EK's (trainer.py): a mask-weighted L1 with its peak at the mouth, perceptual, and the
speech's own emotion; then the Wasserstein frame discriminator and the emotion discriminator join. Theirs
lets generator and discriminators take turns batch by batch; ours gives both their turn on every batch.
Their still is the window's first frame; ours is the harness's, of another clip, so that the label is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from harness.contracts import Training
from methods.eskimez.config import Config
from methods.eskimez.network import HEARING, Generator
from methods.nets import experts
from methods.nets.adversarial import Player, WassersteinLoss, held, wasserstein_loss
from methods.nets.blocks import initialise
from methods.nets.discriminators import EmotionLoss, FrameCritic
from methods.nets.emotion_critic import EmotionCritic
from methods.nets.experts import EmotionTask, shared_batch, stored
from methods.nets.loop import Stateful, build, train
from methods.nets.masks import mouth_mask
from methods.nets.perceptual import PerceptualLoss, Spot, draw_spot, perceptual_loss
from methods.nets.sampling import Draw, WindowSampler


@dataclass(frozen=True, slots=True)
class Scene:
    """A batch as this method sees it.

    target: (B, T, 3, S, S) and still (B, 3, S, S) in [-1, 1]. wave: (B, N). noise: (B, T, 2 * width).
    emotion: (B,) index. mask: (B, T, 1, S, S), the L1's weights.
    """

    target: Tensor
    still: Tensor
    wave: Tensor
    noise: Tensor
    emotion: Tensor
    mask: Tensor


class Stage:
    """Draws what a training step works on: this worker's share of the global batch, and its noise."""

    def __init__(self, config: Config, training: Training, count: int, length: int) -> None:
        self.config, self.training = config, training
        self.plan = Draw(count, length, augment=config.augment, upright=True, hearing=HEARING)
        self.sampler = WindowSampler(training.data, config.emotions, config.image_size, self.plan)

    def draw(self, rng: np.random.Generator) -> Scene:
        """Draw a batch."""
        config, training = self.config, self.training
        shape = (self.plan.clips, self.plan.length, 2 * config.width)
        noise = torch.from_numpy(rng.standard_normal(shape, np.float32))[training.rank :: training.world]
        windows = self.sampler.draw(rng, training.rank, training.world).to(training.device)
        return Scene(
            target=2 * windows.target - 1,
            still=2 * windows.reference[:, 0] - 1,
            wave=windows.wave,
            noise=noise.to(training.device),
            emotion=windows.emotion,
            mask=mouth_mask(windows.mouth, config.image_size) + config.elsewhere,
        )


class Reconstruction:
    """The losses that need no discriminator."""

    def __init__(self, config: Config, training: Training) -> None:
        self.config = config
        self.perceptual: PerceptualLoss | None = None
        if config.perceptual_weight > 0:
            self.perceptual = perceptual_loss(config.perceptual, training.weights).to(training.device)

    def spot(self, rng: np.random.Generator, length: int) -> Spot:
        """Draw where the perceptual loss looks in windows of `length` frames."""
        config = self.config
        count, part = config.perceptual_frames, config.perceptual_crop
        return draw_spot(rng, length, count, config.image_size, part)

    def terms(self, frames: Tensor, logits: Tensor, scene: Scene, spot: Spot) -> dict[str, Tensor]:
        """Return the unweighted terms of (B, T, 3, S, S) frames and the speech's own emotion."""
        found = {
            "recon": (scene.mask * (frames - scene.target).abs()).mean(),
            "auxiliary": cross_entropy(logits, scene.emotion),
        }
        if self.perceptual is not None:
            ours, theirs = (spot.of((x + 1) / 2) for x in (frames, scene.target))
            found["perceptual"] = self.perceptual(ours, theirs)
        return found


def train_emotion_critic(config: Config, training: Training) -> EmotionCritic:
    """Pre-train the emotion discriminator on real windows; its class for generated ones is still empty."""
    critic = cast(EmotionCritic, build(training.seed, lambda: make_critic(config)))
    task = EmotionTask(config.emotion_batch, config.emotion_steps, config.emotion_rate, config.augment)
    return experts.train_emotion_critic(critic, task, config.emotions, config.image_size, training)


def train_alone(config: Config, training: Training) -> Generator:
    """Train a new generator without any discriminator."""
    count = shared_batch(config.alone_batch, "alone_batch", training)
    stage = Stage(config, training, count, config.alone_length)
    generator = cast(Generator, build(training.seed, lambda: Generator(config)))
    betas = (config.momentum, 0.999)
    player = Player(generator, config.alone_rate, betas, config.alone_steps, training, config.even_inputs)
    losses = Reconstruction(config, training)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        spot = losses.spot(rng, config.alone_length)
        scene = stage.draw(rng)
        terms = losses.terms(*bf16(player, config, scene), scene, spot)
        total = objective(config, terms)
        player.descend(total)
        return {name: loss.detach() for name, loss in {**terms, "total": total}.items()}

    train(training, player.parts("generator"), config.alone_steps, step)
    return generator


def fit(config: Config, training: Training) -> Generator:
    """Train generator and discriminators together."""
    stage = Stage(config, training, shared_batch(config.batch, "batch", training), config.length)
    generator = stored(training, "generator_alone", Generator(config))
    betas = (config.momentum, 0.999)
    player = Player(generator, config.generator_rate, betas, config.steps, training, config.even_inputs)
    losses, critics = Reconstruction(config, training), Critics(config, training)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        spot, share = losses.spot(rng, config.length), critics.share(rng, stage.plan.clips)
        scene = stage.draw(rng)
        frames, logits = bf16(player, config, scene)
        terms = losses.terms(frames, logits, scene, spot)
        with held(list(critics.players.values())):
            terms |= critics.terms(frames, scene)
            total = objective(config, terms)
            player.descend(total)
        found = {**terms, **critics.step(frames.detach(), scene, share), "total": total}
        return {name: loss.detach() for name, loss in found.items()}

    parts: dict[str, Stateful] = player.parts("generator")
    for name, critic in critics.players.items():
        parts |= critic.parts(name)
    train(training, parts, config.steps, step)
    return generator


def bf16(player: Player, config: Config, scene: Scene) -> tuple[Tensor, Tensor]:
    """Return the generator's frames and emotion logits, computed in bf16 on CUDA devices, as float32."""
    label = nn.functional.one_hot(scene.emotion, len(config.emotions)).float()
    device = scene.still.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        frames, logits = player.wrapped(scene.still, scene.wave, scene.noise, label)
    return frames.float(), logits.float()


def objective(config: Config, terms: Mapping[str, Tensor]) -> Tensor:
    """Return the generator's weighted sum of terms."""
    weights = {
        "recon": config.mouth,
        "perceptual": config.perceptual_weight,
        "auxiliary": config.auxiliary,
        "frame": config.frame,
        "emotion": config.emotion,
    }
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


class Critics:
    """The discriminators whose weight is not 0, each a player."""

    def __init__(self, config: Config, training: Training) -> None:
        self.config, self.training = config, training
        self.players: dict[str, Player] = {}
        betas = (config.momentum, 0.999)
        size = config.image_size
        if config.frame > 0:
            critic = build(training.seed, lambda: FrameCritic(config.critic_width, size, size))
            game: nn.Module = WassersteinLoss(critic, config.penalty)
            self.players["frame"] = Player(game, config.critic_rate, betas, config.steps, training)
        if config.emotion > 0:
            game = EmotionLoss(stored(training, "emotion_critic", make_critic(config)))
            self.players["emotion"] = Player(game, config.critic_rate, betas, config.steps, training)

    def share(self, rng: np.random.Generator, clips: int) -> Tensor:
        """Draw where between fake and real the gradient penalty looks: this worker's share of (clips,)."""
        drawn = torch.from_numpy(rng.random(clips, np.float32))
        return drawn[self.training.rank :: self.training.world].to(self.training.device)

    def terms(self, frames: Tensor, scene: Scene) -> dict[str, Tensor]:
        """Return the unweighted terms that the discriminators add to the generator's objective."""
        found = {}
        if player := self.players.get("frame"):
            scores = cast(WassersteinLoss, player.loss).critic(frames, scene.still)
            found["frame"] = wasserstein_loss(scores)
        if player := self.players.get("emotion"):
            logits = cast(EmotionLoss, player.loss).critic((frames + 1) / 2)
            found["emotion"] = cross_entropy(logits, scene.emotion)
        return found

    def step(self, frames: Tensor, scene: Scene, share: Tensor) -> dict[str, Tensor]:
        """Train each discriminator one step; return their losses."""
        found = {}
        if player := self.players.get("frame"):
            found["frame_critic"] = player.step((scene.target, scene.still), (frames, scene.still), (share,))
        if player := self.players.get("emotion"):
            real = ((scene.target + 1) / 2, scene.emotion)
            found["emotion_critic"] = player.step(real, ((frames + 1) / 2,))
        return found


def make_critic(config: Config) -> EmotionCritic:
    """Return an untrained emotion discriminator; its last class is for generated frames."""
    critic = EmotionCritic(config.critic_width, config.image_size, len(config.emotions) + 1, deep=True)
    initialise(critic)  # with torch's own start it stayed at chance for hundreds of steps
    return critic
