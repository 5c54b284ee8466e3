"""Structured frames for metric tests: a moving, shaded blob on a gradient, and noisy relatives of it."""

import numpy as np

from harness.types import Clip, Frames, Pair


def moving_frames(count: int, size: int = 64, seed: int = 0) -> Frames:
    """Return (count, size, size, 3) uint8: smooth content that changes with frame and seed."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    colour, phase = random.uniform(60, 200, 3), random.uniform(0, 6, 2)
    frames = np.empty((count, size, size, 3), np.uint8)
    for t in range(count):
        centre = 0.5 + 0.2 * np.sin(0.4 * t + phase)
        blob = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 0.03)
        image = colour * (0.4 + 0.3 * x + 0.3 * y)[..., None] + 80 * blob[..., None]
        frames[t] = np.clip(image + random.normal(0, 3, image.shape), 0, 255)
    return frames


def noisy(frames: Frames, strength: float, seed: int = 1) -> Frames:
    """Return `frames` with Gaussian noise of that standard deviation, in grey levels."""
    noise = np.random.default_rng(seed).normal(0, strength, frames.shape)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


def pair(generated: Frames, reference: Frames, clip_id: str = "clip", speaker: str | None = "1001") -> Pair:
    """Return a silent pair with labels."""
    return Pair(clip_id, Clip(generated, None), Clip(reference, None), speaker, "happy", "high")
