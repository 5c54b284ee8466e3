"""A speaker's head without its moving features, shaded once: skin, ears, nose, beard.

The head is a height field (ellipsoid, sockets, nose, cheekbones, chin) lit by the speaker's light; what
comes out is an RGBA texture in canonical coordinates that `rig` then warps. Hair is in `hair`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .identity import Geometry, Identity
from .paint import fill, stroke
from .rig import MARGIN, contour, half_width

Images = NDArray[np.float32]
Image = NDArray[np.uint8]


def canonical_grid(side: int) -> tuple[Images, Images]:
    """Return x and y of every texel of the texture that goes with a canvas of `side` px."""
    texels = round(side * (1 + 2 * MARGIN))
    line = (np.arange(texels, dtype=np.float32) + 0.5) / side - MARGIN
    x, y = np.meshgrid(line - np.float32(0.5), line)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def to_texels(points: NDArray[np.floating], side: int) -> NDArray[np.float64]:
    """Return canonical points (N, 2) in px of the texture."""
    return np.asarray((points + np.array([0.5 + MARGIN, MARGIN])) * side - 0.5)


def both_sides(half: NDArray[np.floating]) -> NDArray[np.float64]:
    """Close the right half of an outline with its mirror image."""
    return np.concatenate([half, half[::-1] * (-1, 1)])


def head_texture(identity: Identity, side: int) -> tuple[Image, Image]:
    """Return the head's RGB (N, N, 3) and its coverage (N, N), N the texture's side in px."""
    x, y = canonical_grid(side)
    relief = _relief(identity.geometry, x, y)
    lit, gloss = shade(relief, identity, side)
    albedo = _albedo(identity, x, y, side)
    image = albedo * lit + gloss[..., None] * 255
    colour = np.asarray(np.clip(image, 0, 255), np.uint8)
    mask = np.zeros(x.shape, np.uint8)
    _ears(colour, mask, identity, side)
    face = np.zeros_like(mask)
    outline = to_texels(both_sides(contour(identity.geometry)), side)
    cv2.fillPoly(face, [np.asarray(np.rint(outline * 16), np.int32)], 255, cv2.LINE_AA, 4)
    _merge_ears(colour, mask, face, identity, image, side)
    _nose_details(colour, identity, side)
    return colour, np.maximum(mask, face)


def _relief(g: Geometry, x: Images, y: Images) -> Images:
    """Return the height field, in shares of the frame."""

    def bump(cx: float, cy: float, sx: float, sy: float) -> Images:
        return np.asarray(np.exp(-(((np.abs(x) - cx) / sx) ** 2) - ((y - cy) / sy) ** 2), np.float32)

    width = np.maximum(half_width(g, np.clip(y, 0.16, g.chin_y - 0.02)), 0.075)
    across = (np.abs(x) / width) ** 2.4
    crown = np.clip((0.36 - y) / 0.285, 0, 1.2) ** 2.2
    chin = 0.5 * np.clip((y - g.chin_y + 0.10) / 0.10, 0, 1.5) ** 2.5
    away = across + crown + chin
    away = away / (1 + away**5) ** 0.2 * 0.97  # 0 in front to nearly 1 at the edge, without a crease
    height = 0.20 * (1 - away) ** 0.5
    tip = g.nose_y - 0.030
    rise = np.clip((y - g.eye_y + 0.015) / (tip - g.eye_y), 0, 1) ** 1.3
    below = np.exp(-((np.maximum(0, y - tip) / 0.026) ** 2))
    height += (g.nose_depth * 0.75) * rise * below * np.exp(-((x / (0.019 + 0.016 * rise)) ** 2))
    height += 0.020 * bump(0.0, tip + 0.004, 0.026, 0.020)
    height += 0.020 * bump(g.nose_width * 0.72, g.nose_y - 0.016, 0.018, 0.017)
    height -= 0.024 * bump(g.eye_spacing, g.eye_y - 0.012, 0.062, 0.034)
    height += 0.010 * bump(g.eye_spacing, g.eye_y, 0.045, 0.022)
    height += 0.010 * bump(g.eye_spacing - 0.01, g.brow_y + 0.004, 0.075, 0.022)
    height += 0.016 * bump(0.155, 0.555, 0.062, 0.048)
    height -= 0.010 * bump(0.175, 0.68, 0.045, 0.06)
    height += 0.018 * bump(0.0, g.mouth_y, 0.11, 0.075)
    height -= 0.012 * bump(0.0, g.mouth_y + 0.062, 0.06, 0.017)
    height += 0.020 * bump(0.0, g.chin_y - 0.055, 0.055, 0.036)
    height -= 0.0035 * bump(0.0, g.nose_y + 0.042, 0.010, 0.024)
    height -= 0.008 * bump(0.235, 0.345, 0.04, 0.05)
    return np.asarray(height, np.float32)


def shade(relief: Images, identity: Identity, side: int) -> tuple[Images, Images]:
    """Return light per channel (N, N, 3), about 1 on lit skin, and gloss (N, N), 0..0.2."""
    light = identity.light
    scale = side / 8.0
    dx = cv2.Sobel(relief, cv2.CV_32F, 1, 0, ksize=3) * scale
    dy = cv2.Sobel(relief, cv2.CV_32F, 0, 1, ksize=3) * scale
    blur = 0.004 * side
    dx, dy = cv2.GaussianBlur(dx, (0, 0), blur), cv2.GaussianBlur(dy, (0, 0), blur)
    length = np.sqrt(dx * dx + dy * dy + 1)
    lx, ly, lz = light.direction
    facing = (-dx * lx - dy * ly + lz) / length
    diffuse = light.ambient + (1 - light.ambient) * np.clip(facing, 0, 1) / (0.55 + 0.45 * lz)
    hollow = cv2.GaussianBlur(relief, (0, 0), 0.022 * side) - relief
    diffuse *= 1 - np.clip(hollow * 14, -0.06, 0.30)
    hx, hy, hz = lx / 2, ly / 2, (lz + 1) / 2
    norm = (hx * hx + hy * hy + hz * hz) ** 0.5
    gloss = np.clip((-dx * hx - dy * hy + hz) / (length * norm), 0, 1) ** 28 * 0.07
    # Light that went through skin comes out red: shadows keep more red than blue.
    lit = np.stack([diffuse**0.85, diffuse, diffuse**1.12], axis=-1) * np.array(light.tint)
    return np.asarray(lit, np.float32), np.asarray(gloss, np.float32)


def _albedo(identity: Identity, x: Images, y: Images, side: int) -> Images:
    g, noise = identity.geometry, identity.generator("skin")

    def spot(cx: float, cy: float, sx: float, sy: float) -> Images:
        return np.asarray(np.exp(-(((np.abs(x) - cx) / sx) ** 2) - ((y - cy) / sy) ** 2), np.float32)

    skin = np.broadcast_to(np.array(identity.skin, np.float32), (*x.shape, 3)).copy()
    flush = 0.9 * spot(0.16, 0.565, 0.07, 0.05) + 0.9 * spot(0, g.nose_y - 0.03, 0.035, 0.03)
    flush += 0.4 * spot(0, g.chin_y - 0.05, 0.06, 0.03) + 0.8 * spot(0.285, 0.47, 0.03, 0.07)
    skin *= 1 - flush[..., None] * np.array([0.0, 0.085, 0.08], np.float32)
    tired = spot(g.eye_spacing, g.eye_y + 0.035, 0.05, 0.018) * (0.5 + 0.5 * identity.age)
    tired += 0.9 * spot(g.eye_spacing, g.eye_y - 0.022, 0.058, 0.020)
    skin *= 1 - tired[..., None] * np.array([0.09, 0.13, 0.11], np.float32)
    blotches = _noise(noise, x.shape, 0.05 * side) * 3 + _noise(noise, x.shape, 0.004 * side) * 1.6
    skin += blotches[..., None]
    _freckle(skin, identity, side)
    _beard(skin, identity, x, y, side)
    return np.asarray(np.clip(skin, 4, 255), np.float32)


def _noise(generator: np.random.Generator, shape: tuple[int, ...], blur: float) -> Images:
    """Return smooth noise of unit deviation."""
    rough = generator.normal(0, 1, shape).astype(np.float32)
    smooth = cv2.GaussianBlur(rough, (0, 0), max(blur, 0.5))
    return np.asarray(smooth / (smooth.std() + 1e-9), np.float32)


def _freckle(skin: Images, identity: Identity, side: int) -> None:
    generator = identity.generator("freckles")
    layer = np.zeros(skin.shape[:2], np.uint8)
    for _ in range(int(160 * max(0.0, identity.freckles - 0.3))):
        point = generator.normal((0, 0.53), (0.13, 0.05))
        texel = to_texels(point[None], side)[0]
        radius = round(float(generator.uniform(0.0015, 0.0035)) * side * 16)
        cv2.circle(layer, np.rint(texel * 16).astype(int).tolist(), radius, 255, -1, cv2.LINE_AA, 4)
    skin *= 1 - layer[..., None] / np.float32(255) * np.array([0.16, 0.26, 0.32], np.float32)


def _beard(skin: Images, identity: Identity, x: Images, y: Images, side: int) -> None:
    density = {"none": 0.0, "stubble": 0.30, "goatee": 0.80, "full": 0.85}[identity.beard]
    if density == 0:
        return
    g = identity.geometry
    reach = 0.115 if identity.beard == "goatee" else 1.0
    away = np.abs(x)
    moustache = g.mouth_y - 0.060 + 0.20 * away
    cheek = g.mouth_y - 0.034 - 1.9 * (away - 0.13)
    edge = np.where(away < 0.13, moustache, cheek)
    grown = expit((y - edge) / 0.018) * expit((reach - away) / 0.010)
    lips = np.exp(-((np.abs(x) / (g.mouth_width * 1.02)) ** 6) - ((y - g.mouth_y) / 0.034) ** 6)
    soul = np.exp(-(((np.abs(x) - 0.045) / 0.022) ** 2) - ((y - g.mouth_y - 0.05) / 0.02) ** 2)
    strands = 1 + 0.16 * _noise(identity.generator("beard"), x.shape, 0.0035 * side)
    cover = np.clip(grown * (1 - lips) * (1 - 0.6 * soul) * strands, 0, 1) * density
    skin += (np.array(identity.hair_colour, np.float32) * 0.9 - skin) * cover[..., None]


def _ears(colour: Image, mask: Image, identity: Identity, side: int) -> None:
    """Put the ears' coverage into the mask; their colour is laid by `_merge_ears`."""
    for points in _ear_outlines(identity):
        cv2.fillPoly(mask, [np.asarray(np.rint(to_texels(points, side) * 16), np.int32)], 255, cv2.LINE_AA, 4)


