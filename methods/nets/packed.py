"""Convolutions of a network that learns no more, made ready for one core: the layer's numbers to rounding.

oneDNN wants weights in a layout of its own and, given a layer's, lays them out again in every call; for one
picture of a wide network that takes longer than the convolution. Here it happens once. And torch left to
itself gives one picture to another algorithm than several: here all go to oneDNN, whose sums do not depend
on the batch, so a picture's numbers are the same alone as among others, bit for bit on one thread.
Not done here: anything that learns, GPUs and machines without oneDNN, which have the layer itself.
"""

from typing import Any, cast

import torch
from torch import Size, Tensor, nn
from torch.backends import mkldnn


class Packed:
    """Answers as `layer` does. Its weights must not change any more; it holds a second copy of them."""

    def __init__(self, layer: nn.Conv2d) -> None:
        self.layer = layer
        self._weights: dict[Size, Tensor] = {}
        self._layouts: dict[bytes, Tensor] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """Return `layer(x)`, each picture of it as if it were alone."""
        layer = self.layer
        if x.device.type != "cpu" or not _onednn():
            return cast(Tensor, layer(x))
        if x.shape not in self._weights:
            self._weights[x.shape] = self._laid_out(x.shape)
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x,
            self._weights[x.shape],
            layer.bias,
            layer.padding,
            layer.stride,
            layer.dilation,
            layer.groups,
            "none",
            [],
            "",
        )
        return made

    def _laid_out(self, shape: Size) -> Tensor:
        """Return the weights as oneDNN wants them for pictures of this shape: one copy for each layout."""
        layer = self.layer
        weights = torch.ops.mkldnn._reorder_convolution_weight(
            layer.weight.detach(),
            layer.padding,
            layer.stride,
            layer.dilation,
            layer.groups,
            shape,
        )
        layout = torch.ops.mkldnn._get_mkldnn_serialized_md(weights)
        return self._layouts.setdefault(bytes(layout.numpy()), weights)


def _onednn() -> bool:
    backend = cast(Any, mkldnn)
    return bool(backend.is_available() and backend.enabled)
