"""The one pass that FID and KID share: frames of a pair to rows of features, by the chosen backbone.

A clip is passed through the network whole, and the rows of the pair's common length are taken from it, so
that what is kept of a reference serves every method that is compared with it.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from harness.contracts import Backbone
from harness.types import Clip, Frames, Pair
from harness.weights import Weights
from metrics.features import efficientnet, inception
from metrics.features.kept import instrument, kept

Features = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FrameProtocol:
    """Which network sees which frames: every `stride`-th, from the first, `batch` at a time."""

    network: str
    recipe: str
    file: str
    dimensions: int
    stride: int
    batch: int

    @property
    def frames(self) -> str:
        """Say which frames count, as a card does."""
        return "all frames" if self.stride == 1 else f"every {self.stride}th frame"


PROTOCOLS: dict[Backbone, FrameProtocol] = {
    "reference": FrameProtocol(
        network="inception-2015-12-05",
        recipe="pytorch-fid",
        file="inception-2015-12-05",
        dimensions=inception.DIMENSIONS,
        stride=1,
        batch=4,
    ),
    "embedded": FrameProtocol(
        network="efficientnet-lite0",
        recipe=f"pooled features at {efficientnet.INPUT_SIDE} px",
        file="efficientnet-lite0",
        dimensions=efficientnet.DIMENSIONS,
        stride=5,
        batch=16,
    ),
}


@lru_cache(maxsize=1)
def network(backbone: Backbone, weights: Weights) -> nn.Module:
    """Return the loaded network, one for all metrics of a worker."""
    return inception.load(weights) if backbone == "reference" else efficientnet.load(weights)


def pair_features(pair: Pair, backbone: Backbone, weights: Weights) -> dict[str, Features]:
    """Return {"generated": (n, D), "reference": (n, D)} float32, rows in the order of frames."""
    protocol = PROTOCOLS[backbone]
    name = instrument(f"{protocol.network} {protocol.recipe}", weights, protocol.file)
    rows = len(range(0, pair.length, protocol.stride))

    def one_side(side: Literal["generated", "reference"], clip: Clip) -> Features:
        frames = clip.frames[:: protocol.stride]
        found = kept(
            pair,
            side,
            name,
            frames,
            lambda: frames_to_features(network(backbone, weights), frames, protocol.batch),
        )
        return found[:rows]

    return {
        "generated": one_side("generated", pair.generated),
        "reference": one_side("reference", pair.reference),
    }


@torch.no_grad()
def frames_to_features(net: nn.Module, frames: Frames, batch: int) -> Features:
    """Return (n, D) float32 features of frames (n, H, W, 3) uint8 RGB."""
    rows = [
        net(torch.from_numpy(np.ascontiguousarray(frames[i : i + batch])).permute(0, 3, 1, 2).float()).numpy()
        for i in range(0, len(frames), batch)
    ]
    return np.concatenate(rows)
