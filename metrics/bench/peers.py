"""The public implementations that ours are compared with, fed the same files; the extra `bench` has them.

Each function imports its package when called: none is needed to score clips.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.types import Frames
from harness.weights_table import known
from metrics.features.lpips_net import BACKBONES, Trunk

Numbers = NDArray[np.float64]


def lpips_peer(trunk: Trunk, weights: Path) -> Callable[[Frames, Frames, int], Numbers]:
    """Return lpips.LPIPS on the trunk in the folder `weights`, with the package's own heads."""
    import lpips

    peer = lpips.LPIPS(net=trunk, pnet_rand=True, verbose=False)
    state = torch.load(weights / known(BACKBONES[trunk].file).file, weights_only=True)
    for part in peer.net.children():
        for index, layer in part.named_children():
            prefix = f"features.{index}."
            own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            layer.load_state_dict(own)

    @torch.no_grad()
    def distances(generated: Frames, reference: Frames, batch: int) -> Numbers:
        found = [
            peer(_signed(generated[i : i + batch]), _signed(reference[i : i + batch])).flatten()
            for i in range(0, len(generated), batch)
        ]
        return torch.cat(found).double().numpy()

    return distances


def inception_peer(weights: Path) -> Callable[[Frames, int], Numbers]:
    """Return pytorch-fid's features with the file in the folder `weights`, `batch` frames at a time."""
    from pytorch_fid import inception

    state = torch.load(weights / known("inception-2015-12-05").file, weights_only=True)
    fetch, inception.load_state_dict_from_url = inception.load_state_dict_from_url, lambda *_, **__: state
    try:
        peer = inception.InceptionV3().eval()
    finally:
        inception.load_state_dict_from_url = fetch

    @torch.no_grad()
    def features(frames: Frames, batch: int) -> Numbers:
        rows = [peer(_unit(frames[i : i + batch]))[0][:, :, 0, 0] for i in range(0, len(frames), batch)]
        return torch.cat(rows).double().numpy()

    return features


def _unit(frames: Frames) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 255


def _signed(frames: Frames) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1
