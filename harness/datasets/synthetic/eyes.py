"""Eyes and brows: their outlines from action units and gaze, and their drawing."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .expression import AU_NAMES
from .identity import Identity
from .paint import Box, Image, Pixels, Points, blend, box_of, fill, mask_of, origin_of, ribbon, soften, stroke

ALONG = np.linspace(-1, 1, 17)  # inner to outer corner
_ARCH = np.maximum(0, 1 - np.abs(ALONG + 0.10 * (1 - ALONG**2)) ** 2.2)
_LOW_ARCH = _ARCH**1.2
_INNER, _OUTER = np.clip(0.5 - 0.75 * ALONG, 0, 1), np.clip(0.45 + 0.75 * ALONG, 0, 1)
_BROW_ARCH = 1 - np.where(ALONG < 0.35, (ALONG - 0.35) / 1.6, (ALONG - 0.35) / 0.72) ** 2
_BROW_TAPER = np.sin(np.linspace(0.62, np.pi - 0.12, len(ALONG))) ** 0.7
_LASH_TAPER = np.linspace(0.45, 1, len(ALONG)) * np.sin(np.linspace(0.4, np.pi - 0.25, len(ALONG))) ** 0.5
IRIS_RADIUS = 0.0275
_MIRRORS = (np.array([-1.0, 1.0]), np.array([1.0, 1.0]))


@dataclass(frozen=True, slots=True)
class Eyes:
    """Both eyes and brows in canonical coordinates, image left first; curves run from the nose outwards.

    upper, lower, crease, brow: two (17, 2) each; iris: (2, 2); openness: about 0..1.5, 1 at rest.
    """

    upper: list[Points]
    lower: list[Points]
    crease: list[Points]
    brow: list[Points]
    iris: Points
    openness: float


def eyes_of(identity: Identity, units: Points, gaze: Points) -> Eyes:
    """Return both eyes of one frame; units (len(AU_NAMES),) 0..1, gaze (2,) right and down."""
    g = identity.geometry
    au = dict(zip(AU_NAMES, units.tolist(), strict=True))
    shut = min(1.0, au["AU43"])
    raised = 0.55 * au["AU5"] - 0.22 * au["AU7"] * (1 - au["AU5"])
    openness = 1 + raised - 0.10 * au["AU4"] - 0.15 * au["AU6"]
    top = g.eye_height * openness * (1 - shut)
    floor = g.eye_height * (0.62 - 0.34 * au["AU7"] - 0.36 * au["AU6"] + 0.10 * au["AU5"])
    bottom = floor * (1 - 0.35 * shut)
    corners = g.eye_y - g.eye_tilt * g.eye_width * ALONG
    x = g.eye_spacing + g.eye_width * ALONG
    lower = corners + bottom * _LOW_ARCH
    upper = np.minimum(corners - (top - bottom * 0.8 * shut) * _ARCH, lower)
    hood = 0.014 + 0.004 * identity.age - 0.007 * au["AU4"] - 0.004 * au["AU6"]
    crease = np.minimum(corners - g.eye_height * (0.45 + 0.55 * openness) * _ARCH, upper)
    crease = crease - hood * (0.35 + 0.65 * _ARCH)
    look = (0.016 * gaze[0], g.eye_y - 0.10 * g.eye_height + 0.008 * gaze[1])
    return Eyes(
        upper=_mirrored(x, upper),
        lower=_mirrored(x, lower),
        crease=_mirrored(x, crease),
        brow=_mirrored(*_brow(identity, au)),
        iris=np.array([(look[0] - g.eye_spacing, look[1]), (look[0] + g.eye_spacing, look[1])]),
        openness=openness * (1 - shut),
    )


def _mirrored(x: Points, y: Points) -> list[Points]:
    curve = np.stack([x, y], 1)
    return [curve * mirror for mirror in _MIRRORS]


def _brow(identity: Identity, au: dict[str, float]) -> tuple[Points, Points]:
    """Return x and y of the right brow's middle line."""
    g = identity.geometry
    x = g.eye_spacing + 0.004 + g.eye_width * 1.28 * ALONG - 0.018 * au["AU4"] * _INNER
    y = g.brow_y + 0.004 - g.brow_arch * _BROW_ARCH
    y = y - 0.042 * au["AU1"] * _INNER**1.2 - 0.038 * au["AU2"] * _OUTER
    lowered = au["AU4"] * (1 - 0.6 * au["AU1"])
    return x, y + lowered * (0.036 * _INNER + 0.016 * _OUTER) + 0.008 * au["AU9"] * _INNER


