"""Folds and bulges that action units raise: soft shading maps mixed by intensity and laid over the skin."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .expression import AU_NAMES
from .identity import Identity
from .skin import canonical_grid, to_texels

Images = NDArray[np.float32]
Floats = NDArray[np.float64]

_Fold = tuple[list[tuple[float, float]], float, float]  # points on the right half, width, darkness


class Wrinkles:
    """One speaker's shading maps, (units, N, N) at the frame's own resolution; > 0 darkens."""

    def __init__(self, identity: Identity, size: int) -> None:
        self._units = [name for name in AU_NAMES if _folds(identity, name) or _bulges(identity, name)]
        self._index = [AU_NAMES.index(name) for name in self._units]
        maps = np.stack([_map(identity, name, size) for name in self._units])
        self._maps = maps.reshape(len(maps), -1)
        self._shape = maps.shape[1:]

    def shading(self, units: Floats) -> NDArray[np.uint8]:
        """Return the factor on brightness, 128 is 1.0, for the units (len(AU_NAMES),) of one frame."""
        weights = units[self._index].astype(np.float32)
        dark = (weights @ self._maps).reshape(self._shape)
        return np.asarray(np.clip(128 * (1 - dark), 50, 190), np.uint8)


def _folds(identity: Identity, unit: str) -> list[_Fold]:
    """Return the lines that a unit draws in the skin."""
    g = identity.geometry
    brow, eye, nose, mouth = g.brow_y, g.eye_y, g.nose_y, g.mouth_y
    middle, outer, corner = g.eye_spacing, g.eye_spacing + g.eye_width, g.mouth_width
    nasolabial = [
        (g.nose_width + 0.008, nose - 0.022),
        (0.095, nose + 0.030),
        (corner + 0.030, mouth - 0.015),
        (corner + 0.034, mouth + 0.012),
    ]
    forehead = [brow - shift for shift in (0.050, 0.078, 0.106)]
    folds: dict[str, list[_Fold]] = {
        "AU1": [([(0.0, y - 0.004), (0.05, y - 0.006), (0.10, y + 0.004)], 0.007, 0.22) for y in forehead],
        "AU2": [([(0.07, y), (0.13, y - 0.008), (0.19, y + 0.010)], 0.007, 0.20) for y in forehead[:2]],
        "AU4": [
            ([(0.020, brow - 0.030), (0.017, brow + 0.005), (0.022, brow + 0.030)], 0.009, 0.38),
            ([(0.045, eye - 0.032), (0.085, eye - 0.036)], 0.022, 0.20),
        ],
        "AU6": [
            ([(outer + 0.010, eye - 0.004), (outer + 0.038, eye - 0.016)], 0.006, 0.24),
            ([(outer + 0.010, eye + 0.006), (outer + 0.040, eye + 0.010)], 0.006, 0.24),
            ([(middle - 0.05, eye + 0.034), (middle, eye + 0.044), (outer, eye + 0.030)], 0.010, 0.26),
        ],
        "AU7": [
            ([(middle - 0.045, eye + 0.026), (middle, eye + 0.034), (outer - 0.01, eye + 0.024)], 0.008, 0.20)
        ],
        "AU9": [
            ([(0.0, eye - 0.022), (0.022, eye - 0.028)], 0.008, 0.36),
            ([(0.0, eye + 0.002), (0.028, eye - 0.006)], 0.008, 0.36),
            ([(0.030, eye + 0.030), (0.052, eye + 0.052)], 0.008, 0.34),
            ([(0.026, eye + 0.050), (0.044, eye + 0.075)], 0.008, 0.30),
            (nasolabial[:3], 0.011, 0.34),
        ],
        "AU10": [(nasolabial[:3], 0.013, 0.34)],
        "AU12": [(nasolabial, 0.013, 0.40)],
        "AU15": [([(corner + 0.008, mouth + 0.022), (corner + 0.012, mouth + 0.075)], 0.012, 0.34)],
        "AU17": [([(0.0, mouth + 0.068), (0.045, mouth + 0.076), (0.070, mouth + 0.098)], 0.014, 0.34)],
        "AU20": [([(corner + 0.040, mouth - 0.02), (corner + 0.046, mouth + 0.05)], 0.012, 0.26)],
        "AU23": [([(0.0, mouth + 0.045), (0.07, mouth + 0.042)], 0.014, 0.20)],
    }
    return folds.get(unit, [])


def _bulges(identity: Identity, unit: str) -> list[tuple[float, float, float, float, float]]:
    """Return (x, y, width, height, brightness) of skin that a unit pushes out."""
    g = identity.geometry
    return {
        "AU6": [(0.155, 0.560, 0.050, 0.030, 0.10)],
        "AU12": [(0.165, 0.590, 0.045, 0.035, 0.10), (g.mouth_width + 0.055, g.mouth_y, 0.02, 0.04, -0.07)],
        "AU9": [(0.085, 0.555, 0.030, 0.022, 0.07)],
        "AU17": [(0.0, g.chin_y - 0.050, 0.045, 0.026, 0.08)],
        "AU20": [(0.0, g.chin_y - 0.030, 0.06, 0.03, -0.06)],
    }.get(unit, [])


def _map(identity: Identity, unit: str, size: int) -> Images:
    """Draw a unit's folds, deeper with age, and its bulges, on both sides of the face."""
    x, y = canonical_grid(size)
    depth = 0.85 + 0.55 * identity.age
    total = np.zeros(x.shape, np.float32)
    fine = max(1, 256 // size)  # folds are thinner than a pixel of a small frame
    for points, width, darkness in _folds(identity, unit):
        line = np.zeros((len(x) * fine, len(x) * fine), np.uint8)
        curve = np.array(points)
        for mirror in (-1, 1):
            texels = (to_texels(curve * (mirror, 1), size) + 0.5) * fine - 0.5
            thick = max(1, round(width * 0.55 * size * fine))
            cv2.polylines(
                line, [np.asarray(np.rint(texels * 16), np.int32)], False, 255, thick, cv2.LINE_AA, 4
            )
        line = cv2.GaussianBlur(line, (0, 0), width * 0.62 * size * fine)
        small = cv2.resize(line, x.shape[::-1], interpolation=cv2.INTER_AREA)
        total += small.astype(np.float32) / 255 * darkness * depth
    for cx, cy, sx, sy, brightness in _bulges(identity, unit):
        total -= brightness * np.exp(-(((np.abs(x) - cx) / sx) ** 2) - ((y - cy) / sy) ** 2)
    return total
