"""The embedded detector: finds drawn faces, and only those, anywhere in a picture, and their 68 landmarks.

Two small networks, trained by `python -m harness.faces.train_embedded` on the embedded corpus alone. `Finder`
sees the whole picture as a 96 px thumbnail and says at each of 24x24 places whether a face is centred there,
where exactly and how large (objects as points: Zhou et al., Objects as Points, 2019). `Pointer` sees the face
at 64 px and puts each landmark at the centre of mass of a map (Sun et al., Integral Human Pose Regression,
ECCV 2018); it looks twice, the second time through the crop that its own landmarks ask for. What it finds in
footage of people means nothing. On drawn speakers that it was not trained on, pasted into pictures of 180 to
720 px, none is missed, a frame's crop is off by 1.4 % of its side (median; 3.6 % at most in 95 of 100), and
one in 60 pictures without a face, most of them noise, is said to have one.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from harness.faces.cropping import Box, crop, face_boxes
from harness.faces.detectors import FILES, Detector, Landmarks
from harness.faces.policies import Policy
from harness.weights import Weights

THUMBNAIL = 96
CELL = 4
FACE_SIDE = 64
_POINTS = 68
_LOOKS = 2
# The pointer sees this part of a crop, left, top and side, from the brows to a chin that has dropped.
_WINDOW = (0.11, 0.22, 0.78)
# A side of half the thumbnail is 0 in the finder's logarithmic scale.
_MIDDLE_SIDE = THUMBNAIL / 2
_IS_FACE = 0.5


def _block(inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = kernel // 2 * dilation
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Finder(nn.Module):
    """(B, 3, 96, 96) RGB in -1..1 -> (B, 4, 24, 24): face's logit, right, down in cells, log of its side."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _block(3, 16, 5, 2),
            _block(16, 40, 3, 2),
            *(_block(40, 40, 3, dilation=step) for step in (1, 2, 4, 8, 1)),
            nn.Conv2d(40, 4, 1),
        )

    def forward(self, thumbnails: Tensor) -> Tensor:
        """Return the maps."""
        maps: Tensor = self.layers(thumbnails)
        return maps


class Pointer(nn.Module):
    """(B, 3, 64, 64) RGB in -1..1 -> (B, 68, 2): landmarks in half sides from the middle, right and down."""

    places: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            _block(3, 24, 5, 2),
            _block(24, 48, 3, 2),
            _block(48, 48, 3, dilation=2),
            _block(48, 48, 3, dilation=4),
            nn.Conv2d(48, _POINTS, 1),
        )
        cells = FACE_SIDE // CELL
        centres = (torch.arange(cells) * 2 + 1) / cells - 1
        rows, columns = torch.meshgrid(centres, centres, indexing="ij")
        # A centre of mass lies within the map: points of a face that is cut off lie beyond it.
        self.register_buffer("places", 1.3 * torch.stack([columns.flatten(), rows.flatten()], 1))

    def forward(self, faces: Tensor) -> Tensor:
        """Return the landmarks."""
        shares: Tensor = self.maps(faces).flatten(2).softmax(dim=2)
        return shares @ self.places


class EmbeddedDetector:
    """Both networks as one detector; see `detectors.Detector`."""

    def __init__(self, finder: Finder, pointer: Pointer, chosen: Policy) -> None:
        self.finder, self.pointer, self.chosen = finder.eval(), pointer.eval(), chosen

    @torch.inference_mode()
    def __call__(self, image: NDArray[np.uint8]) -> list[Landmarks]:
        """Return the (68, 2) landmarks of every drawn face in an (H, W, 3) picture, the surest first."""
        return [self._landmarks(image, box) for box in self._boxes(image)]

    def _boxes(self, image: NDArray[np.uint8]) -> list[Box]:
        small, scale = thumbnail(image)
        maps = self.finder(as_input(small[None]))[0]
        sure = maps[0].sigmoid()
        peaks = functional.max_pool2d(sure[None], 5, 1, 2)[0] == sure
        cells = torch.nonzero(peaks & (sure > _IS_FACE))
        best = sure[cells[:, 0], cells[:, 1]].argsort(descending=True)[: self.chosen.most_faces]
        boxes = []
        for row, column in cells[best].tolist():
            right, down, size = maps[1:, row, column].tolist()
            side = _MIDDLE_SIDE * math.exp(size)
            middle = (np.array([column + right, row + down]) + 0.5) * CELL
            boxes.append(np.array([*((middle - side / 2) / scale - 0.5), side / scale]))
        return boxes

    def _landmarks(self, image: NDArray[np.uint8], box: Box) -> Landmarks:
        for _ in range(_LOOKS):
            left, top, side = window_of(box)
            face = crop(image, np.array([left, top, side]), FACE_SIDE)
            points: NDArray[np.float64] = self.pointer(as_input(face[None]))[0].double().numpy()
            landmarks: Landmarks = ((left, top) + (points + 1) * side / 2 - 0.5).astype(np.float32)
            box = face_boxes(landmarks[None], self.chosen)[0]
        return landmarks


def window_of(box: Box) -> Box:
    """Return the part of a crop's box that `Pointer` sees."""
    left, top, side = _WINDOW
    return np.array([box[0] + left * box[2], box[1] + top * box[2], side * box[2]])


def thumbnail(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Return a picture shrunk into the upper left of a grey (96, 96, 3), and the ratio of its sides."""
    scale = THUMBNAIL / max(image.shape[:2])
    height, width = (max(1, round(length * scale)) for length in image.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    out = np.full((THUMBNAIL, THUMBNAIL, 3), 128, np.uint8)
    out[:height, :width] = cv2.resize(image, (width, height), interpolation=method)
    return out, scale


def as_input(images: NDArray[np.uint8]) -> Tensor:
    """Return (B, 3, H, W) float32 in -1..1 of (B, H, W, 3) uint8."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def finder_target(boxes: list[Box]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what `Finder` should say of a thumbnail with these boxes, in its pixels.

    Two arrays: (4, 24, 24) maps, the first being 1 at a face's middle and falling off about it, and (24, 24)
    weights, 1 where the other three count.
    """
    cells = THUMBNAIL // CELL
    rows, columns = np.mgrid[0:cells, 0:cells].astype(np.float32)
    maps, weights = np.zeros((4, cells, cells), np.float32), np.zeros((cells, cells), np.float32)
    for left, top, side in boxes:
        x, y = (left + side / 2) / CELL - 0.5, (top + side / 2) / CELL - 0.5
        spread = max(0.7, 0.08 * side / CELL)
        distance = ((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2)
        near = np.exp(-distance)
        near /= max(float(near.max()), 1e-6)
        own = near > maps[0]
        maps[0] = np.maximum(maps[0], near)
        maps[1:, own] = np.stack(
            [(x - columns)[own], (y - rows)[own], np.full(own.sum(), math.log(side / _MIDDLE_SIDE))]
        )
        weights[own & (near > 0.3)] = 1
    return maps, weights


@contextmanager
def embedded_detector(chosen: Policy, weights: Weights) -> Iterator[Detector]:
    """Open the embedded detector; BadInput when its file is not the one that the table names."""
    stored = weights.state_dict(FILES["embedded"])
    finder, pointer = Finder(), Pointer()
    for name, net in (("finder.", finder), ("pointer.", pointer)):
        net.load_state_dict({k.removeprefix(name): v for k, v in stored.items() if k.startswith(name)})
    yield EmbeddedDetector(finder, pointer, chosen)
