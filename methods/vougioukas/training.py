"""Training of `vougioukas`: at tiny size L1 alone to begin with, then the game against three discriminators.

Equations as recalled (METHODS.md section 3): each discriminator D maximises E log D(real) +
E log(1 - D(fake)), the sync discriminator's fakes being misaligned sound and generated mouths, half each; the
generator minimises the same, weighted, plus L1 on the lower half.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from harness.contracts import Training
from methods.nets.adversarial import Player, RealFakeLoss, held, minimax_loss
from methods.nets.discriminators import FrameCritic, SequenceCritic, SyncCritic
from methods.nets.experts import shared_batch, stored
from methods.nets.loop import Stateful, build, train
from methods.nets.sampling import Draw, WindowSampler
from methods.vougioukas.config import Config
from methods.vougioukas.network import HEARING, WINDOW, AudioEncoder, Generator

_MOUTHS = 5  # frames that the sync discriminator sees, 0.2 s
_LEAST_SHIFT = 3  # frames between the sound of a mouth and one that is called misaligned

STAGE = "generator_alone"


@dataclass(frozen=True, slots=True)
class Scene:
    """A batch as this method sees it: target (B, T, 3, H, W), still (B, 3, H, W) in [-1, 1], wave, noise."""

    target: Tensor
    still: Tensor
    wave: Tensor
    noise: Tensor


@dataclass(frozen=True, slots=True)
class Glance:
    """Where the discriminators look: one frame of a window, five mouths, and other mouths' sound.

    The same in all windows of a step; frames and starts are counted in a window.
    """

    frame: int
    mouths: int
    other: int


class Stage:
    """Draws what a training step works on: this worker's share of the global batch, and its noise."""

    def __init__(self, config: Config, training: Training, count: int, length: int) -> None:
        self.config, self.training = config, training
        self.plan = Draw(count, length, augment=config.augment, upright=True, hearing=HEARING)
        self.sampler = WindowSampler(training.data, (), config.image_size, self.plan)

    def draw(self, rng: np.random.Generator) -> Scene:
        """Draw a batch."""
        config, training = self.config, self.training
        shape = (self.plan.clips, self.plan.length, config.noise_code)
        noise = torch.from_numpy(rng.standard_normal(shape, np.float32))[training.rank :: training.world]
        windows = self.sampler.draw(rng, training.rank, training.world).to(training.device)
        kept = columns(config)
        return Scene(
            target=2 * windows.target[..., kept] - 1,
            still=2 * windows.reference[:, 0, :, :, kept] - 1,
            wave=windows.wave,
            noise=config.noise_sigma * noise.to(training.device),
        )


def columns(config: Config) -> slice:
    """Return which columns of a square crop the network makes."""
    left = (config.image_size - config.breadth) // 2
    return slice(left, left + config.breadth)


def reconstruction(config: Config, frames: Tensor, target: Tensor) -> Tensor:
    """Return the weighted L1 of lower and upper half, means over pixels."""
    upper, lower = torch.chunk((frames - target).abs(), 2, dim=3)
    return config.reconstruction * lower.mean() + config.upper_half * upper.mean()


def train_alone(config: Config, training: Training) -> Generator:
    """Train a new generator on the reconstruction alone."""
    count = shared_batch(config.alone_batch, "alone_batch", training)
    stage = Stage(config, training, count, config.alone_length)
    generator = cast(Generator, build(training.seed, lambda: Generator(config)))
    player = Player(generator, config.alone_rate, (config.momentum, 0.999), config.alone_steps, training)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        scene = stage.draw(rng)
        frames = bf16(training, player, scene)
        loss = reconstruction(config, frames, scene.target)
        player.descend(loss)
        return {"recon": loss.detach()}

    train(training, player.parts("generator"), config.alone_steps, step)
    return generator