def draw_eyes(image: Image, identity: Identity, eyes: Eyes, pixels: Pixels) -> None:
    """Draw lids, eyeballs, lashes and brows on a canvas of RGB."""
    side = len(image)
    curves = np.concatenate([*eyes.upper, *eyes.lower, *eyes.crease, *eyes.brow])
    upper, lower, crease, brow = (list(pair) for pair in pixels(curves).reshape(4, 2, -1, 2))
    _lids(image, identity, upper, lower, crease)
    if eyes.openness > 0.06:
        outlines = [np.concatenate([top, low[::-1]]) for top, low in zip(upper, lower, strict=True)]
        box = box_of(outlines, 2, image.shape)
        if box is not None:
            opening = mask_of(outlines, box)
            balls = _eyeballs(identity, opening, pixels(eyes.iris), upper, box, side)
            blend(image[box], balls, opening)
    _lashes(image, identity, upper, lower)
    _brows(image, identity, brow)


def _lids(
    image: Image, identity: Identity, upper: list[Points], lower: list[Points], crease: list[Points]
) -> None:
    """Shade the lids between crease and lashes, the creases, and the folds below."""
    side = len(image)
    skin = np.array(identity.skin)
    lids = [np.concatenate([fold, edge[::-1]]) for fold, edge in zip(crease, upper, strict=True)]
    fill(image, lids, skin * (0.86, 0.75, 0.71), 0.45, 0.003 * side)
    folds = [curve[1:] for curve in crease]
    stroke(image, folds, skin * (0.45, 0.34, 0.32), 0.0065 * side, 0.60, 0.0022 * side)
    bags = [curve[2:-2] + np.array([0, 0.015 * side]) for curve in lower]
    stroke(image, bags, skin * (0.62, 0.50, 0.48), 0.006 * side, 0.18 + 0.25 * identity.age, 0.004 * side)


def _eyeballs(
    identity: Identity, opening: Image, centres: Points, upper: list[Points], box: Box, side: int
) -> Image:
    """Return the eyeballs' RGB inside the box of both openings, darker to the lids."""
    balls = np.empty((*opening.shape, 3), np.uint8)
    balls[:] = (232, 226, 222)
    radius = IRIS_RADIUS * side
    iris = np.array(identity.eyes)
    centres = centres - origin_of(box)
    for centre in centres:
        _disc(balls, centre, radius, iris * 0.42)
        _disc(balls, centre, radius * 0.86, iris)
        _disc(balls, centre + np.array([0, radius * 0.28]), radius * 0.52, np.minimum(255, iris * 1.45 + 8))
        _disc(balls, centre, radius * 0.43, np.array([12, 10, 10]))
    inner = soften(opening, 0.007 * side)
    shade = cv2.convertScaleAbs(inner, alpha=1.25 * 0.44, beta=0.56 * 255)
    balls = np.asarray(cv2.multiply(balls, cv2.cvtColor(shade, cv2.COLOR_GRAY2RGB), scale=1 / 255), np.uint8)
    shadow = [ribbon(curve - origin_of(box), np.full(len(curve), 0.017 * side)) for curve in upper]
    fill(balls, shadow, (40, 26, 24), 0.50, 0.003 * side)
    glint = np.array([radius * 0.45 * np.sign(identity.light.direction[0]), -radius * 0.42])
    for centre in centres:
        _disc(balls, centre + glint, max(0.8, radius * 0.21), np.array([255, 255, 255]))
    return balls


def _disc(image: Image, centre: Points, radius: float, colour: NDArray[np.floating]) -> None:
    at = (round(float(centre[0]) * 16), round(float(centre[1]) * 16))
    cv2.circle(image, at, round(radius * 16), colour.tolist(), -1, cv2.LINE_AA, 4)


def _lashes(image: Image, identity: Identity, upper: list[Points], lower: list[Points]) -> None:
    side = len(image)
    dark = np.array((26.0, 18.0, 16.0)) * 0.6 + np.array(identity.hair_colour) * 0.2
    heavy = identity.lashes
    lines = [ribbon(curve, (0.007 + 0.008 * heavy) * side * _LASH_TAPER) for curve in upper]
    if heavy > 0.5:
        lines += [_wing(curve, side) for curve in upper]
    fill(image, lines, dark, 0.70 + 0.28 * heavy, 0.0012 * side)
    edges = [curve[2:] for curve in lower]
    stroke(image, edges, dark + 30, 0.0045 * side, 0.30 + 0.2 * heavy, 0.0015 * side)


def _wing(upper: Points, side: int) -> Points:
    """Return the outline of the outermost lashes."""
    out = upper[-1] - upper[-3]
    tip = upper[-1] + out * 0.55 + np.array([0, -0.006 * side])
    return ribbon(np.stack([upper[-3], upper[-1], tip]), np.array([0.25, 0.9, 0.25]) * 0.009 * side)


def _brows(image: Image, identity: Identity, brows: list[Points]) -> None:
    side = len(image)
    colour = np.array(identity.hair_colour) * 0.72 + np.array(identity.skin) * 0.06
    if identity.age > 0.8:
        colour = colour * 0.75
    thickness = identity.geometry.brow_thickness * 1.25 * side * _BROW_TAPER
    fill(image, [ribbon(line, thickness * 1.25) for line in brows], colour, 0.55, 0.0045 * side)
    fill(image, [ribbon(line, thickness * 0.8) for line in brows], colour * 0.85, 0.75, 0.002 * side)
