"""The autoencoder: pictures to latents of about unit variance and back (Rombach et al. 2022, diffusers).

On one core the highest resolution costs most, so at tiny size pictures enter as squares of `vae_patch` pixels
a side, stacked into channels (Shi et al. 2016, sub-pixel convolution). Beside the network runs a linear path,
the principal components of those squares: it gives the latents their meaning from the first step on, and the
network learns what it leaves. At full size the network is SD-VAE's, pixel by pixel, and alone.
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

_FIRST_LOG_VARIANCE = -6.0
_MEASURED = 256  # pictures that the linear path is measured on


class Autoencoder(nn.Module):
    """Pictures (N, 3, S, S) in [-1, 1], latents (N, 4, s, s).

    `mean` and `spread` (4,) are those of the encoder's own latents over the training clips: latents are given
    out normalised by them, as diffusion wants them.
    """

    mean: Tensor
    spread: Tensor

    basis: Tensor
    centre: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        scales, colours = len(config.vae_channels), 3 * config.vae_patch**2
        self.patch, self.channels = config.vae_patch, config.latent_channels
        self.linear = config.vae_patch > 1 and scales == 1
        self.net = AutoencoderKL(
            in_channels=colours,
            out_channels=colours,
            down_block_types=("DownEncoderBlock2D",) * scales,
            up_block_types=("UpDecoderBlock2D",) * scales,
            block_out_channels=config.vae_channels,
            layers_per_block=config.vae_layers,
            latent_channels=config.latent_channels,
            norm_num_groups=config.vae_norm,
            mid_block_add_attention=config.size == "full",
        )
        self.register_buffer("mean", torch.zeros(config.latent_channels))
        self.register_buffer("spread", torch.ones(config.latent_channels))
        # (numbers, latents): a latent's part of a square; 0 is no linear path.
        self.register_buffer("basis", torch.zeros(colours, config.latent_channels))
        self.register_buffer("centre", torch.zeros(colours))

    @torch.no_grad()
    def start_linear(self, pictures: Tensor) -> None:
        """Lay the linear path along the principal components of pictures; the network starts silent."""
        squares = pixel_unshuffle(pictures, self.patch).transpose(0, 1).flatten(1)
        self.centre.copy_(squares.mean(1))
        parts, sizes, _ = torch.linalg.svd(torch.cov(squares))
        chosen = slice(self.channels)
        self.basis.copy_(parts[:, chosen] * sizes[chosen].sqrt())
        for last in (self.net.quant_conv, self.net.decoder.conv_out):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
        nn.init.constant_(self.net.quant_conv.bias[self.channels :], _FIRST_LOG_VARIANCE)

    def forward(self, pictures: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return the pictures after a round trip with sampled latents, and the divergence from N(0, I).

        noise: (N, 4, s, s), standard normal. The divergence is a mean over the latents' numbers, in nats.
        """
        mean, std = self._posterior(pictures)
        divergence = (mean.square() + std.square() - 1 - 2 * std.log()).mean() / 2
        return self._decoded(mean + std * noise), divergence

    def encode(self, pictures: Tensor) -> Tensor:
        """Return the normalised latents: the posterior's mean."""
        found, _ = self._posterior(pictures)
        return (found - self.mean[:, None, None]) / self.spread[:, None, None]

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures, not clamped, differentiable in the normalised latents."""
        return self._decoded(latents * self.spread[:, None, None] + self.mean[:, None, None])

    def normalise(self, latents: Tensor) -> None:
        """Measure `mean` and `spread` on latents (N, 4, s, s) that `encode` gave before."""
        self.mean.copy_(latents.mean((0, 2, 3)))
        self.spread.copy_(latents.std((0, 2, 3)))

    def _posterior(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        squares = pixel_unshuffle(pictures, self.patch)
        found = self.net.encode(squares).latent_dist
        if not self.linear:
            return found.mean, found.std
        inverse = self.basis / self.basis.square().sum(0).clamp(min=1e-8)
        direct = torch.einsum("nkhw,kc->nchw", squares - self.centre[:, None, None], inverse)
        return found.mean + direct, found.std

    def _decoded(self, latents: Tensor) -> Tensor:
        made = cast(Tensor, self.net.decode(latents).sample)
        if self.linear:
            made = made + torch.einsum("nchw,kc->nkhw", latents, self.basis) + self.centre[:, None, None]
        return pixel_shuffle(made, self.patch)


def train_autoencoder(config: Config, training: Training) -> Autoencoder:
    """Train on upright pictures by L1, squared error and a little divergence; return it normalised."""
    count = shared_batch(config.vae_batch, "vae_batch", training)
    plan = Draw(count, 1, augment=config.vae_augment, references=False, upright=True)
    sampler = WindowSampler(training.data, config.emotions, config.image_size, plan)
    autoencoder = cast(Autoencoder, build(training.seed, lambda: Autoencoder(config)))
    player = Player(autoencoder, config.vae_rate, (0.9, 0.999), config.vae_steps, training)
    side = config.latent_size
    if autoencoder.linear and training.resume is None:
        first = Draw(_MEASURED, 1, references=False, upright=True)
        measured = WindowSampler(training.data, config.emotions, config.image_size, first)
        pictures = measured.draw(np.random.default_rng(training.seed)).target[:, 0]
        autoencoder.start_linear((2 * pictures - 1).to(training.device))

    def step(rng: np.random.Generator) -> Mapping[str, Tensor]:
        drawn = torch.from_numpy(rng.standard_normal((count, config.latent_channels, side, side), np.float32))
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
