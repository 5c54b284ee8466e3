"""Guides: landmarks drawn as thin smooth lines, the picture that shows a denoiser where the face goes.

Three colours on black: red lips, green eyes and brows, blue contour and nose. Small guides are drawn
larger, with a sixteenth of a pixel's care, and then averaged down, so a lip that moves by a tenth of a pixel
shows. Not differentiable: what is drawn is given.
"""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# iBUG-68: first and last landmark of each line, and whether it closes.
_LINES = (
    ((48, 59, True), (60, 67, True)),
    ((17, 21, False), (22, 26, False), (36, 41, True), (42, 47, True)),
    ((0, 16, False), (27, 30, False), (31, 35, False)),
)
_CANVAS = 256  # pixels: smaller guides are drawn at least so large
_WIDTH = 1 / 128  # of a line, in sides of the picture: lips that touch stay two lines at 64 px
_BITS = 4  # of a coordinate's fraction
_FAR = 4.0  # sides: what lies further out is out of the picture anyway, and OpenCV counts in 32 bits


def draw_guides(landmarks: Tensor, size: int) -> Tensor:
    """Return (B, T, 3, size, size) float32 in [0, 1] of landmarks (B, T, 68, 2), shares of a side.

    Lips, eyes and brows, contour and nose are the channels; brightness is how much of a pixel a line covers.
    On the landmarks' device; without gradients.
    """
    points = landmarks.detach().cpu().numpy().astype(np.float64).reshape(-1, 68, 2)
    side = size * max(1, _CANVAS // size)
    pixels = np.clip(points, -_FAR, _FAR) * side - 0.5
    fixed = np.rint(pixels * 2**_BITS).astype(np.int32)
    canvas = np.empty((side, side), np.uint8)
    made = np.empty((len(fixed), len(_LINES), size, size), np.uint8)
    for frame, channels in zip(fixed, made, strict=True):
        for channel, lines in zip(channels, _LINES, strict=True):
            channel[:] = _drawn(canvas, frame, lines, size)
    guides = torch.from_numpy(made).to(landmarks.device).float() / 255
    return guides.view(*landmarks.shape[:2], *guides.shape[1:])


def _drawn(
    canvas: NDArray[np.uint8], points: NDArray[np.int32], lines: tuple[tuple[int, int, bool], ...], size: int
) -> NDArray[np.uint8]:
    """Return (size, size) of some lines of a face, drawn on the larger `canvas`."""
    canvas[:] = 0
    width = max(1, round(_WIDTH * len(canvas)))
    for first, last, closed in lines:
        cv2.polylines(canvas, [points[first : last + 1]], closed, 255, width, cv2.LINE_AA, _BITS)
    small: NDArray[np.uint8] = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
    return small
