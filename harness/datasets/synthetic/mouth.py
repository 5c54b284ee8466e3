"""The mouth: its outline from shape and action units, and its drawing with teeth, tongue and cavity."""

from dataclasses import dataclass

import cv2
import numpy as np

from .expression import AU_NAMES
from .identity import Identity
from .paint import (
    Image,
    Pixels,
    Points,
    blend,
    box_of,
    ellipse,
    fill,
    fill_sharp,
    mask_of,
    origin_of,
    ribbon,
    soften,
    stroke,
)
from .rig import JAW_DROP
from .visemes import SHAPE_NAMES

ACROSS = np.linspace(-1, 1, 29)
_AWAY = np.abs(ACROSS)
_BOW = (1 - _AWAY**2.4) * (1 - 0.20 * np.exp(-((ACROSS / 0.16) ** 2)) - 0.22 * ACROSS**2)
_PROFILE = 1 - _AWAY**2.3
_LOWER = (1 - _AWAY**2.6) ** 0.75
_ROW = np.linspace(-1, 1, 15)
_ARCH = 0.35 * _ROW**2
_SEAM = np.sin(0.25 + (np.pi - 0.5) * np.linspace(0, 1, len(ACROSS)))
_CIRCLE = ellipse(24)
_TEETH_GAPS = (-0.64, -0.42, -0.21, 0.0, 0.21, 0.42, 0.64)


@dataclass(frozen=True, slots=True)
class Lips:
    """Four curves (29, 2) in canonical coordinates, from image left to right, and what is behind them.

    teeth_y is the upper teeth's edge, drop how far the lower teeth are below it, both as shares of the
    frame; tongue is 0..1 up to the teeth; fullness is 1 for relaxed lips and less when pressed or tight.
    """

    outer_top: Points
    inner_top: Points
    inner_bottom: Points
    outer_bottom: Points
    teeth_y: float
    drop: float
    tongue: float
    fullness: float

    @property
    def gap(self) -> float:
        """The height of the opening, share of the frame."""
        return float((self.inner_bottom[:, 1] - self.inner_top[:, 1]).max())


def lips_of(identity: Identity, units: Points, shape: Points) -> Lips:
    """Return the lips of one frame; units (len(AU_NAMES),) and shape (len(SHAPE_NAMES),) are 0..1."""
    g = identity.geometry
    au = dict(zip(AU_NAMES, units.tolist(), strict=True))
    mouth = dict(zip(SHAPE_NAMES, shape.tolist(), strict=True))
    part, rounded, press, tuck = (mouth[name] for name in ("part", "round", "press", "tuck"))
    smile, frown, stretch, tight = (au[name] for name in ("AU12", "AU15", "AU20", "AU23"))
    drop = JAW_DROP * mouth["jaw"]
    half = g.mouth_width * _widening(au, mouth)
    corner = 0.24 * drop - 0.002 - 0.052 * smile + 0.045 * frown + 0.012 * stretch
    lift = 0.010 * part + 0.020 * au["AU10"] + 0.008 * au["AU9"] - 0.006 * smile + 0.004 * rounded * part
    gap = (part * 0.020 + drop * 0.90 + 0.006 * stretch) * (1 - press) - 0.010 * tuck
    middle = g.mouth_y + 0.03 * drop - 0.004 * rounded
    bend = _AWAY ** (1.7 + 0.5 * frown)
    crooked = 1 + 2 * identity.asymmetry * np.sign(ACROSS)
    line = middle + (corner - 0.15 * drop * press) * bend * crooked - 0.012 * au["AU17"] * (1 - bend)
    narrow = (1 - 0.62 * press) * (1 - 0.50 * tight) * (1 - 0.15 * mouth["spread"])
    narrow *= (1 - 0.22 * smile) * (1 - 0.18 * stretch)
    upper = g.upper_lip * narrow * (1 + 0.30 * rounded) * (1 - 0.25 * au["AU10"])
    lower = g.lower_lip * narrow * (1 + 0.25 * rounded) * (1 - 0.55 * tuck)
    lower *= 1 + 0.18 * au["AU17"] * (1 - tight)
    inner_top = line - lift * (1 - press) * _PROFILE
    inner_bottom = np.maximum(line + max(0.0, gap) * _PROFILE, inner_top + 0.0005)
    x = half * ACROSS
    return Lips(
        outer_top=np.stack([x, inner_top - upper * _BOW], 1),
        inner_top=np.stack([x, inner_top], 1),
        inner_bottom=np.stack([x, inner_bottom], 1),
        outer_bottom=np.stack([x, inner_bottom + lower * _LOWER], 1),
        teeth_y=g.mouth_y + 0.012 - 0.006 * au["AU10"],
        drop=drop,
        tongue=mouth["tongue"],
        fullness=narrow,
    )


def _widening(au: dict[str, float], mouth: dict[str, float]) -> float:
    """Return the factor on the mouth's width."""
    wider = 0.22 * au["AU12"] + 0.20 * au["AU20"] + 0.08 * mouth["spread"]
    rounded = 0.36 * mouth["round"] * (1 - 0.5 * au["AU12"])
    return 1 + wider - rounded - 0.06 * au["AU23"] - 0.08 * mouth["jaw"] - 0.03 * au["AU15"]