def _ear_outlines(identity: Identity) -> list[NDArray[np.float64]]:
    g = identity.geometry
    turn = np.linspace(0, 2 * np.pi, 40)
    middle = (g.eye_y + g.nose_y) / 2 - 0.005
    lean = 1 + 0.18 * np.sin(turn)
    ear = np.stack(
        [
            g.cheek_width + 0.004 + 0.030 * np.cos(turn) * (1 - 0.25 * np.sin(turn)),
            middle + 0.075 * np.sin(turn) * lean * 0.95,
        ],
        1,
    )
    return [ear, ear * (-1, 1)]


def _merge_ears(colour: Image, ears: Image, face: Image, identity: Identity, lit: Images, side: int) -> None:
    """Colour the ears: skin, redder, with a dark concha and a light rim."""
    tone = np.array(identity.skin) * (0.93, 0.80, 0.77) * 0.92
    only = np.asarray(np.minimum(ears, 255 - face), np.float32)[..., None] / 255
    flat = np.asarray(colour * (1 - only) + tone * only, np.uint8)
    for points in _ear_outlines(identity):
        middle = points.mean(0)
        fill(
            flat,
            [to_texels(middle + (points - middle) * (0.55, 0.62), side)],
            tone * 0.66,
            0.55,
            0.006 * side,
        )
    keep = face[..., None] > 127
    colour[:] = np.where(keep, np.asarray(np.clip(lit, 0, 255), np.uint8), flat)


