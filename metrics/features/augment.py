"""What happens to pictures between a camera and a judge: framing, light, blur, noise, block compression.

Used only to train the embedded judges, so that they keep their verdict on blurry, shifted or re-encoded
clips. Every draw comes from the generator passed in; one draw per item is shared by all its frames (noise
apart).
"""

from math import pi

import torch
from torch import Generator, Tensor
from torch.nn import functional

# Shares of the side, from a little beyond the corpus's frame to a tighter face crop; TURN in radians.
ZOOM = (-0.08, 0.2)
SHIFT = 0.05
TURN = 0.06


def augment(pixels: Tensor, side: int, generator: Generator, strength: float = 1.0) -> Tensor:
    """Return (B, T, 3, side, side) float32 in -1..1 of (B, T, 3, S, S) uint8; strength: 0..1."""
    theta = _drawn_views(len(pixels), generator, strength)
    return _spoilt(_framed(pixels.float() / 255, side, theta), generator, strength)


def augment_with_points(
    pixels: Tensor, points: Tensor, side: int, generator: Generator, strength: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Return pictures as `augment` does, where (B, P, 2) points went, and which were mirrored.

    Points are in units of half a side from the picture's middle, right and down, before and after.
    mirrored: (B,) bool; what was a left eye is then seen as a right one, at the same place in the list.
    """
    theta = _drawn_views(len(pixels), generator, strength)
    frames = _spoilt(_framed(pixels.float() / 255, side, theta), generator, strength)
    # theta says where in the old picture a place of the new one comes from.
    moved = torch.linalg.solve(theta[:, :, :2], (points - theta[:, :, 2][:, None]).transpose(1, 2))
    return frames, moved.transpose(1, 2), torch.linalg.det(theta[:, :, :2]) < 0


def _spoilt(frames: Tensor, generator: Generator, strength: float) -> Tensor:
    frames = _lit(frames, generator, strength)
    if _chance(0.5 * strength, generator):
        frames = _blurred(frames, generator)
    if _chance(0.3 * strength, generator):
        frames = _blocked(frames, generator)
    deviation = 0.05 * strength * torch.rand(len(frames), 1, 1, 1, 1, generator=generator) ** 2
    frames = frames + deviation * torch.randn(frames.shape, generator=generator)
    return frames.clamp(0, 1) * 2 - 1


def _drawn_views(batch: int, generator: Generator, strength: float) -> Tensor:
    """Zoom, shift, turn and, half of the time, mirror: (B, 2, 3) from new places to old ones."""
    zoom = 1 + strength * _uniform(batch, *ZOOM, generator)
    turn = strength * _uniform(batch, -TURN, TURN, generator)
    mirror = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
    # The sampling grid spans -1..1, twice the side.
    right, down = (2 * strength * _uniform(batch, -SHIFT, SHIFT, generator) for _ in range(2))
    rows = [turn.cos() / zoom * mirror, -turn.sin() / zoom, right]
    rows += [turn.sin() / zoom * mirror, turn.cos() / zoom, down]
    return torch.stack(rows, 1).view(batch, 2, 3)


def _framed(frames: Tensor, side: int, theta: Tensor) -> Tensor:
    batch, length = frames.shape[:2]
    views = theta.repeat_interleave(length, 0)
    grid = functional.affine_grid(views, [batch * length, 3, side, side], align_corners=False)
    moved = functional.grid_sample(frames.flatten(0, 1), grid, padding_mode="border", align_corners=False)
    return moved.view(batch, length, 3, side, side)


def _lit(frames: Tensor, generator: Generator, strength: float) -> Tensor:
    """Change contrast, brightness, colour balance, and gamma."""
    batch = len(frames)
    contrast = 1 + strength * _uniform(batch, -0.3, 0.3, generator).view(-1, 1, 1, 1, 1)
    brightness = strength * _uniform(batch, -0.12, 0.12, generator).view(-1, 1, 1, 1, 1)
    colour = 1 + strength * _uniform(3 * batch, -0.15, 0.15, generator).view(-1, 1, 3, 1, 1)
    gamma = 1 + strength * _uniform(batch, -0.2, 0.25, generator).view(-1, 1, 1, 1, 1)
    lit = (frames - 0.5) * contrast * colour + 0.5 + brightness
    return lit.clamp(1e-3, 1) ** gamma


def _blurred(frames: Tensor, generator: Generator) -> Tensor:
    """Lose resolution: down to 40-90 % of the side and up again."""
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
