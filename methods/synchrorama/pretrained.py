"""Public weights for `size: full` where a user has them: SD-VAE, SD1.5's UNet, AnimateDiff's attention."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from harness.types import BadInput
from harness.weights import Weights
from methods.synchrorama.autoencoder import Autoencoder
from methods.synchrorama.denoiser import Denoiser

VAE, UNET, MOTION = "sd-vae-ft-mse", "sd15-unet", "animatediff-v15-2"
_OLD_ATTENTION = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
_ANIMATEDIFF = {
    "attention_blocks.0": "attn1",
    "attention_blocks.1": "attn2",
    "ff_norm": "norm3",
    ".norms.0": ".norm1",
    ".norms.1": ".norm2",
}


def load_vae(autoencoder: Autoencoder, weights: Weights) -> None:
    """Give the autoencoder SD-VAE's weights. Raises BadInput where they are missing or of another shape."""
    stored = weights.state_dict(VAE)
    _fill(autoencoder.net, {_renamed(name, _OLD_ATTENTION): value for name, value in stored.items()}, VAE)


def load_unet(denoiser: Denoiser, weights: Weights) -> None:
    """Give the denoiser, and its reference network, SD1.5's weights.

    Input channels that SD1.5 does not have start at 0, so that it begins as SD1.5 sees its own latents.
    """
    stored = weights.state_dict(UNET)
    for unet in (denoiser.unet, *([denoiser.bank.unet] if denoiser.bank is not None else [])):
        entry = unet.conv_in.weight
        wider = torch.zeros_like(entry)
        wider[:, : stored["conv_in.weight"].shape[1]] = stored["conv_in.weight"]
        _fill(unet, {**stored, "conv_in.weight": wider}, UNET)


def load_motion(denoiser: Denoiser, weights: Weights) -> None:
    """Give the attention over time AnimateDiff's weights (Guo et al. 2024); positions stay our own.

    It has a layer behind every residual layer, we behind the last of each block: those that stand there are
    taken. Raises BadInput where none fits.
    """
    stored = weights.state_dict(MOTION)
    found = 0
    for scale, mine in _timed_layers(denoiser):
        prefix = f"{scale}.temporal_transformer."
        own = {
            _renamed(n.removeprefix(prefix), _ANIMATEDIFF): value
            for n, value in stored.items()
            if n.startswith(prefix)
        }
        own = {
            n: v for n, v in own.items() if n in mine.state_dict() and mine.state_dict()[n].shape == v.shape
        }
        found += len(own)
        mine.load_state_dict(own, strict=False)
    if not found:
        raise BadInput(f"{MOTION}: no layer of it fits; see `channels` and `heads`, which must be SD1.5's")


def _timed_layers(denoiser: Denoiser) -> list[tuple[str, nn.Module]]:
    unet = denoiser.unet
    blocks = [("down_blocks", unet.down_blocks), ("up_blocks", unet.up_blocks)]
    layers = [("mid_block.motion_modules.0", unet.mid_block.resnets[-1].time)]
    return layers + [
        (f"{name}.{i}.motion_modules.{len(block.resnets) - 1}", block.resnets[-1].time)
        for name, group in blocks
        for i, block in enumerate(group)
    ]


def _renamed(name: str, names: Mapping[str, str]) -> str:
    """Return a parameter's name today."""
    for theirs, ours in names.items():
        name = name.replace(theirs, ours)
    return name


def _fill(net: nn.Module, stored: dict[str, Tensor], name: str) -> None:
    mine: dict[str, Any] = net.state_dict()
    wrong = [key for key, value in mine.items() if key not in stored or stored[key].shape != value.shape]
    if wrong:
        raise BadInput(f"{name}: {wrong[0]} is not there in this shape; take its own `channels` and `layers`")
    net.load_state_dict({key: stored[key] for key in mine})
