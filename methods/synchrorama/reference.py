"""The reference network: a second UNet looks at the still, and the denoiser's frames look at what it sees.

AnimateAnyone's (Hu 2024) and Hallo's way: at every self-attention of the denoiser, keys and values of the
reference network's same layer stand beside its own. Used at full size; tiny stacks latents instead.
"""

from typing import cast

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor, nn


class ReferenceBank(nn.Module):
    """The second UNet and what its self-attentions have just seen, in their order."""

    def __init__(self, unet: UNet2DConditionModel, cross: int) -> None:
        super().__init__()
        # What only leads to the UNet's own answer is not used, and so is not there.
        unet.conv_norm_out, unet.conv_out = nn.Identity(), nn.Identity()
        self.unet = unet
        self.context = nn.Parameter(torch.randn(2, cross) * 0.02)  # in place of words
        self.seen: list[Tensor] = []
        self.frames = 1
        for layer in self_attentions(unet):
            layer.set_processor(_Write(self))

    def look(self, reference: Tensor, frames: int) -> None:
        """Keep what is seen of latents (B, 4, s, s), for `frames` frames of each."""
        self.seen, self.frames = [], frames
        batch = len(reference)
        level = torch.zeros(batch, dtype=torch.long, device=reference.device)
        mood = reference.new_zeros(batch, self.unet.time_embedding.linear_2.out_features)
        self.unet(reference, level, self.context.expand(batch, -1, -1), class_labels=mood)


class _Write(AttnProcessor2_0):  # type: ignore[misc]
    def __init__(self, bank: ReferenceBank) -> None:
        super().__init__()
        self.bank = [bank]  # in a list, or the network would contain itself

    def __call__(self, attn: Attention, hidden_states: Tensor, *given: object, **named: object) -> Tensor:
        self.bank[0].seen.append(hidden_states)
        return cast(Tensor, super().__call__(attn, hidden_states, *given, **named))


class _Read(AttnProcessor2_0):  # type: ignore[misc]
    def __init__(self, bank: ReferenceBank, place: int) -> None:
        super().__init__()
        self.bank, self.place = [bank], place

    def __call__(self, attn: Attention, hidden_states: Tensor, *_: object, **named: object) -> Tensor:
        bank = self.bank[0]
        still = bank.seen[self.place].repeat_interleave(bank.frames, 0)
        both = torch.cat([hidden_states, still], 1)
        return cast(Tensor, super().__call__(attn, hidden_states, both))


def read_bank(unet: UNet2DConditionModel, bank: ReferenceBank) -> None:
    """Make every self-attention over space in `unet` look at the bank too."""
    for place, layer in enumerate(self_attentions(unet)):
        layer.set_processor(_Read(bank, place))


def self_attentions(unet: UNet2DConditionModel) -> list[Attention]:
    """Return the self-attentions over space, in the order in which they are run."""
    blocks = (*unet.down_blocks, unet.mid_block, *unet.up_blocks)
    layers = [layer for block in blocks for layer in getattr(block, "attentions", [])]
    return [inner.attn1 for layer in layers for inner in layer.transformer_blocks]
