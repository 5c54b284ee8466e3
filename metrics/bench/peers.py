"""The public implementations that ours are compared with, fed the same files; see the extra `bench`.

Each function imports its package when called: none is needed to score clips.
"""

from pathlib import Path

import torch
from torch import nn

from harness.weights_table import known
from metrics.features.lpips_net import BACKBONES, Trunk

TRUNK_CLASS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}


def lpips_peer(trunk: Trunk, weights: Path) -> nn.Module:
    """Return lpips.LPIPS on the trunk in the folder `weights`, with the package's own heads."""
    import lpips

    peer: nn.Module = lpips.LPIPS(net=trunk, pnet_rand=True, verbose=False)
    state = torch.load(weights / known(BACKBONES[trunk].file).file, weights_only=True)
    for part in peer.get_submodule("net").children():
        for index, layer in part.named_children():
            prefix = f"features.{index}."
            own = {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
            layer.load_state_dict(own)
    return peer
