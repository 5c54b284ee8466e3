"""Eyes and brows: their outlines from action units and gaze, and their drawing."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .expression import AU_NAMES
from .identity import Identity
from .paint import Image, blend, box_of, fill, mask_of, ribbon, soften, stroke
from .rig import Motion, Rig

Floats = NDArray[np.float64]
Pixels = Callable[[Floats], Floats]

ALONG = np.linspace(-1, 1, 17)  # inner to outer corner
_ARCH = np.maximum(0, 1 - np.abs(ALONG + 0.10 * (1 - ALONG**2)) ** 2.2)
_UNIT = {name: index for index, name in enumerate(AU_NAMES)}
IRIS_RADIUS = 0.0275


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye and brow in canonical coordinates; curves run from the inner to the outer corner.

    upper, lower, crease: (17, 2); brow: (17, 2) with thickness (17,); iris: (2,); openness 0..1.2.
    """

    upper: Floats
    lower: Floats
    crease: Floats
    brow: Floats
    thickness: Floats
    iris: Floats
    openness: float


def eye_of(identity: Identity, units: Floats, gaze: Floats, mirror: int) -> Eye:
    """Return the eye on the image's right (mirror 1) or left (-1)."""
    g = identity.geometry
    au = {name: float(units[index]) for name, index in _UNIT.items()}
    shut = min(1.0, au["AU43"])
    openness = 1 + 0.55 * au["AU5"] - 0.22 * au["AU7"] * (1 - au["AU5"]) - 0.10 * au["AU4"] - 0.15 * au["AU6"]
    top = g.eye_height * openness * (1 - shut)
    floor = g.eye_height * (0.62 - 0.34 * au["AU7"] - 0.36 * au["AU6"] + 0.10 * au["AU5"])
    bottom = floor * (1 - 0.35 * shut)
    tilt = -g.eye_tilt * g.eye_width * ALONG
    x = g.eye_spacing + g.eye_width * ALONG
    upper = g.eye_y + tilt - top * _ARCH + bottom * 0.8 * shut * _ARCH
    lower = g.eye_y + tilt + bottom * _ARCH**1.2
    hood = 0.014 + 0.004 * identity.age - 0.007 * au["AU4"] - 0.004 * au["AU6"]
    crease = np.minimum(g.eye_y + tilt - (g.eye_height * (0.45 + 0.55 * openness)) * _ARCH, upper) - hood * (
        0.35 + 0.65 * _ARCH
    )
    brow, thickness = _brow(identity, au)
    iris = np.array(
        [g.eye_spacing + mirror * 0.016 * gaze[0], g.eye_y - 0.10 * g.eye_height + 0.008 * gaze[1]]
    )
    flip = np.array([mirror, 1])
    return Eye(
        np.stack([x, np.minimum(upper, lower)], 1) * flip,
        np.stack([x, lower], 1) * flip,
        np.stack([x, crease], 1) * flip,
        brow * flip,
        thickness,
        iris * flip,
        openness * (1 - shut),
    )


def _brow(identity: Identity, au: dict[str, float]) -> tuple[Floats, Floats]:
    """Return the brow's middle line (17, 2) on the right side and its thickness."""
    g = identity.geometry
    inner, outer = np.clip(0.5 - 0.75 * ALONG, 0, 1), np.clip(0.45 + 0.75 * ALONG, 0, 1)
    x = g.eye_spacing + 0.004 + g.eye_width * 1.28 * ALONG
    x = x - 0.018 * au["AU4"] * inner
    arch = g.brow_arch * (1 - (ALONG - 0.35) ** 2 / 1.3)
    y = g.brow_y + 0.006 - arch
    y = y - 0.042 * au["AU1"] * inner**1.2 - 0.038 * au["AU2"] * outer
    y = y + au["AU4"] * (1 - 0.6 * au["AU1"]) * (0.034 * inner + 0.012 * outer) + 0.008 * au["AU9"] * inner
    taper = np.sin(np.linspace(0.55, np.pi - 0.12, len(ALONG))) ** 0.7
    return np.stack([x, y], 1), g.brow_thickness * taper * 1.25


def draw_eye(image: Image, identity: Identity, eye: Eye, rig: Rig, motion: Motion) -> None:
    """Draw brow, lids, eyeball and lashes on a canvas of RGB."""
    side = len(image)

    def pixels(points: Floats) -> Floats:
        return rig.project(points, motion) * side - 0.5

    _lid(image, identity, eye, pixels)
    upper, lower = pixels(eye.upper), pixels(eye.lower)
    outline = np.concatenate([upper, lower[::-1]])
    box = box_of(outline, 2, image.shape)
    if box is not None and eye.openness > 0.06:
        opening = mask_of(outline, box)
        centre = pixels(eye.iris[None])[0] - (box[1].start, box[0].start)
        ball = _eyeball(identity, opening, centre, upper - (box[1].start, box[0].start), side)
        blend(image[box], ball, opening)
    _lashes(image, identity, eye, upper, lower, side)
    _draw_brow(image, identity, eye, pixels)


