"""Pictures as networks that end in tanh see them: (T, 3, H, W) in [-1, 1], from and to bytes."""

import torch
from torch import Tensor

from harness.types import Frames


def as_signed(frames: Frames) -> Tensor:
    """Return (T, 3, H, W) in [-1, 1] of (T, H, W, 3) bytes."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1


def as_bytes(frames: Tensor) -> Frames:
    """Return (T, H, W, 3) bytes of (T, 3, H, W) in [-1, 1]."""
    pixels = ((frames.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(0, 2, 3, 1).cpu().numpy()
