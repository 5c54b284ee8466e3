"""The networks of LPIPS (Zhang et al., CVPR 2018) and of ST-LPIPS (Ghildyal and Liu, ECCV 2022).

A trunk's activations at five depths, each scaled to unit length over channels; squared differences,
weighted by a non-negative 1x1 head per depth, averaged over space and summed. Frames are taken at their own
size: no resize.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from harness.contracts import Backbone
from harness.types import Frames
from harness.weights import Weights

# ImageNet's mean and standard deviation, for inputs in [-1, 1], as LPIPS v0.1 rounds them.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
BATCH = 16


class LPIPSNet(nn.Module):
    """A trunk in slices, one per depth, and a head (1, C, 1, 1) for each slice's C output channels."""

    def __init__(self, slices: Sequence[nn.Module], heads: Sequence[Tensor]) -> None:
        super().__init__()
        self.slices = nn.ModuleList(slices)
        self.heads = [head.contiguous() for head in heads]
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
            unit = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
            a, b = unit.chunk(2)
            distances += F.conv2d((a - b).square(), head).mean((1, 2, 3))
        return distances


def frame_lpips(
    net: LPIPSNet, generated: Frames, reference: Frames, batch: int = BATCH
) -> NDArray[np.float64]:
    """Return (T,) distances of two (T, H, W, 3) uint8 clips' frames, `batch` at a time."""
    distances = [
        net(_to_tensor(generated[i : i + batch]), _to_tensor(reference[i : i + batch])).numpy()
        for i in range(0, len(generated), batch)
    ]
    return np.concatenate(distances).astype(np.float64)


def _to_tensor(frames: Frames) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1


def load(backbone: Backbone, weights: Weights) -> LPIPSNet:
    """Return LPIPS v0.1 on AlexNet (reference) or ST-LPIPS on its AlexNet (embedded).

    BadInput names a file that is missing, not the published one, or of another layout.
    """
    if backbone == "reference":
        trunk, heads = weights.state_dict("alexnet"), weights.state_dict("lpips-alex-heads")
        return LPIPSNet(alexnet_slices(trunk), _heads(heads))
    stored = weights.state_dict("st-lpips-alex")
    return LPIPSNet(shift_tolerant_slices(stored), _heads(stored))


def _heads(state: Mapping[str, Tensor]) -> list[Tensor]:
    return [state[f"lin{depth}.model.1.weight"] for depth in range(5)]


def alexnet_slices(state: Mapping[str, Tensor]) -> list[nn.Module]:
    """Return torchvision's AlexNet, cut after its five ReLUs; `state` has torchvision's names."""

    def convolution(index: int, **options: int) -> nn.Conv2d:
        return _convolution(state, f"features.{index}", **options)

    return [
        nn.Sequential(convolution(0, stride=4, padding=2), nn.ReLU(inplace=True)),
        nn.Sequential(nn.MaxPool2d(3, 2), convolution(3, padding=2), nn.ReLU(inplace=True)),
        nn.Sequential(nn.MaxPool2d(3, 2), convolution(6, padding=1), nn.ReLU(inplace=True)),
        nn.Sequential(convolution(8, padding=1), nn.ReLU(inplace=True)),
        nn.Sequential(convolution(10, padding=1), nn.ReLU(inplace=True)),
    ]


def shift_tolerant_slices(state: Mapping[str, Tensor]) -> list[nn.Module]:
    """Return ST-LPIPS's AlexNet: every subsampling is preceded by a blur; `state` has its package's names."""

    def convolution(name: str, **options: int) -> nn.Conv2d:
        return _convolution(state, f"net.{name}", **options)

    def blur(name: str) -> BlurPool:
        return BlurPool(state[f"net.{name}.filt"])

    return [
        nn.Sequential(convolution("slice1.0", padding=2), blur("slice1.1"), nn.ReLU(inplace=True)),
        nn.Sequential(
            nn.MaxPool2d(3, 1), blur("slice2.4"), convolution("slice2.5", padding=2), nn.ReLU(inplace=True)
        ),
        nn.Sequential(
            nn.MaxPool2d(3, 1), blur("slice3.8"), convolution("slice3.9", padding=1), nn.ReLU(inplace=True)
        ),
        nn.Sequential(convolution("slice4.11", padding=1), nn.ReLU(inplace=True)),
        nn.Sequential(convolution("slice5.13", padding=1), nn.ReLU(inplace=True)),
    ]


class BlurPool(nn.Module):
    """Blur by a fixed 3x3 kernel (C, 1, 3, 3), two pixels reflected at the border; keep every other pixel."""

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.register_buffer("kernel", kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C, H / 2 + 1, W / 2 + 1), rounded down."""
        kernel = self.get_buffer("kernel")
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=len(kernel))


def _convolution(state: Mapping[str, Tensor], name: str, **options: int) -> nn.Conv2d:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], **options)  # type: ignore[arg-type]
    layer.weight, layer.bias = nn.Parameter(weight, False), nn.Parameter(bias, False)
    return layer
