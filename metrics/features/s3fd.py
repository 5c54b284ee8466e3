"""The face detector of SyncNet's pipeline: S3FD (Zhang et al., Single Shot Scale-invariant Face Detector,
ICCV 2017).

The layers bear the names of the published `sfd_face.pth`, so its state dict loads as it is. As that pipeline
runs it: at a quarter of the picture's size, faces above 0.9. Found faces overlap by 0.1 at most.
"""

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import nms

from harness.types import BadInput

SCALE = 0.25
CONFIDENCE = 0.9
_MEAN_RGB = np.array([123, 117, 104], np.float32)
_CELLS = (4, 8, 16, 32, 64, 128)  # px between the anchors of each map; an anchor's side is four times that
_CENTRE_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2

Boxes = NDArray[np.float64]


class L2Norm(nn.Module):
    """Each position's vector scaled to length 1, then by a learnt weight a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """Return (B, C, H, W) for the same."""
        scaled: Tensor = maps / (maps.norm(dim=1, keepdim=True) + 1e-10) * self.weight[:, None, None]
        return scaled


class S3FD(nn.Module):
    """Six maps of anchors over VGG-16, in the published state dict's layout."""

    def __init__(self) -> None:
        super().__init__()
        self.vgg = nn.ModuleList(_vgg())
        self.L2Norm3_3, self.L2Norm4_3, self.L2Norm5_3 = L2Norm(256), L2Norm(512), L2Norm(512)
        self.extras = nn.ModuleList(
            [
                nn.Conv2d(1024, 256, 1),
                nn.Conv2d(256, 512, 3, stride=2, padding=1),
                nn.Conv2d(512, 128, 1),
                nn.Conv2d(128, 256, 3, stride=2, padding=1),
            ]
        )
        channels = (256, 512, 512, 1024, 512, 256)
        # Of the first map's four classes three are background, of which the strongest counts.
        classes = (4, 2, 2, 2, 2, 2)
        self.loc = nn.ModuleList([nn.Conv2d(c, 4, 3, padding=1) for c in channels])
        self.conf = nn.ModuleList(
            [nn.Conv2d(c, k, 3, padding=1) for c, k in zip(channels, classes, strict=True)]
        )

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes (n, 4) in px and face scores (n,) in 0..1 for (1, 3, H, W), RGB less its mean."""
        boxes, scores = [], []
        for index, maps in enumerate(self._maps(pictures)):
            shifts = self.loc[index](maps)[0].permute(1, 2, 0)
            logits = self.conf[index](maps)[0].permute(1, 2, 0)
            background = logits[..., :-1].amax(dim=-1)
            boxes.append(_placed(shifts, _CELLS[index]).reshape(-1, 4))
            scores.append(torch.sigmoid(logits[..., -1] - background).flatten())
        return torch.cat(boxes), torch.cat(scores)

    def _maps(self, maps: Tensor) -> list[Tensor]:
        found = []
        taps = {15: self.L2Norm3_3, 22: self.L2Norm4_3, 29: self.L2Norm5_3}
        for index, layer in enumerate(self.vgg):
            maps = layer(maps)
            if index in taps:
                found.append(taps[index](maps))
        found.append(maps)
        for index, layer in enumerate(self.extras):
            maps = functional.relu(layer(maps))
            if index % 2:
                found.append(maps)
        return found


class FaceDetector:
    """S3FD on whole pictures."""

    def __init__(self, state_dict: Mapping[str, Tensor]) -> None:
        """Load the published weights; BadInput when a layer is missing or does not fit."""
        self.net = S3FD().eval()
        try:
            self.net.load_state_dict(state_dict)
        except RuntimeError as error:
            raise BadInput(f"s3fd: the file's layers are not S3FD's ({error}); fetch it again") from error

    @torch.inference_mode()
    def faces(self, picture: NDArray[np.uint8]) -> Boxes:
        """Return (n, 4) boxes, left, top, right, bottom in px, the surest first, of (H, W, 3) RGB."""
        small = (
            cv2.resize(np.ascontiguousarray(picture), (0, 0), fx=SCALE, fy=SCALE).astype(np.float32)
            - _MEAN_RGB
        )
        boxes, scores = self.net(torch.from_numpy(small).permute(2, 0, 1)[None])
        sure = scores > CONFIDENCE
        boxes, scores = boxes[sure], scores[sure]
        # Twice, as there: what the first removes cannot come back when the second removes its neighbour.
        for overlap in (0.3, 0.1):
            kept = nms(boxes, scores, overlap)
            boxes, scores = boxes[kept], scores[kept]
        down, right = picture.shape[0] / small.shape[0], picture.shape[1] / small.shape[1]
        found: Boxes = boxes.double().numpy() * (right, down, right, down)
        return found


def _vgg() -> list[nn.Module]:
    layers: list[nn.Module] = []
    inputs = 3
    for block, (outputs, convolutions) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        for _ in range(convolutions):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2, ceil_mode=block == 2))
    layers += [nn.Conv2d(512, 1024, 3, padding=6, dilation=6), nn.ReLU(), nn.Conv2d(1024, 1024, 1), nn.ReLU()]
    return layers


def _placed(shifts: Tensor, cell: int) -> Tensor:
    """(H, W, 4) learnt shifts of centre and size -> (H, W, 4) boxes in px."""
    height, width = shifts.shape[:2]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    side = 4 * cell
    centres = (torch.stack([columns, rows], -1) + 0.5) * cell + shifts[..., :2] * _CENTRE_VARIANCE * side
    halves = side * torch.exp(shifts[..., 2:] * _SIZE_VARIANCE) / 2
    return torch.cat([centres - halves, centres + halves], -1)
