"""How skin moves: head contour, depth, the displacement that action units cause, and projection.

Canonical coordinates: x from the face's middle line to the right, y from the frame's top down, z to the
viewer, all as shares of the frame's side. The head is turned in 3-D about PIVOT and projected without
perspective; `inverse_map` is the same motion backwards, for warping a texture.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .expression import AU_NAMES
from .identity import Geometry

Floats = NDArray[np.float64]
Images = NDArray[np.float32]

PIVOT = np.array([0.0, 0.52, -0.05])
# The canonical point in the frame's middle, and how much the head is enlarged: from brow to chin a face
# fills the frame, and the mouth of a 64 px frame is at least 16 px wide.
VIEW_CENTRE = np.array([0.0, 0.537])
VIEW_SCALE = 1.06
JAW_DROP = 0.10  # of the chin, share of the frame, at AU26 = 1
MARGIN = 0.125  # the texture reaches this far beyond the frame on each side
SKULL_TOP = 0.075
_FRONT, _FRONT_Y = 0.25, 0.50  # the ellipsoid's nearest point
_FALL = np.array([0.25 * 0.85 / 0.29**2, 0.25 * 0.45 / 0.42**2])
_TEXTURE_ORIGIN = PIVOT[:2] + np.array([0.5 + MARGIN, MARGIN])
_LATTICE = 64
_ITERATIONS = 4


@dataclass(frozen=True, slots=True)
class Motion:
    """One frame's rigid and skin motion: rotation (3, 3), shift (2,), field weights (fields,)."""

    rotation: Floats
    shift: Floats
    weights: Floats


def motion_of(pose: Floats, shift: Floats, units: Floats) -> Motion:
    """Return the motion of one frame; pose is pitch, yaw, roll in degrees (up, to image right, clockwise)."""
    pitch, yaw, roll = np.radians(pose)
    cp, sp, cy, sy, cr, sr = (f(a) for a in (pitch, yaw, roll) for f in (np.cos, np.sin))
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return Motion(about_z @ about_x @ about_y, shift, units)


def contour(geometry: Geometry, points: int = 160) -> Floats:
    """Return the right half of the head's outline from the crown to the chin, (points, 2)."""
    from scipy.interpolate import PchipInterpolator  # slow to import, and only who draws needs it

    cheek, jaw, chin = geometry.cheek_width, geometry.jaw_width, geometry.chin_width
    bottom = geometry.chin_y
    crown = np.linspace(0, np.pi / 2, 8)
    upper = np.stack([cheek * np.sin(crown) ** 0.9, 0.40 - (0.40 - SKULL_TOP) * np.cos(crown)], 1)
    angle = bottom - 0.155
    lower = np.array([
        (cheek * 0.995, 0.50), (cheek * 0.62 + jaw * 0.40, 0.59), (jaw * 1.085, angle - 0.06),
        (jaw * 0.99, angle + 0.005), (jaw * 0.56 + chin * 0.50, angle + 0.068),
        (chin * 1.22, bottom - 0.040), (chin * 0.72, bottom - 0.011), (0.0, bottom),
    ])  # fmt: skip
    knots = np.concatenate([upper, lower])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    return np.asarray(PchipInterpolator(along, knots)(np.linspace(0, along[-1], points)))


def half_width(geometry: Geometry, y: NDArray[np.floating]) -> Floats:
    """Return half the head's width at each height, 0 above the crown and below the chin."""
    outline = contour(geometry, 400)
    return np.asarray(np.interp(y, outline[:, 1], outline[:, 0], left=0.0, right=0.0))


def skull_depth(x: NDArray[np.floating], y: NDArray[np.floating]) -> Floats:
    """Return a smooth depth for parallax: a head-sized ellipsoid; hair beside it lies behind."""
    head = _FRONT - _FALL[0] * x * x - _FALL[1] * (y - _FRONT_Y) ** 2
    return np.asarray(np.maximum(head, -0.12))


def depth(geometry: Geometry, x: NDArray[np.floating], y: NDArray[np.floating]) -> Floats:
    """Return the depth of the skull with its nose."""
    ridge = np.clip((y - geometry.eye_y) / (geometry.nose_y - 0.03 - geometry.eye_y), 0, 1)
    below = np.exp(-((np.maximum(0, y - geometry.nose_y + 0.03) / 0.025) ** 2))
    nose = geometry.nose_depth * ridge * below * np.exp(-((x / 0.036) ** 2))
    return np.asarray(skull_depth(x, y) + nose)


def _smoothstep(value: Floats) -> Floats:
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)


def _blob(x: Floats, y: Floats, cx: float, cy: float, sx: float, sy: float) -> Floats:
    return np.asarray(np.exp(-(((np.abs(x) - cx) / sx) ** 2) - ((y - cy) / sy) ** 2))


