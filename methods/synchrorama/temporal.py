"""Attention over time inside an image UNet: one transformer a scale, silent until it has learned something.

diffusers' own motion UNet repeats one context over all frames; here every frame has its own sound, so the
image UNet works on B*F pictures and its blocks' last residual layers are followed by
`TransformerTemporalModel`. Its last layer starts at 0 (AnimateDiff's start): at step 0 each frame is exactly
the image model's.
"""

from typing import cast

from diffusers import TransformerTemporalModel, UNet2DConditionModel
from torch import Tensor, nn

_POSITIONS = 64  # frames that can be told apart


class Clock:
    """How many frames in a row are one clip; 1 for single pictures. Shared by all layers of one UNet."""

    def __init__(self) -> None:
        self.frames = 1


class TimedResnet(nn.Module):
    """A residual layer, then attention over the frames at each place."""

    def __init__(self, resnet: nn.Module, heads: int, norm: int, twice: bool, clock: Clock) -> None:
        super().__init__()
        channels = cast(int, resnet.out_channels)
        self.resnet = resnet
        self.clock = clock
        self.time = TransformerTemporalModel(
            num_attention_heads=heads,
            attention_head_dim=channels // heads,
            in_channels=channels,
            norm_num_groups=norm,
            double_self_attention=twice,
            positional_embeddings="sinusoidal",
            num_positional_embeddings=_POSITIONS,
        )
        nn.init.zeros_(self.time.proj_out.weight)
        nn.init.zeros_(self.time.proj_out.bias)

    def forward(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """Return (B*F, C, h, w)."""
        found = cast(Tensor, self.resnet(hidden, embedding))
        return cast(Tensor, self.time(found, num_frames=self.clock.frames, return_dict=False)[0])


def add_time(unet: UNet2DConditionModel, heads: int, norm: int, twice: bool) -> Clock:
    """Put temporal attention behind the last residual layer of every block, in place; return their clock.

    twice: two self-attentions in each, as AnimateDiff has them.
    """
    clock = Clock()
    for block in (*unet.down_blocks, unet.mid_block, *unet.up_blocks):
        block.resnets[-1] = TimedResnet(block.resnets[-1], heads, norm, twice, clock)
    return clock
