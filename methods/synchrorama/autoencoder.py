"""The autoencoder: pictures to latents of about unit variance and back (Rombach et al. 2022, diffusers).

On one core the highest resolution costs most and says least, so at tiny size pictures enter as squares of
`vae_patch` pixels a side stacked into channels (Shi et al. 2016, sub-pixel convolution): the network itself
starts at half the side. At full size it is SD-VAE's, pixel by pixel.
"""

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from harness.contracts import Training
from methods.nets.adversarial import Player
from methods.nets.experts import shared_batch
from methods.nets.loop import build, train
from methods.nets.sampling import Draw, WindowSampler
from methods.synchrorama.config import Config

CHANNELS = 4


class Autoencoder(nn.Module):
    """Pictures (N, 3, S, S) in [-1, 1], latents (N, 4, s, s).

    `mean` and `spread` (4,) are those of the encoder's own latents over the training clips: latents are given
    out normalised by them, as diffusion wants them.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        scales, colours = len(config.vae_channels), 3 * config.vae_patch**2
        self.patch = config.vae_patch
        self.net = AutoencoderKL(
            in_channels=colours,
            out_channels=colours,
            down_block_types=("DownEncoderBlock2D",) * scales,
            up_block_types=("UpDecoderBlock2D",) * scales,
            block_out_channels=config.vae_channels,
            layers_per_block=config.vae_layers,
            latent_channels=CHANNELS,
            norm_num_groups=config.vae_norm,
            mid_block_add_attention=config.size == "full",
        )
        self.register_buffer("mean", torch.zeros(CHANNELS))
        self.register_buffer("spread", torch.ones(CHANNELS))

    def forward(self, pictures: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pictures after a round trip with sampled latents, and the divergence from N(0, I).

        noise: (N, 4, s, s), standard normal. The divergence is a mean over the latents' numbers, in nats.
        """
        posterior = self.net.encode(pixel_unshuffle(pictures, self.patch)).latent_dist
        divergence = posterior.kl().mean() / noise[0].numel()
        return self._decoded(posterior.mean + posterior.std * noise), divergence

    def encode(self, pictures: Tensor) -> Tensor:
        """Return the normalised latents: the posterior's mean."""
        found = self.net.encode(pixel_unshuffle(pictures, self.patch)).latent_dist.mean
        return cast(Tensor, (found - self.mean[:, None, None]) / self.spread[:, None, None])

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures, not clamped, differentiable in the normalised latents."""
        return self._decoded(latents * self.spread[:, None, None] + self.mean[:, None, None])

    def normalise(self, latents: Tensor) -> None:
        """Measure `mean` and `spread` on latents (N, 4, s, s) that `encode` gave before."""
        self.mean.copy_(latents.mean((0, 2, 3)))
        self.spread.copy_(latents.std((0, 2, 3)))

    def _decoded(self, latents: Tensor) -> Tensor:
        return pixel_shuffle(self.net.decode(latents).sample, self.patch)


def train_autoencoder(config: Config, training: Training) -> Autoencoder:
    """Train on upright pictures by L1, squared error and a little divergence; return it normalised."""
    count = shared_batch(config.vae_batch, "vae_batch", training)
    plan = Draw(count, 1, augment=config.vae_augment, references=False, upright=True)
    sampler = WindowSampler(training.data, config.emotions, config.image_size, plan)
    autoencoder = cast(Autoencoder, build(training.seed, lambda: Autoencoder(config)))
    player = Player(autoencoder, config.vae_rate, (0.9, 0.999), config.vae_steps, training)
    side = config.latent_size

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        drawn = torch.from_numpy(rng.standard_normal((count, CHANNELS, side, side), np.float32))
        noise = drawn[training.rank :: training.world].to(training.device)
        windows = sampler.draw(rng, training.rank, training.world).to(training.device)
        pictures = 2 * windows.target[:, 0] - 1
        made, divergence = player.wrapped(pictures, noise)
        away = made - pictures
        squared = away.square().mean()
        player.descend(away.abs().mean() + squared + config.kl * divergence)
        psnr = -10 * torch.log10(squared.detach() / 4)
        return {"recon": squared.detach(), "kl": divergence.detach(), "psnr": psnr}

    train(training, player.parts("autoencoder"), config.vae_steps, step)
    return autoencoder.eval()
