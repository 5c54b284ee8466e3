"""What stands still behind the head: backdrop, neck, shoulders and clothes of one speaker."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .identity import Identity
from .paint import fill, stroke
from .rig import to_view

Images = NDArray[np.float32]
Image = NDArray[np.uint8]
Floats = NDArray[np.float64]


def plate_image(identity: Identity, side: int) -> Image:
    """Return backdrop and body as RGB (side, side, 3)."""
    image = np.asarray(np.clip(_backdrop(identity, side), 0, 255), np.uint8)
    _body(image, identity, side)
    return image


def _backdrop(identity: Identity, side: int) -> Images:
    """Return a wall with a soft light on it; by style also a horizon, a window, or blurred lights."""
    line = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, y = np.meshgrid(line, line)
    generator = identity.generator("backdrop")
    glow = np.exp(-(((x - generator.uniform(0.2, 0.8)) / 0.55) ** 2) - ((y - 0.35) / 0.6) ** 2)
    wall = np.array(identity.backdrop, np.float32) * (0.68 + 0.42 * glow)[..., None]
    if identity.backdrop_style == 1:
        edge = generator.uniform(0.55, 0.75)
        wall *= (1 - 0.28 / (1 + np.exp(-(y - edge) / 0.012)))[..., None]
    elif identity.backdrop_style == 2:
        left = generator.choice([0.02, 0.80])
        inside = 1 / (1 + np.exp(-(x - left) / 0.02)) / (1 + np.exp((x - left - 0.17) / 0.02))
        inside = inside / (1 + np.exp((y - 0.6) / 0.03))
        wall += inside[..., None] * (235 - wall) * 0.6
    elif identity.backdrop_style == 3:
        for _ in range(14):
            cx, cy, radius = generator.uniform((0, 0, 0.03), (1, 0.8, 0.08))
            disc = 1 / (1 + np.exp((np.hypot(x - cx, y - cy) - radius) / 0.010))
            wall += disc[..., None] * generator.uniform(10, 38) * generator.uniform(0.7, 1.1, 3)
    grain = cv2.GaussianBlur(generator.normal(0, 1, x.shape).astype(np.float32), (0, 0), 0.006 * side)
    return np.asarray(wall + (grain / grain.std() * 1.5)[..., None], np.float32)


def _body(image: Image, identity: Identity, side: int) -> None:
    g = identity.geometry
    neck = g.jaw_width * (0.62 if identity.female else 0.74)
    slope = np.linspace(0, 1, 20)
    rise = 0.965 + 0.07 * slope**1.6
    shoulder = np.stack([neck * 1.15 + (0.62 - neck) * slope, rise], 1)
    half = np.concatenate([shoulder, [(0.7, 1.4)]])
    cloth = np.array(identity.cloth)
    outline = np.concatenate([half, half[::-1] * (-1, 1)])
    fill(image, [to_view(outline, side)], cloth * 0.82, 1.0, 0.003 * side)
    lit = outline * (0.92, 1) + (identity.light.direction[0] * 0.10, 0.02)
    fill(image, [to_view(lit, side)], cloth * 1.06, 0.7, 0.03 * side)
    _neck(image, identity, neck, side)
    _neckline(image, identity, neck, side)


def _neck(image: Image, identity: Identity, neck: float, side: int) -> None:
    """Draw the neck as a lit cylinder, in the chin's shadow above."""
    skin = np.array(identity.skin)
    low = 1.01 if identity.cloth_style != 1 else 1.05
    half = np.array(
        [(neck * 0.98, 0.70), (neck, 0.92), (neck * 1.12, 0.965), (neck * 1.0, low - 0.02), (neck * 0.5, low)]
    )
    outline = np.concatenate([half, half[::-1] * (-1, 1)])
    fill(image, [to_view(outline, side)], skin * (0.66, 0.56, 0.53), 1.0, 0.003 * side)
    lit = outline * (0.62, 1) + (identity.light.direction[0] * 0.06, 0.075)
    fill(image, [to_view(lit, side)], skin * (0.86, 0.80, 0.77), 0.8, 0.022 * side)
    chin_y = identity.geometry.chin_y
    half = np.array(
        [(neck * 0.97, 0.80), (neck * 0.97, chin_y + 0.02), (neck * 0.6, chin_y + 0.055), (0, chin_y + 0.07)]
    )
    under = np.concatenate([half, half[::-1] * (-1, 1)])
    fill(image, [to_view(under, side)], skin * (0.42, 0.32, 0.29), 0.75, 0.009 * side)
    for mirror in (-1, 1):
        tendon = np.array([(0.085, 0.86), (0.055, 0.95), (0.028, 1.01)]) * (mirror, 1)
        stroke(image, [to_view(tendon, side)], skin * (0.58, 0.48, 0.45), 0.012 * side, 0.4, 0.007 * side)


def _neckline(image: Image, identity: Identity, neck: float, side: int) -> None:
    """Draw the edge of a crew neck, a V neck or a shirt's collar."""
    cloth = np.array(identity.cloth)
    reach = np.linspace(-1, 1, 21)
    if identity.cloth_style == 2:
        for mirror in (-1, 1):
            wing = np.array([(neck * 1.16, 0.945), (neck * 1.40, 0.985), (0.075, 1.07), (0.012, 1.03)]) * (
                mirror,
                1,
            )
            fill(image, [to_view(wing, side)], np.clip(cloth * 1.15 + 12, 0, 255), 1.0, 0.002 * side)
            stroke(image, [to_view(wing[1:3], side)], cloth * 0.6, 0.008 * side, 0.6, 0.003 * side)
        return
    depth = 0.055 if identity.cloth_style == 0 else 0.10
    power = 2.0 if identity.cloth_style == 0 else 1.1
    edge = np.stack([neck * 1.2 * reach, 0.958 + depth * (1 - np.abs(reach) ** power)], 1)
    below = np.concatenate([edge, [(0.3, 1.3), (-0.3, 1.3)]])
    fill(image, [to_view(below, side)], cloth * 0.95, 1.0, 0.002 * side)
    stroke(image, [to_view(edge, side)], cloth * 0.66, 0.012 * side, 0.8, 0.003 * side)
