"""Random weights under the published names and in the peers' own layouts: they prove wiring, not scores.

Layers and names are torchvision's and pytorch-fid's; weights are He-initialised; what only a classifier needs
is left out or zero. Used where the real files cannot be had, by the performance table and by the tests of
parity. Scores made with them are marked `unverified`.
"""

from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from harness.weights_table import known
from metrics.features.inception import FIDInception
from metrics.features.syncnet import SyncNet

TRUNKS: dict[str, Callable[[], nn.Module]] = {
    "alexnet": torchvision.models.alexnet,
    "vgg16": torchvision.models.vgg16,
    "squeezenet": torchvision.models.squeezenet1_1,
}
CALIBRATION_FRAMES, FEATURE_MEAN = 4, 0.01


def write(folder: Path, seed: int = 0) -> None:
    """Write what LPIPS, FID, KID and LSE read with reference backbones into the existing `folder`."""
    random = torch.Generator().manual_seed(seed)
    for name, build in TRUNKS.items():
        with torch.device("meta"):  # names and shapes alone: the classifiers take seconds to fill
            trunk = build().get_submodule("features")
        state = {f"features.{key}": _random(value.shape, random) for key, value in trunk.state_dict().items()}
        torch.save(state, folder / known(name).file)
    torch.save(_inception(random), folder / known("inception-2015-12-05").file)
    torch.save(_syncnet(random), folder / known("syncnet-v2").file)


def _random(shape: torch.Size, random: torch.Generator) -> Tensor:
    """Return a He-initialised weight (out, in, h, w), or a small bias (out,)."""
    spread = (2 / shape[1:].numel()) ** 0.5 if len(shape) > 1 else 0.05
    return spread * torch.randn(shape, generator=random)


@torch.no_grad()
def _inception(random: torch.Generator) -> dict[str, Tensor]:
    """With the batch statistics of smooth, noisy pictures, and features as large as the published network's.

    The size matters to the peer: it refuses a matrix root whose imaginary part, which grows with it, is 1e-3.
    """
    net = FIDInception()
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.copy_(_random(layer.weight.shape, random))
        elif isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    coarse = 255 * torch.rand(CALIBRATION_FRAMES, 3, 6, 6, generator=random)
    pictures = nn.functional.interpolate(coarse, (256, 256), mode="bilinear")
    pictures = (pictures + 12 * torch.randn(pictures.shape, generator=random)).clamp(0, 255)
    net.train()(pictures)
    shrink = FEATURE_MEAN / net.eval()(pictures).mean()
    for name in ("1x1", "3x3_2a", "3x3_2b", "3x3dbl_3a", "3x3dbl_3b", "_pool"):
        norm = net.get_submodule(f"Mixed_7c.branch{name}.bn")
        norm.get_parameter("weight").mul_(shrink)
        norm.get_parameter("bias").mul_(shrink)
    return {**net.state_dict(), "fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}


@torch.no_grad()
def _syncnet(random: torch.Generator) -> dict[str, Tensor]:
    """With normalisation that keeps activations near 1 though frames come in 0..255 and MFCCs in tens."""
    net = SyncNet()
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear):
            layer.weight.copy_(_random(layer.weight.shape, random))
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            layer.get_buffer("running_mean").copy_(0.3 * torch.randn(layer.num_features, generator=random))
            layer.get_buffer("running_var").copy_(1 + torch.rand(layer.num_features, generator=random))
    net.get_submodule("netcnnlip.1").get_buffer("running_var").mul_(150.0**2)
    net.get_submodule("netcnnaud.1").get_buffer("running_var").mul_(50.0)
    return net.state_dict()