def displacement_fields(geometry: Geometry, x: Floats, y: Floats) -> Floats:
    """Return how skin at (x, y) moves per unit of each action unit, (len(AU_NAMES), ..., 2)."""
    g = geometry
    fields = np.zeros((len(AU_NAMES), *x.shape, 2))
    side = np.sign(x)

    def move(unit: str, weight: Floats, dx: float, dy: float) -> None:
        fields[AU_NAMES.index(unit)] += np.stack([side * weight * dx, weight * dy], axis=-1)

    move("AU1", _blob(x, y, 0.0, g.brow_y - 0.03, 0.10, 0.05), 0, -0.016)
    move("AU2", _blob(x, y, 0.16, g.brow_y - 0.03, 0.07, 0.05), 0, -0.014)
    move("AU4", _blob(x, y, 0.05, g.brow_y, 0.08, 0.04), -0.006, 0.012)
    cheek = _blob(x, y, 0.16, 0.57, 0.07, 0.06)
    move("AU6", cheek, 0, -0.014)
    move("AU9", _blob(x, y, 0.03, g.nose_y - 0.02, 0.05, 0.05), 0.004, -0.022)
    move("AU10", _blob(x, y, 0.05, g.nose_y + 0.02, 0.05, 0.05), 0.002, -0.010)
    corner = _blob(x, y, g.mouth_width, g.mouth_y, 0.06, 0.06)
    move("AU12", corner, 0.018, -0.024)
    move("AU12", cheek, 0.004, -0.012)
    move("AU15", corner, 0.0, 0.022)
    move("AU17", _blob(x, y, 0.0, g.chin_y - 0.05, 0.09, 0.05), 0, -0.014)
    move("AU20", _blob(x, y, g.mouth_width, g.mouth_y + 0.02, 0.07, 0.07), 0.020, 0.008)
    fields[AU_NAMES.index("AU26"), ..., 1] = JAW_DROP * jaw_share(geometry, x, y)
    return fields


def jaw_share(geometry: Geometry, x: Floats, y: Floats) -> Floats:
    """Return what share of the chin's drop the skin at (x, y) follows: 0 at the nose, 1 at the chin."""
    start = geometry.nose_y + 0.02
    vertical = _smoothstep((y - start) / (geometry.chin_y - 0.06 - start))
    outside = np.abs(x) - np.maximum(half_width(geometry, np.minimum(y, geometry.chin_y - 0.03)), 0.06)
    return np.asarray(vertical * (1 - _smoothstep((outside - 0.01) / 0.06)))


class Rig:
    """The moving skin of one speaker: forward for points, backward for textures."""

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry
        line = (np.arange(_LATTICE) + 0.5) / _LATTICE * (1 + 2 * MARGIN) - MARGIN
        x, y = np.meshgrid(line - 0.5, line)
        fields = displacement_fields(geometry, x, y).astype(np.float32)
        self._moving = np.flatnonzero(fields.any(axis=(1, 2, 3)))
        self._fields = fields[self._moving]
        self._depth = depth(geometry, x, y).astype(np.float32)

    def project(self, points: Floats, motion: Motion, side: int) -> Floats:
        """Return where canonical points (N, 2), already displaced, lie in a frame of `side` px."""
        raised = depth(self.geometry, points[:, 0], points[:, 1])
        return _rotate(points, raised, motion, side)

    def projector(self, motion: Motion, side: int) -> Callable[[Floats], Floats]:
        """Return `project` for features beside the nose (eyes, brows, mouth), made quick."""
        plane = motion.rotation[:2, :2].T * (VIEW_SCALE * side)
        aside = motion.rotation[:2, 2] * (VIEW_SCALE * side)
        front = np.array([[0.0, _FRONT_Y]])
        origin = _rotate(front, np.array([_FRONT]), motion, side) - front @ plane

        def pixels(points: Floats) -> Floats:
            away = points - front
            away *= away
            placed = points @ plane
            placed += origin
            placed -= (away @ _FALL)[:, None] * aside
            return placed

        return pixels

    def inverse_map(self, motion: Motion, side: int) -> Images:
        """Return for every pixel of a frame the texture pixel to fetch, (side, side, 2).

        Solved by fixed-point iteration on a coarse grid, then interpolated.
        """
        table = np.concatenate(
            [
                np.tensordot(motion.weights[self._moving].astype(np.float32), self._fields, axes=1),
                self._depth[..., None],
            ],
            axis=-1,
        )
        plane = np.linalg.inv(motion.rotation[:2, :2])
        aside = motion.rotation[:2, 2]
        cell, target = _coarse_targets(side)
        target = target - motion.shift / VIEW_SCALE
        point = target @ plane.T
        for _ in range(_ITERATIONS):
            where = _to_lattice(point)
            here = cv2.remap(
                table, where[..., 0], where[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            raised = here[..., 2:] - PIVOT[2]
            point = (target - raised * aside) @ plane.T - here[..., :2]
        texel = (point + _TEXTURE_ORIGIN) * side - 0.5
        fine = cv2.resize(texel.astype(np.float32), None, fx=cell, fy=cell, interpolation=cv2.INTER_LINEAR)
        return np.asarray(fine[cell : cell + side, cell : cell + side], np.float32)


def _rotate(points: Floats, raised: Floats, motion: Motion, side: int) -> Floats:
    """Turn canonical points at a depth about PIVOT and bring them to px."""
    turned = (points - PIVOT[:2]) @ motion.rotation[:2, :2].T
    turned += (raised - PIVOT[2])[:, None] * motion.rotation[:2, 2]
    return to_view(turned + PIVOT[:2], side) + motion.shift * side


def to_view(points: Floats, side: int) -> Floats:
    """Return canonical points (N, 2) of a head at rest in px of a frame."""
    return np.asarray((points - VIEW_CENTRE) * (VIEW_SCALE * side) + (side / 2 - 0.5))


@lru_cache(maxsize=4)
def _coarse_targets(side: int) -> tuple[int, Floats]:
    """Return the grid's cell in px and its points relative to PIVOT, one cell beyond the frame."""
    cell = 8 if side <= 256 else 16
    line = ((np.arange(-(-side // cell) + 2) - 0.5) * cell) / side
    x, y = np.meshgrid(line, line)
    view = np.stack([x, y], axis=-1)
    return cell, (view - 0.5) / VIEW_SCALE + VIEW_CENTRE - PIVOT[:2]


def _to_lattice(point: Floats) -> Images:
    canonical = point + _TEXTURE_ORIGIN
    return np.asarray(canonical * (_LATTICE / (1 + 2 * MARGIN)) - 0.5, np.float32)
