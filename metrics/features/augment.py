"""What happens to pictures between a camera and a judge: framing, light, blur, noise, block compression.

Used only to train the embedded judges, so that they keep their verdict on blurry, shifted or re-encoded
clips. Every draw comes from the generator passed in; one draw per item is shared by all its frames (noise
apart).
"""

from math import pi

import torch
from torch import Generator, Tensor
from torch.nn import functional

ZOOM = (0.92, 1.2)
SHIFT = 0.05
TURN = 0.06


def augment(pixels: Tensor, side: int, generator: Generator) -> Tensor:
    """Return (B, T, 3, side, side) float32 in -1..1 of (B, T, 3, S, S) uint8."""
    frames = _framed(pixels.float() / 255, side, generator)
    frames = _lit(frames, generator)
    frames = _blurred(frames, generator)
    if _chance(0.3, generator):
        frames = _blocked(frames, generator)
    deviation = 0.05 * torch.rand(len(frames), 1, 1, 1, 1, generator=generator) ** 2
    frames = frames + deviation * torch.randn(frames.shape, generator=generator)
    return frames.clamp(0, 1) * 2 - 1


def _framed(frames: Tensor, side: int, generator: Generator) -> Tensor:
    """Zoom, shift, turn and, half of the time, mirror."""
    batch, length = frames.shape[:2]
    zoom = _uniform(batch, *ZOOM, generator)
    turn = _uniform(batch, -TURN, TURN, generator)
    mirror = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
    rows = [turn.cos() / zoom * mirror, -turn.sin() / zoom, _uniform(batch, -2 * SHIFT, 2 * SHIFT, generator)]
    rows += [turn.sin() / zoom * mirror, turn.cos() / zoom, _uniform(batch, -2 * SHIFT, 2 * SHIFT, generator)]
    theta = torch.stack(rows, 1).view(batch, 2, 3).repeat_interleave(length, 0)
    grid = functional.affine_grid(theta, [batch * length, 3, side, side], align_corners=False)
    moved = functional.grid_sample(frames.flatten(0, 1), grid, padding_mode="border", align_corners=False)
    return moved.view(batch, length, 3, side, side)


def _lit(frames: Tensor, generator: Generator) -> Tensor:
    """Change contrast, brightness, colour balance, and gamma."""
    batch = len(frames)
    contrast = _uniform(batch, 0.7, 1.3, generator).view(-1, 1, 1, 1, 1)
    brightness = _uniform(batch, -0.12, 0.12, generator).view(-1, 1, 1, 1, 1)
    colour = _uniform(3 * batch, 0.85, 1.15, generator).view(-1, 1, 3, 1, 1)
    gamma = _uniform(batch, 0.8, 1.25, generator).view(-1, 1, 1, 1, 1)
    lit = (frames - 0.5) * contrast * colour + 0.5 + brightness
    return lit.clamp(1e-3, 1) ** gamma


def _blurred(frames: Tensor, generator: Generator) -> Tensor:
    """Lose resolution, half of the time: down to 40-90 % of the side and up again."""
    if not _chance(0.5, generator):
        return frames
    side = frames.shape[-1]
    smaller = int(side * float(_uniform(1, 0.4, 0.9, generator)))
    flat = frames.flatten(0, 1)
    down = functional.interpolate(flat, smaller, mode="bilinear", antialias=True, align_corners=False)
    return functional.interpolate(down, side, mode="bilinear", align_corners=False).view(frames.shape)


def _blocked(frames: Tensor, generator: Generator) -> Tensor:
    """Quantise the cosine transform of 8x8 blocks, coarser for higher frequencies, as JPEG and H.264 do."""
    index = torch.arange(8.0)
    basis = torch.cos(pi / 8 * (index[None] + 0.5) * index[:, None]) / 2
    basis[0] /= 2**0.5
    side = frames.shape[-1] // 8
    blocks = frames.reshape(*frames.shape[:-2], side, 8, side, 8)
    spectrum = torch.einsum("ui,vj,...aibj->...aubv", basis, basis, blocks)
    step = float(_uniform(1, 0.02, 0.10, generator)) * (1 + (index[:, None] + index) / 3)
    rounded = (spectrum / step[:, None]).round() * step[:, None]
    return torch.einsum("ui,vj,...aubv->...aibj", basis, basis, rounded).reshape(frames.shape)


def _uniform(count: int, low: float, high: float, generator: Generator) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def _chance(probability: float, generator: Generator) -> bool:
    return bool(torch.rand(1, generator=generator) < probability)