def draw_mouth(image: Image, identity: Identity, lips: Lips, pixels: Pixels) -> None:
    """Draw cavity, teeth, tongue and lips on a canvas of RGB."""
    curves = np.concatenate([lips.outer_top, lips.inner_top, lips.inner_bottom, lips.outer_bottom])
    outer_top, inner_top, inner_bottom, outer_bottom = pixels(curves).reshape(4, -1, 2)
    _shadows(image, identity, inner_top, outer_bottom)
    if lips.gap > 0.003:
        _inside(image, lips, np.concatenate([inner_top, inner_bottom[::-1]]), pixels)
    _upper_lip(image, identity, outer_top, inner_top)
    _lower_lip(image, identity, inner_bottom, outer_bottom, lips.fullness)
    side = len(image)
    edges = [ribbon(inner_top, 0.0085 * side * _SEAM), ribbon(inner_bottom, 0.004 * side * _SEAM)]
    fill(image, edges, np.array(identity.lips) * (0.40, 0.30, 0.30), 0.70, 0.0016 * side)


def _shadows(image: Image, identity: Identity, inner_top: Points, outer_bottom: Points) -> None:
    """Shade the groove under the lower lip and the corners; curves in px."""
    side = len(image)
    skin = np.array(identity.skin)
    below = outer_bottom[8:-8] + np.array([0, 0.006 * side])
    middle = below.mean(0)
    groove = np.concatenate(
        [below, ((below - middle) * (0.8, 1) + middle)[::-1] + np.array([0, 0.014 * side])]
    )
    fill(image, [groove], skin * (0.52, 0.42, 0.40), 0.34, 0.007 * side)
    corners = [end + 0.0085 * side * _CIRCLE for end in (inner_top[0], inner_top[-1])]
    fill(image, corners, skin * (0.40, 0.28, 0.26), 0.5, 0.005 * side)


def _inside(image: Image, lips: Lips, inner: Points, pixels: Pixels) -> None:
    """Draw what the open lips show, clipped by their inner edge (N, 2) px."""
    side = len(image)
    box = box_of([inner], 2, image.shape)
    if box is None:
        return
    opening = mask_of([inner], box)
    origin = origin_of(box)
    region = np.empty((*opening.shape, 3), np.uint8)
    region[:] = (46, 14, 16)
    _tongue(region, lips, lambda points: pixels(points) - origin, side)
    _teeth(region, lips, lambda points: pixels(points) - origin, side)
    # The lips' own shadow, deepest in the corners.
    depth = cv2.convertScaleAbs(soften(opening, 0.009 * side), alpha=0.58, beta=0.42 * 255)
    shaded = cv2.multiply(region, cv2.cvtColor(depth, cv2.COLOR_GRAY2RGB), scale=1 / 255)
    blend(image[box], np.asarray(shaded, np.uint8), opening)


def _tongue(region: Image, lips: Lips, local: Pixels, side: int) -> None:
    width = float(lips.inner_top[-1, 0])
    floor = float(lips.inner_bottom[:, 1].max())
    rise = 0.014 + 0.16 * lips.drop + lips.tongue * max(0.0, floor - lips.teeth_y) * 0.75
    body = _CIRCLE * (width * 0.58, rise) + np.array([0, floor + 0.010])
    fill_sharp(region, local(body), (176, 78, 82))
    shine = _CIRCLE * (width * 0.25, rise * 0.22) + np.array([0, floor - rise * 0.45])
    fill(region, [local(shine)], (208, 116, 116), 0.55, 0.006 * side)


def _teeth(region: Image, lips: Lips, local: Pixels, side: int) -> None:
    """Draw both rows; the upper one hangs on the skull, the lower one moves with the jaw."""
    reach = float(lips.inner_top[-1, 0]) * 0.80
    edge = np.stack([reach * _ROW, lips.teeth_y - 0.012 * _ARCH], 1)
    upper = np.concatenate([edge, edge[::-1] - np.array([0, 0.045])])
    fill_sharp(region, local(upper), (232, 226, 214))
    bite = np.stack([reach * 0.85 * _ROW, lips.teeth_y + 0.004 + 0.94 * lips.drop + 0.010 * _ARCH], 1)
    lower = np.concatenate([bite, bite[::-1] + np.array([0, 0.05])])
    fill_sharp(region, local(lower), (206, 198, 186))
    ends = [(reach * gap, lips.teeth_y - up) for gap in _TEETH_GAPS for up in (0.03, 0.001)]
    gaps = local(np.array(ends)).reshape(-1, 2, 2)
    stroke(region, list(gaps), (150, 134, 122), 0.006 * side, 0.4)


def _upper_lip(image: Image, identity: Identity, outer: Points, inner: Points) -> None:
    """Paint the upper lip, which faces down and is darker, with the light on its rim; curves in px."""
    side = len(image)
    tone = np.array(identity.lips)
    fill(image, [np.concatenate([outer, inner[::-1]])], tone * 0.84, 0.94, 0.0030 * side)
    ridge = outer[5:-5] * 0.8 + inner[5:-5] * 0.2
    stroke(image, [ridge], np.minimum(255, tone * 1.12 + 14), 0.005 * side, 0.35, 0.002 * side)


def _lower_lip(image: Image, identity: Identity, inner: Points, outer: Points, fullness: float) -> None:
    """Paint the lower lip and its gloss; curves in px."""
    side = len(image)
    tone = np.array(identity.lips)
    fill(image, [np.concatenate([inner, outer[::-1]])], tone * 1.02, 0.94, 0.0030 * side)
    top, bottom = inner[8:-8], outer[8:-8]
    shine = np.concatenate([top * 0.65 + bottom * 0.35, (top * 0.35 + bottom * 0.65)[::-1]])
    shine = shine + np.array([0.02 * side * identity.light.direction[0], 0])
    fill(image, [shine], np.minimum(255, tone * 1.22 + 26), 0.55 * fullness, 0.004 * side)
