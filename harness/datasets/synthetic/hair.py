"""Hair as a layer over the head's texture: outline by style, strands, sheen, and its shadow on the skin."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .identity import Hair, Identity
from .rig import SKULL_TOP, contour
from .skin import both_sides, canonical_grid, to_texels

Images = NDArray[np.float32]
Image = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cut:
    """A hair style: volume beyond the skull, where it ends, how far it hangs in, and its texture.

    Lengths are shares of the frame. `window` is the half width of the face it leaves free below the temples,
    as a share of the cheek's; above 1 the ears are free. `fringe` lowers the hairline.
    """

    volume: float
    end_y: float
    window: float
    fringe: float = 0.0
    ragged: float = 0.005
    cover: float = 1.0
    curl: float = 0.0
    part: float = 0.0


CUTS: dict[Hair, Cut] = {
    "short": Cut(0.022, 0.44, 1.0, ragged=0.008),
    "side_part": Cut(0.032, 0.45, 1.0, fringe=0.02, part=0.10),
    "buzz": Cut(0.006, 0.42, 1.0, cover=0.72, ragged=0.003),
    "curly": Cut(0.055, 0.50, 0.98, fringe=0.015, ragged=0.011, curl=1.0),
    "bald": Cut(0.0, 0.0, 1.0, cover=0.0),
    "long": Cut(0.036, 1.20, 0.90, part=0.02),
    "bob": Cut(0.040, 0.80, 0.88, fringe=0.01, part=-0.07),
    "fringe": Cut(0.034, 0.62, 0.95, fringe=0.105, ragged=0.007),
    "tied": Cut(0.012, 0.43, 1.0, ragged=0.002),
}


def add_hair(colour: Image, cover: Image, identity: Identity, side: int) -> tuple[Image, Image]:
    """Return the head's RGB and coverage with hair, and its shadow, laid over."""
    cut = CUTS[identity.hair]
    if cut.cover == 0:
        return colour, cover
    x, y = canonical_grid(side)
    mask = _mask(identity, cut, side)
    shadow = cv2.GaussianBlur(np.roll(mask, round(0.008 * side), axis=0), (0, 0), 0.014 * side)
    shaded = colour * (1 - shadow[..., None] / np.float32(255) * np.array([0.34, 0.42, 0.44], np.float32))
    strands = _curls(identity, side) if cut.curl else _strands(identity, cut, x, y, side)
    hair = _coloured(identity, strands, mask, x, y, side)
    weight = mask[..., None] * np.float32(cut.cover / 255)
    mixed = shaded * (1 - weight) + hair * weight
    behind = (cover[..., None] < 8) & (mask[..., None] > 0)
    mixed = np.where(behind, hair, mixed)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8), np.maximum(cover, mask)


def _mask(identity: Identity, cut: Cut, side: int) -> Image:
    """Return the hair's coverage: the outline of the hair less the window of the face."""
    texels = canonical_grid(side)[0].shape
    outer, window = np.zeros(texels, np.uint8), np.zeros(texels, np.uint8)
    for layer, points in ((outer, _outline(identity, cut)), (window, _window(identity, cut))):
        cv2.fillPoly(
            layer, [np.asarray(np.rint(to_texels(points, side) * 16), np.int32)], 255, cv2.LINE_AA, 4
        )
    mask = np.asarray(np.minimum(outer, 255 - window), np.uint8)
    return np.asarray(cv2.GaussianBlur(_frayed(mask, identity, cut, side), (0, 0), 0.0035 * side), np.uint8)


def _frayed(mask: Image, identity: Identity, cut: Cut, side: int) -> Image:
    """Make the edge uneven: curls bulge in all directions, straight strands end at different heights."""
    columns, rows = np.meshgrid(*(np.arange(size, dtype=np.float32) for size in mask.shape[::-1]))
    reach = np.float32(cut.ragged * side)
    across = _smooth_noise(identity.generator("ragged x"), mask.shape, 0.016 * side)
    if cut.curl:
        down = _smooth_noise(identity.generator("ragged y"), mask.shape, 0.016 * side)
        return np.asarray(cv2.remap(mask, columns + across * reach, rows + down * reach, cv2.INTER_LINEAR))
    ends = _smooth_noise(identity.generator("ragged y"), (1, mask.shape[1]), 0.005 * side)
    columns = columns + across * np.float32(0.0015 * side)
    return np.asarray(cv2.remap(mask, columns, rows + ends * reach, cv2.INTER_LINEAR))


