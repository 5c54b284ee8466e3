"""The denoiser: diffusers' image UNet on B*F frames, each with a context of its own, and attention over time.

METHODS.md section 2. In go noisy latents, the reference's latents and a map of the drawn guides, stacked;
the context of a frame is its sound, the clip's emotion and the scene's text; emotion also joins the time
embedding.
`reference: network` shows the still by a second UNet, whose self-attention's keys and values the first one's
frames look at beside their own (AnimateAnyone, Hallo), in place of the stacked latents.
"""

from math import log2
from typing import cast

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from methods.nets.blocks import MelEncoder
from methods.synchrorama.conditions import Conditions
from methods.synchrorama.config import Config
from methods.synchrorama.reference import ReferenceBank, read_bank
from methods.synchrorama.temporal import Clock, add_time
from methods.synchrorama.text import WIDTHS

_GUIDE_MAPS = 4
_SOUND_WIDTH = 8


class Denoiser(nn.Module):
    """See the module. `timed`: with attention over time; else every frame is by itself.

    With `residual` it denoises what a frame's latents differ by from the reference's, in units of `spread`
    (4,): upright faces of one speaker differ little, so what stays, stays, and a short training is spent on
    what moves (residual diffusion, as Yue et al. 2023, ResShift). Else it denoises latents.
    """

    spread: Tensor

    def __init__(self, config: Config, timed: bool) -> None:
        super().__init__()
        stacked = config.reference == "concat"
        self.unet = make_unet(config, config.latent_channels * (2 if stacked else 1) + _GUIDE_MAPS)
        self.guider = make_guider(config)
        self.context = Context(config)
        self.mood = nn.Linear(config.cross, config.channels[0] * 4)
        self.bank = (
            None if stacked else ReferenceBank(make_unet(config, config.latent_channels), config.cross)
        )
        self.clock = Clock()
        self.residual = config.residual
        self.register_buffer("spread", torch.ones(config.latent_channels))
        if timed:
            self.add_time(config)
        if self.bank is not None:
            read_bank(self.unet, self.bank)

    def add_time(self, config: Config) -> None:
        """Add attention over time, which at first changes nothing."""
        self.clock = add_time(self.unet, config.heads, config.norm, config.size == "full")

    def inside(self, latents: Tensor, reference: Tensor) -> Tensor:
        """Return what is denoised of latents (B, F, 4, s, s) of a reference (B, 4, s, s)."""
        if not self.residual:
            return latents
        return (latents - reference[:, None]) / self.spread[:, None, None]

    def outside(self, denoised: Tensor, reference: Tensor) -> Tensor:
        """Return the latents again: the inverse of `inside`."""
        return denoised * self.spread[:, None, None] + reference[:, None] if self.residual else denoised

    def forward(self, noisy: Tensor, level: Tensor, conditions: Conditions) -> Tensor:
        """Return v, or the flow's direction, of noisy latents (B, F, 4, s, s) at levels (B, F)."""
        frames = noisy.shape[1]
        self.clock.frames = frames
        maps = [noisy.flatten(0, 1), self.guider(conditions.guides.flatten(0, 1))]
        if self.bank is None:
            maps.append(conditions.reference.repeat_interleave(frames, 0))
        else:
            self.bank.look(conditions.reference, frames)
        said = self.unet(
            torch.cat(maps, 1),
            level.flatten(),
            self.context(conditions),
            class_labels=self.mood(conditions.emotion).repeat_interleave(frames, 0),
            return_dict=False,
        )
        return cast(Tensor, said[0]).view(noisy.shape)


class Context(nn.Module):
    """Conditions to one context a frame, (B*F, tokens, cross): sound, emotion, text."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        cross, self.tokens = config.cross, config.audio_tokens
        self.hear = MelEncoder(_SOUND_WIDTH)
        self.tell = nn.Linear(16 * _SOUND_WIDTH, self.tokens * cross)
        self.silence = nn.Parameter(torch.randn(self.tokens, cross) * 0.02)
        self.feel = nn.Linear(cross, cross)
        self.text = nn.Linear(WIDTHS[config.text_encoder], cross)
        self.wordless = nn.Parameter(torch.randn(cross) * 0.02)
        self.kinds = nn.Parameter(torch.randn(3, cross) * 0.02)

    def forward(self, conditions: Conditions) -> Tensor:
        """Return the contexts. What is not heard or not read is a learned token in its place."""
        batch, frames = conditions.mel.shape[:2]
        heard = self.tell(nn.functional.leaky_relu(self.hear(conditions.mel.flatten(0, 1)[:, None]), 0.2))
        sound = heard.view(batch, frames, self.tokens, -1)
        sound = sound.where(conditions.heard[:, None, None, None], self.silence)
        words = self.text(conditions.text).where(conditions.read[:, :, None], self.wordless)
        clip = torch.cat([self.feel(conditions.emotion)[:, None] + self.kinds[1], words + self.kinds[2]], 1)
        every = clip[:, None].expand(-1, frames, -1, -1)
        return torch.cat([sound + self.kinds[0], every], 2).flatten(0, 1)


def make_unet(config: Config, inputs: int) -> UNet2DConditionModel:
    """Return an image UNet on latents, its scales as SD1.5's.

    SD1.5 does not attend at its coarsest scale. Tiny does there, and not at its finest instead, where half of
    its time would go.
    """
    scales = len(config.channels)
    plain = 0 if config.size == "tiny" else scales - 1
    kinds = ["" if scale == plain else "CrossAttn" for scale in range(scales)]
    return UNet2DConditionModel(
        sample_size=config.latent_size,
        in_channels=inputs,
        out_channels=config.latent_channels,
        down_block_types=tuple(f"{kind}DownBlock2D" for kind in kinds),
        up_block_types=tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
        block_out_channels=config.channels,
        layers_per_block=config.layers,
        norm_num_groups=config.norm,
        cross_attention_dim=config.cross,
        attention_head_dim=config.heads,  # diffusers counts heads by this name
        class_embed_type="identity",
    )


def make_guider(config: Config) -> nn.Sequential:
    """Return the network from drawn guides (N, 3, S, S) to maps (N, 4, s, s)."""
    width = config.guide_channels
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 2, 1), nn.SiLU()]
    for _ in range(int(log2(config.image_size // config.latent_size)) - 1):
        layers += [nn.Conv2d(width, width, 3, 2, 1), nn.SiLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, _GUIDE_MAPS, 3, padding=1))
