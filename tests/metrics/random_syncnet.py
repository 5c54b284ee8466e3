"""Random weights in SyncNet's published layout, for parity: they prove the wiring, never a score."""

from typing import Any

import cv2
import numpy as np
import torch

from harness.types import Audio, Clip
from metrics.features.sync import mfcc_windows
from metrics.features.syncnet import SyncNet


def state_dict(clip: Clip, seed: int = 0) -> dict[str, torch.Tensor]:
    """He-initialised layers; each normalisation has the statistics of a batch of windows of `clip`."""
    generator = torch.Generator().manual_seed(seed)
    net = SyncNet()
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Conv3d | torch.nn.Linear):
            deviation = (2 / module.weight[0].numel()) ** 0.5
            module.weight.data = deviation * torch.randn(module.weight.shape, generator=generator)
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.momentum = 1.0
            module.weight.data = 1 + 0.2 * torch.randn(module.weight.shape, generator=generator)
            module.bias.data = 0.1 * torch.randn(module.bias.shape, generator=generator)
    assert clip.audio is not None
    starts = range(0, len(clip.frames) - 6, 3)
    pictures = np.stack([cv2.resize(frame, (224, 224))[..., ::-1] for frame in clip.frames])
    batch = np.stack([pictures[i : i + 5] for i in starts]).transpose(0, 4, 1, 2, 3)
    sound = mfcc_windows(clip.audio, len(clip.frames) - 6)[list(starts)]
    with torch.no_grad():
        net.netfclip(net.netcnnlip(torch.from_numpy(batch).float()).flatten(1))
        net.audio(torch.from_numpy(sound)[:, None])
    return net.eval().state_dict()


def film(frames: int, side: int = 224, seed: int = 2) -> Clip:
    """Return moving blobs, which JPEG and resizing keep, with bursts of noise for sound."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (frames, 14, 14, 3)).astype(np.uint8)
    pictures: Any = [cv2.resize(frame, (side, side), interpolation=cv2.INTER_CUBIC) for frame in small]
    loudness = np.repeat(generator.uniform(0.01, 0.2, frames), 640)
    sound: Audio = (generator.standard_normal(frames * 640) * loudness).astype(np.float32)
    return Clip(np.stack(pictures), sound)