def _outline(identity: Identity, cut: Cut) -> Floats:
    """Return the outer edge: the skull enlarged, continued straight down to the hair's end."""
    skull = contour(identity.geometry)
    skull = skull[skull[:, 1] < 0.44]
    middle = np.array([0.0, 0.42])
    away = skull - middle
    outer = skull + away / np.linalg.norm(away, axis=1, keepdims=True) * cut.volume
    outer = outer[outer[:, 1] < min(cut.end_y, 0.42)]
    last = outer[-1]
    if cut.end_y > 0.55:
        drop = np.linspace(last[1], cut.end_y, 12)
        flare = 0.035 * np.sin(np.clip((drop - last[1]) / 0.4, 0, 1) * np.pi / 2)
        inward = 0.05 * np.clip((drop - cut.end_y + 0.1) / 0.1, 0, 1) ** 2
        tail = np.stack([last[0] + flare - inward, drop], 1)
    else:
        tail = np.array([(last[0], cut.end_y), (last[0] * 0.94, cut.end_y + 0.01)])
    return both_sides(np.concatenate([outer, tail]))


def _window(identity: Identity, cut: Cut) -> Floats:
    """Return what hair leaves free: below the hairline, between the side locks."""
    g = identity.geometry
    edge = g.cheek_width * cut.window * 0.955
    across = np.linspace(-1, 1, 41)
    line = g.hairline_y + cut.fringe + 0.085 * np.abs(across) ** 3.2 * (cut.fringe < 0.05)
    if cut.part:
        lift = np.exp(-(((across * edge - cut.part) / 0.05) ** 2))
        line = (
            line
            - 0.030 * lift
            + 0.045 * np.clip((cut.part * np.sign(cut.part) - across * np.sign(cut.part) * edge) / 0.3, 0, 1)
        )
    top = np.stack([across * edge * 0.97, line], 1)
    if cut.end_y > 0.55:
        down = np.linspace(line[-1] + 0.03, 1.3, 14)
        sides = np.stack([edge * (1 - 0.30 * np.clip((down - 0.60) / 0.35, 0, 1) ** 1.5), down], 1)
    else:  # sideburns, then nothing but face and ears
        sides = np.array([(edge, 0.36), (edge * 0.99, cut.end_y), (0.45, cut.end_y + 0.004), (0.45, 1.3)])
    return np.concatenate([top, sides, sides[::-1] * (-1, 1)])


def _smooth_noise(generator: np.random.Generator, shape: tuple[int, ...], blur: float) -> Images:
    noise = cv2.GaussianBlur(generator.normal(0, 1, shape).astype(np.float32), (0, 0), max(blur, 0.5))
    return np.asarray(noise / (noise.std() + 1e-9), np.float32)


def _strands(identity: Identity, cut: Cut, x: Images, y: Images, side: int) -> Images:
    """Return strand brightness round 0: streaks that leave the parting and fall down."""
    generator = identity.generator("strands")
    fall = 0.06 + 0.26 * (1 - np.exp(-np.maximum(0, y - SKULL_TOP + 0.03) / 0.13))
    wave = 0.02 * np.sin(y * 14 + generator.uniform(0, 6)) * (cut.end_y > 0.7)
    across = (x + wave - cut.part) / fall
    detail = np.zeros(x.shape, np.float32)
    for count, share in ((24, 0.5), (70, 0.35), (190, 0.25)):
        if count > side * 0.6:
            continue
        values = generator.normal(0, 1, count * 8)
        position = np.arange(count * 8)
        detail += share * np.interp((across + 4) * count, position, values).astype(np.float32)
    return detail


def _curls(identity: Identity, side: int) -> Images:
    """Return the brightness of curls round 0: noise lit from above."""
    texels = canonical_grid(side)[0].shape
    noise = _smooth_noise(identity.generator("curls"), texels, 0.011 * side)
    return np.asarray(np.roll(noise, round(0.008 * side), axis=0) - noise, np.float32) * 0.8


def _coloured(identity: Identity, strands: Images, mask: Image, x: Images, y: Images, side: int) -> Images:
    """Return hair RGB: base colour, strands, a band of sheen, darker at edges and roots by the face."""
    light = identity.light.direction
    base = np.array(identity.hair_colour, np.float32)
    body = 0.86 - 0.30 * (x / 0.3) ** 2 + 0.5 * light[0] * x / 0.3
    solid = cv2.GaussianBlur(mask, (0, 0), 0.02 * side).astype(np.float32) / 255
    body *= 0.55 + 0.45 * solid
    body *= 1 + 0.20 * strands
    crown = ((y - 0.145 - 0.6 * x * x) / 0.035) ** 2 + ((x - 0.22 * light[0]) / 0.17) ** 2
    sheen = np.exp(-crown) * np.clip(0.5 + 0.45 * strands, 0, 1)
    lit = base * np.clip(body, 0.25, 1.5)[..., None]
    return np.asarray(lit + sheen[..., None] * (base * 0.30 + 24), np.float32)