def _lid(image: Image, identity: Identity, eye: Eye, pixels: Pixels) -> None:
    """Shade the lid between crease and lashes, and the crease itself."""
    side = len(image)
    skin = np.array(identity.skin)
    lid = np.concatenate([eye.crease, eye.upper[::-1]])
    fill(image, pixels(lid), skin * (0.86, 0.75, 0.71), 0.45, 0.003 * side)
    stroke(image, pixels(eye.crease[1:]), skin * (0.45, 0.34, 0.32), 0.0065 * side, 0.60, 0.0022 * side)
    bag = eye.lower[2:-2] + (0, 0.014)
    stroke(
        image, pixels(bag), skin * (0.62, 0.50, 0.48), 0.006 * side, 0.18 + 0.25 * identity.age, 0.004 * side
    )


def _eyeball(identity: Identity, opening: Image, centre: Floats, upper: Floats, side: int) -> Image:
    """Return the eyeball's RGB inside the opening's box."""
    ball = np.empty((*opening.shape, 3), np.uint8)
    ball[:] = (232, 226, 222)
    radius = IRIS_RADIUS * side
    iris = np.array(identity.eyes, np.float64)
    _disc(ball, centre, radius, iris * 0.42)
    _disc(ball, centre, radius * 0.86, iris)
    _disc(ball, centre + (0, radius * 0.28), radius * 0.52, np.minimum(255, iris * 1.45 + 8))
    _disc(ball, centre, radius * 0.43, (12, 10, 10))
    shaded = ball.astype(np.float32)
    inner = soften(np.ascontiguousarray(opening), 0.007 * side).astype(np.float32) / 255
    shaded *= (0.56 + 0.44 * np.clip(inner * 1.25, 0, 1))[..., None]
    ball = np.asarray(shaded, np.uint8)
    lid_shadow = ribbon(upper, np.full(len(upper), 0.017 * side))
    fill(ball, lid_shadow, (40, 26, 24), 0.50, 0.003 * side)
    lx, ly, _ = identity.light.direction
    _disc(
        ball, centre + (radius * 0.45 * np.sign(lx), -radius * 0.42), max(0.8, radius * 0.21), (255, 255, 255)
    )
    return ball


def _disc(image: Image, centre: Floats, radius: float, colour: Floats | tuple[float, ...]) -> None:
    at = np.rint(np.asarray(centre) * 16).astype(int).tolist()
    cv2.circle(image, at, round(radius * 16), np.asarray(colour, float).tolist(), -1, cv2.LINE_AA, 4)


def _lashes(image: Image, identity: Identity, eye: Eye, upper: Floats, lower: Floats, side: int) -> None:
    dark = np.array((26.0, 18.0, 16.0)) * 0.6 + np.array(identity.hair_colour) * 0.2
    heavy = identity.lashes
    profile = (0.45 + 0.55 * np.linspace(0, 1, len(upper))) * np.sin(
        np.linspace(0.4, np.pi - 0.25, len(upper))
    ) ** 0.5
    line = ribbon(upper, (0.007 + 0.008 * heavy) * side * profile)
    fill(image, line, dark, 0.70 + 0.28 * heavy, 0.0012 * side)
    stroke(image, lower[2:], dark + 30, 0.0045 * side, 0.30 + 0.2 * heavy, 0.0015 * side)
    if heavy > 0.5:
        out = upper[-1] - upper[-3]
        wing = np.stack([upper[-3], upper[-1], upper[-1] + out * 0.55 + (0, -0.006 * side)])
        stroke(image, wing, dark, 0.009 * side, 0.8, 0.001 * side)


def _draw_brow(image: Image, identity: Identity, eye: Eye, pixels: Pixels) -> None:
    side = len(image)
    colour = np.array(identity.hair_colour) * 0.72 + np.array(identity.skin) * 0.06
    if identity.age > 0.8:
        colour = colour * 0.75
    line = pixels(eye.brow)
    fill(image, ribbon(line, eye.thickness * side * 1.25), colour, 0.55, 0.0045 * side)
    fill(image, ribbon(line, eye.thickness * side * 0.8), colour * 0.85, 0.75, 0.002 * side)