def fit(config: Config, training: Training) -> Generator:
    """Train the generator against the three discriminators, from where it stands alone."""
    stage = Stage(config, training, shared_batch(config.batch, "batch", training), config.length)
    generator = stored(training, STAGE, Generator(config))
    betas = (config.momentum, 0.999)
    player = Player(generator, config.generator_rate, betas, config.steps, training)
    critics = Critics(config, training)

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        glance = draw_glance(rng, config.length)
        scene = stage.draw(rng)
        frames = bf16(training, player, scene)
        terms = {"recon": reconstruction(config, frames, scene.target)}
        with held(list(critics.players.values())):
            terms |= critics.terms(frames, scene, glance)
            total = objective(config, terms)
            player.descend(total)
        losses = {**terms, **critics.step(frames.detach(), scene, glance), "total": total}
        return {name: loss.detach() for name, loss in losses.items()}

    parts: dict[str, Stateful] = player.parts("generator")
    for name, critic in critics.players.items():
        parts |= critic.parts(name)
    train(training, parts, config.steps, step)
    return generator


def bf16(training: Training, player: Player, scene: Scene) -> Tensor:
    """Return the generator's frames, computed in bf16 on CUDA devices, as float32."""
    device = scene.still.device.type
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        frames: Tensor = player.wrapped(scene.still, scene.wave, scene.noise)
    return frames.float()


def objective(config: Config, terms: Mapping[str, Tensor]) -> Tensor:
    """Return the generator's weighted sum of terms; the reconstruction has its weights inside."""
    weights = {"recon": 1.0, "frame": config.frame, "sync": config.sync, "sequence": config.sequence}
    return torch.stack([weights[name] * term for name, term in terms.items()]).sum()


def draw_glance(rng: np.random.Generator, length: int) -> Glance:
    """Draw where the discriminators look in windows of `length` frames."""
    starts = np.arange(length - _MOUTHS + 1)
    mouths = int(rng.choice(starts))
    far = starts[np.abs(starts - mouths) >= _LEAST_SHIFT]
    return Glance(int(rng.integers(length)), mouths, int(rng.choice(far)))


class Critics:
    """The discriminators whose weight is not 0, each a player."""

    def __init__(self, config: Config, training: Training) -> None:
        size = (config.critic_width, config.image_size, config.breadth)

        def sync() -> SyncCritic:
            return SyncCritic(*size, AudioEncoder(config.audio_width, config.sync_code), config.sync_code)

        kinds = {
            "frame": (config.frame, lambda: FrameCritic(*size), config.frame_rate),
            "sequence": (config.sequence, lambda: SequenceCritic(*size), config.slow_rate),
            "sync": (config.sync, sync, config.slow_rate),
        }
        betas = (config.momentum, 0.999)
        self.players = {
            name: Player(RealFakeLoss(build(training.seed, make)), rate, betas, config.steps, training)
            for name, (chosen, make, rate) in kinds.items()
            if chosen > 0
        }

    def terms(self, frames: Tensor, scene: Scene, glance: Glance) -> dict[str, Tensor]:
        """Return what the generator minimises, unweighted, of (B, T, 3, H, W) generated frames."""
        looks = views(frames, scene, glance)
        return {
            name: minimax_loss(cast(RealFakeLoss, player.loss).critic(*looks[name]))
            for name, player in self.players.items()
        }

    def step(self, frames: Tensor, scene: Scene, glance: Glance) -> dict[str, Tensor]:
        """Train each discriminator one step; return their losses."""
        real, fake = views(scene.target, scene, glance), views(frames, scene, glance)
        mouths, _ = real["sync"]
        fakes = {name: [view] for name, view in fake.items()}
        fakes["sync"].append((mouths, sound(scene, glance.other)))
        return {
            f"{name}_critic": player.step(real[name], *fakes[name]) for name, player in self.players.items()
        }


def views(frames: Tensor, scene: Scene, glance: Glance) -> dict[str, tuple[Tensor, ...]]:
    """Return what each discriminator is shown of (B, T, 3, H, W) frames, real or generated."""
    mouths = frames[:, glance.mouths : glance.mouths + _MOUTHS]
    return {
        "frame": (frames[:, glance.frame : glance.frame + 1], scene.still),
        "sequence": (frames,),
        "sync": (mouths, sound(scene, glance.mouths)),
    }


def sound(scene: Scene, start: int) -> Tensor:
    """Return (B, 3200), the samples of the five frames from `start` on."""
    first = HEARING.context + start * HEARING.per_frame
    return scene.wave[:, first : first + WINDOW]
