"""The mouth: its outline from shape and action units, and its drawing with teeth, tongue and cavity."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .expression import AU_NAMES
from .identity import Identity
from .paint import Image, blend, box_of, fill, mask_of, soften, stroke
from .rig import JAW_DROP, Motion, Rig, jaw_share
from .visemes import SHAPE_NAMES

Floats = NDArray[np.float64]
Pixels = Callable[[Floats], Floats]

ACROSS = np.linspace(-1, 1, 29)
_BOW = (1 - np.abs(ACROSS) ** 2.4) * (1 - 0.20 * np.exp(-((ACROSS / 0.16) ** 2)) - 0.22 * ACROSS**2)
_PROFILE = np.maximum(0, 1 - np.abs(ACROSS) ** 2.3)
_UNIT = {name: index for index, name in enumerate(AU_NAMES)}
_SHAPE = {name: index for index, name in enumerate(SHAPE_NAMES)}


@dataclass(frozen=True, slots=True)
class Lips:
    """Four curves (29, 2) in canonical coordinates, from image left to right, and what is behind them.

    teeth_y is the upper teeth's edge, jaw the drop of the lower teeth; both in shares of the frame.
    """

    outer_top: Floats
    inner_top: Floats
    inner_bottom: Floats
    outer_bottom: Floats
    teeth_y: float
    jaw: float
    tongue: float
    fullness: float


def lips_of(identity: Identity, units: Floats, shape: Floats) -> Lips:
    """Return the lips of one frame; units (len(AU_NAMES),) and shape (len(SHAPE_NAMES),) are 0..1."""
    g = identity.geometry
    au = {name: float(units[index]) for name, index in _UNIT.items()}
    jaw, part, spread, rounded, press, tuck, tongue = (float(shape[_SHAPE[name]]) for name in SHAPE_NAMES)
    smile, frown, stretch, tight = au["AU12"], au["AU15"], au["AU20"], au["AU23"]
    half = g.mouth_width * (
        1 + 0.22 * smile + 0.20 * stretch + 0.08 * spread - 0.36 * rounded * (1 - 0.5 * smile) - 0.06 * tight
        - 0.08 * jaw - 0.03 * frown
    )  # fmt: skip
    drop = JAW_DROP * jaw
    at_mouth = float(jaw_share(g, np.array([0.0]), np.array([g.mouth_y]))[0])
    corner = 0.24 * drop - 0.006 - 0.052 * smile + 0.045 * frown + 0.012 * stretch
    lift = 0.010 * part + 0.020 * au["AU10"] + 0.008 * au["AU9"] - 0.006 * smile + 0.004 * rounded * part
    gap = part * 0.020 + drop * 0.86 + 0.006 * stretch
    gap *= 1 - press
    chin = 0.012 * au["AU17"]
    middle = g.mouth_y + at_mouth * 0.10 * drop - 0.004 * rounded
    bend = np.abs(ACROSS) ** (1.7 + 0.5 * frown)
    crooked = 1 + identity.asymmetry * np.sign(ACROSS) * 2
    line = middle + (corner - 0.15 * drop * press) * bend * crooked - chin * (1 - bend)
    narrow = (
        (1 - 0.62 * press)
        * (1 - 0.50 * tight)
        * (1 - 0.15 * spread)
        * (1 - 0.22 * smile)
        * (1 - 0.18 * stretch)
    )
    upper = g.upper_lip * narrow * (1 + 0.30 * rounded) * (1 - 0.25 * au["AU10"])
    lower = (
        g.lower_lip
        * narrow
        * (1 + 0.25 * rounded)
        * (1 - 0.55 * tuck)
        * (1 + 0.18 * au["AU17"] * (1 - tight))
    )
    x = half * ACROSS
    inner_top = line - lift * _PROFILE * (1 - press)
    inner_bottom = line + np.maximum(0, gap - 0.010 * tuck) * _PROFILE
    inner_bottom = np.maximum(inner_bottom, inner_top + 0.0005)
    outer_top = inner_top - upper * _BOW
    outer_bottom = inner_bottom + lower * np.maximum(0, 1 - np.abs(ACROSS) ** 2.6) ** 0.75
    return Lips(
        *(np.stack([x, y], 1) for y in (outer_top, inner_top, inner_bottom, outer_bottom)),
        teeth_y=g.mouth_y + 0.012 + 0.35 * (middle - g.mouth_y) - 0.006 * au["AU10"],
        jaw=drop,
        tongue=tongue,
        fullness=narrow,
    )


def draw_mouth(image: Image, identity: Identity, lips: Lips, rig: Rig, motion: Motion) -> None:
    """Draw cavity, teeth, tongue and lips on a canvas of RGB."""
    side = len(image)

    def pixels(points: Floats) -> Floats:
        return rig.project(points, motion) * side - 0.5

    inner = pixels(np.concatenate([lips.inner_top, lips.inner_bottom[::-1]]))
    _shadow_below(image, identity, lips, pixels)
    if float((lips.inner_bottom - lips.inner_top)[:, 1].max()) > 0.003:
        _inside(image, identity, lips, inner, pixels)
    _lips(image, identity, lips, pixels)


def _shadow_below(image: Image, identity: Identity, lips: Lips, pixels: Pixels) -> None:
    """Shade the groove under the lower lip and the corners."""
    side = len(image)
    skin = np.array(identity.skin)
    below = lips.outer_bottom[8:-8] + (0, 0.006)
    groove = np.concatenate([below, below[::-1] * (0.8, 1) + (0, 0.013)])
    fill(image, pixels(groove), skin * (0.52, 0.42, 0.40), 0.34, 0.007 * side)
    for end in (lips.inner_top[0], lips.inner_top[-1]):
        turn = np.linspace(0, 2 * np.pi, 12)
        spot = end + np.stack([0.008 * np.cos(turn), 0.008 * np.sin(turn)], 1)
        fill(image, pixels(spot), skin * (0.40, 0.28, 0.26), 0.5, 0.005 * side)


def _inside(image: Image, identity: Identity, lips: Lips, inner: Floats, pixels: Pixels) -> None:
    """Draw what the open lips show, clipped by their inner edge."""
    side = len(image)
    box = box_of(inner, 2, image.shape)
    if box is None:
        return
    opening = mask_of(inner, box)
    origin = (box[1].start, box[0].start)

    def local(points: Floats) -> Floats:
        return pixels(points) - origin

    region = np.empty((*opening.shape, 3), np.uint8)
    region[:] = (46, 14, 16)
    width = float(lips.inner_top[-1, 0])
    _tongue(region, lips, width, local, side)
    _teeth(region, lips, width, local, side)
    # The lips' own shadow, deepest in the corners.
    depth = soften(np.ascontiguousarray(opening), 0.010 * side)
    shaded = region * (0.45 + 0.55 * np.clip(depth[..., None] / np.float32(235), 0, 1))
    blend(image[box], shaded, opening)


def _tongue(region: Image, lips: Lips, width: float, local: Pixels, side: int) -> None:
    floor = float(lips.inner_bottom[:, 1].max())
    top = floor - 0.014 - 0.16 * lips.jaw - lips.tongue * (floor - lips.teeth_y) * 0.75
    turn = np.linspace(0, 2 * np.pi, 28)
    height = max(0.012, floor - top)
    body = np.stack([width * 0.58 * np.cos(turn), floor + 0.010 + height * np.sin(turn)], 1)
    fill(region, local(body), (176, 78, 82), 1.0, 0.003 * side)
    shine = np.stack([width * 0.25 * np.cos(turn), floor - height * 0.45 + height * 0.22 * np.sin(turn)], 1)
    fill(region, local(shine), (208, 116, 116), 0.55, 0.006 * side)


def _teeth(region: Image, lips: Lips, width: float, local: Pixels, side: int) -> None:
    """Draw both rows; the upper one hangs on the skull, the lower one moves with the jaw."""
    row = np.linspace(-1, 1, 15)
    arch = 1 - 0.35 * row**2
    reach = width * 0.80
    edge = np.stack([reach * row, lips.teeth_y - 0.012 * (1 - arch)], 1)
    upper = np.concatenate([edge, edge[::-1] - (0, 0.045)])
    fill(region, local(upper), (232, 226, 214), 1.0, 0.0015 * side)
    low = lips.teeth_y + 0.004 + 0.94 * lips.jaw
    bite = np.stack([reach * 0.85 * row, low + 0.010 * (1 - arch)], 1)
    fill(region, local(np.concatenate([bite, bite[::-1] + (0, 0.05)])), (206, 198, 186), 1.0, 0.0015 * side)
    if side >= 256:
        for tooth in np.array([-0.64, -0.42, -0.21, 0.0, 0.21, 0.42, 0.64]):
            gap = np.array([(reach * tooth, lips.teeth_y - 0.03), (reach * tooth, lips.teeth_y - 0.001)])
            stroke(region, local(gap), (150, 134, 122), 0.004 * side, 0.5)


def _lips(image: Image, identity: Identity, lips: Lips, pixels: Pixels) -> None:
    side = len(image)
    tone = np.array(identity.lips)
    lx = identity.light.direction[0]
    soft = 0.0030 * side
    upper = pixels(np.concatenate([lips.outer_top, lips.inner_top[::-1]]))
    lower = pixels(np.concatenate([lips.inner_bottom, lips.outer_bottom[::-1]]))
    fill(image, upper, tone * 0.84, 0.94, soft)
    fill(image, lower, tone * 1.02, 0.94, soft)
    inset = slice(6, -6)
    top, bottom = lips.inner_bottom[inset], lips.outer_bottom[inset]
    shine = np.concatenate([top * 0.65 + bottom * 0.35, (top * 0.35 + bottom * 0.65)[::-1]])
    bright = np.minimum(255, tone * 1.22 + 26)
    fill(image, pixels(shine * (0.75, 1) + (0.02 * lx, 0)), bright, 0.55 * lips.fullness, 0.004 * side)
    ridge = lips.outer_top[5:-5] * 0.8 + lips.inner_top[5:-5] * 0.2
    stroke(image, pixels(ridge), np.minimum(255, tone * 1.12 + 14), 0.005 * side, 0.35, 0.002 * side)
    seam = tone * (0.40, 0.30, 0.30)
    stroke(image, pixels(lips.inner_top), seam, 0.0085 * side, 0.75, 0.0016 * side)
    stroke(image, pixels(lips.inner_bottom), seam, 0.005 * side, 0.45, 0.0016 * side)