def _nose_details(colour: Image, identity: Identity, side: int) -> None:
    """Paint nostrils, the creases of the wings and the shadow under the tip."""
    g = identity.geometry
    dark = np.array(identity.skin) * (0.30, 0.20, 0.18)
    shadow = np.array(identity.skin) * (0.62, 0.50, 0.46)
    turn = np.linspace(0, 2 * np.pi, 24)
    under = np.stack([g.nose_width * 0.95 * np.cos(turn), g.nose_y + 0.008 + 0.010 * np.sin(turn)], 1)
    fill(colour, [to_texels(under, side)], shadow, 0.42, 0.008 * side)
    for mirror in (1, -1):
        hole = np.stack(
            [
                g.nose_width * 0.45 + 0.0135 * np.cos(turn),
                g.nose_y - 0.002 + 0.0062 * np.sin(turn) - 0.12 * 0.0135 * np.cos(turn),
            ],
            1,
        )
        fill(colour, [to_texels(hole * (mirror, 1), side)], dark, 0.85, 0.0022 * side)
        bend = np.linspace(-1.25, 1.1, 14)
        wing = np.stack(
            [g.nose_width * 0.62 + 0.021 * np.cos(bend), g.nose_y - 0.016 + 0.021 * np.sin(bend)], 1
        )
        stroke(colour, [to_texels(wing * (mirror, 1), side)], shadow, 0.009 * side, 0.55, 0.004 * side)
