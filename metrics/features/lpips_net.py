"""The networks of LPIPS (Zhang et al., CVPR 2018) and of ST-LPIPS (Ghildyal and Liu, ECCV 2022).

A trunk's activations at five depths (seven of SqueezeNet), each scaled to unit length over channels; squared
differences, weighted by a non-negative 1x1 head per depth, averaged over space and summed. Frames are taken
at their own size: no resize. The trunks themselves are in `lpips_trunks`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.contracts import Backbone
from harness.types import BadInput, Frames
from harness.weights import Weights
from metrics.features import lpips_trunks as trunks

# ImageNet's mean and standard deviation, for inputs in [-1, 1], as LPIPS v0.1 rounds them.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
EPSILON = 1e-10

Trunk = Literal["alex", "vgg", "squeeze"]


@dataclass(frozen=True, slots=True)
class Backbones:
    """The files and names of LPIPS on one trunk, of the reference and of its embedded relative, if any.

    batch: pairs of frames at a time, as many as the processor's caches hold at 256 px.
    """

    file: str
    title: str
    heads: str
    embedded: str | None
    batch: int


BACKBONES: dict[Trunk, Backbones] = {
    "alex": Backbones("alexnet", "alexnet-owt-7be5be79", "lpips-alex-heads", "st-lpips-alex", 8),
    "vgg": Backbones("vgg16", "vgg16-397923af", "lpips-vgg-heads", "st-lpips-vgg", 1),
    "squeeze": Backbones("squeezenet", "squeezenet1_1-b8a52dc0", "lpips-squeeze-heads", None, 2),
}


class LPIPSNet(nn.Module):
    """A trunk in slices, one per depth, and a head (1, C, 1, 1) for each slice's C output channels."""

    def __init__(self, slices: Sequence[nn.Module], heads: Sequence[Tensor]) -> None:
        super().__init__()
        self.slices = nn.ModuleList(slices)
        self.heads = [head.flatten() for head in heads]
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))
        self.eval()

    @torch.no_grad()
    def forward(self, generated: Tensor, reference: Tensor) -> Tensor:
        """Return (B,) distances of two batches (B, 3, H, W) of RGB in [-1, 1]."""
        x = (torch.cat([generated, reference]) - self.get_buffer("shift")) / self.get_buffer("scale")
        x = x.contiguous(memory_format=torch.channels_last)
        distances = torch.zeros(len(generated))
        for part, head in zip(self.slices, self.heads, strict=True):
            x = part(x)
            distances += _depth_distance(x, head)
        return distances


def _depth_distance(activations: Tensor, head: Tensor) -> Tensor:
    """Return (B,) weighted squared differences of activations (2 B, C, H, W), generated before reference."""
    pixels = activations.permute(0, 2, 3, 1).flatten(1, 2)  # (2 B, H W, C), a view
    a, b = (pixels / (torch.linalg.vector_norm(pixels, dim=2, keepdim=True) + EPSILON)).chunk(2)
    difference = a.sub_(b)
    distance: Tensor = difference.mul_(difference).mean(1) @ head
    return distance


def frame_lpips(net: LPIPSNet, generated: Frames, reference: Frames, batch: int) -> NDArray[np.float64]:
    """Return (T,) distances of two (T, H, W, 3) uint8 clips' frames, `batch` at a time."""
    distances = [
        net(_to_tensor(generated[i : i + batch]), _to_tensor(reference[i : i + batch])).numpy()
        for i in range(0, len(generated), batch)
    ]
    return np.concatenate(distances).astype(np.float64)


def _to_tensor(frames: Frames) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1


def load(trunk: Trunk, backbone: Backbone, weights: Weights) -> LPIPSNet:
    """Return LPIPS v0.1 on that trunk (reference) or ST-LPIPS on its shift-tolerant relative (embedded).

    BadInput names a file that is missing, not the published one, or of another layout, and a trunk that has
    no embedded relative.
    """
    trunk_file, heads_file = files(trunk, backbone)
    slices = trunks.PUBLISHED if backbone == "reference" else trunks.SHIFT_TOLERANT
    try:
        made = slices[trunk](weights.state_dict(trunk_file))
    except KeyError as error:
        path = weights.path(trunk_file)
        raise BadInput(f"{path}: not in the layout of {trunk_file}: no {error}") from error
    heads = weights.state_dict(heads_file)
    return LPIPSNet(made, [heads[f"lin{depth}.model.1.weight"] for depth in range(len(made))])


def files(trunk: Trunk, backbone: Backbone) -> tuple[str, str]:
    """Return the table's names of the files that hold trunk and heads; BadInput if there are none."""
    names = BACKBONES[trunk]
    if backbone == "reference":
        return names.file, names.heads
    if names.embedded is None:
        raise BadInput(
            f"LPIPS({trunk}) has no embedded backbone: use lpips or lpips_vgg, or the reference backbones"
        )
    return names.embedded, names.embedded
