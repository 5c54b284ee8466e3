"""Draw a performance: one speaker's face, frame by frame, with the truth of where everything is."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.types import Frames

from .expression import Performance
from .eyes import Eye, draw_eye, eye_of
from .hair import add_hair
from .identity import Identity, identity_of
from .mouth import Lips, draw_mouth, lips_of
from .paint import Image
from .plate import plate_image
from .rig import Motion, Rig, contour, motion_of
from .skin import head_texture
from .wrinkles import Wrinkles

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Frames (T, S, S, 3) uint8 RGB and landmarks (T, 68, 2) float32 in px, in iBUG-68 order."""

    frames: Frames
    landmarks: NDArray[np.float32]


class Face:
    """One speaker at one size, with everything that does not change between frames prepared."""

    def __init__(self, identity: Identity, size: int) -> None:
        self.identity, self.size = identity, size
        # Small frames need finer drawing: an eye is 7 px wide at 64.
        self.side = size * (3 if size < 96 else 2)
        self.rig = Rig(identity.geometry)
        self.wrinkles = Wrinkles(identity, size)
        colour, cover = add_hair(*head_texture(identity, self.side), identity, self.side)
        share = cover[..., None] / np.float32(255)
        self._texture = np.dstack([np.asarray(colour * share, np.uint8), cover])
        self._plate = plate_image(identity, self.side)
        self._skin_points = _skin_points(identity)

    def draw(self, performance: Performance) -> Drawn:
        """Draw every frame of a performance."""
        drawn = [self._frame(performance, index) for index in range(len(performance.units))]
        frames, landmarks = zip(*drawn, strict=True)
        return Drawn(np.stack(frames), np.stack(landmarks).astype(np.float32))

    def _frame(self, performance: Performance, index: int) -> tuple[Image, Floats]:
        units, shape = performance.units[index], performance.mouth[index]
        motion = motion_of(performance.pose[index], performance.shift[index], units)
        lips = lips_of(self.identity, units, shape)
        eyes = [eye_of(self.identity, units, performance.gaze[index], mirror) for mirror in (-1, 1)]
        canvas = self._head(motion, units)
        for eye in eyes:
            draw_eye(canvas, self.identity, eye, self.rig, motion)
        draw_mouth(canvas, self.identity, lips, self.rig, motion)
        frame = cv2.resize(canvas, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return frame, self._landmarks(lips, eyes, motion)

    def _head(self, motion: Motion, units: Floats) -> Image:
        """Warp the head's texture over the plate and lay the wrinkles on it."""
        columns, rows = self.rig.inverse_map(motion, self.side)
        head = cv2.remap(self._texture, columns, rows, cv2.INTER_LINEAR)
        scale = self.size / self.side
        folds = cv2.remap(
            self.wrinkles.shading(units),
            cv2.resize(columns, (self.size, self.size), interpolation=cv2.INTER_AREA) * scale
            + (scale - 1) / 2,
            cv2.resize(rows, (self.size, self.size), interpolation=cv2.INTER_AREA) * scale + (scale - 1) / 2,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=128,
        )
        factor = cv2.cvtColor(cv2.resize(folds, (self.side, self.side)), cv2.COLOR_GRAY2RGB)
        behind = cv2.cvtColor(255 - head[..., 3], cv2.COLOR_GRAY2RGB)
        colour = cv2.multiply(np.ascontiguousarray(head[..., :3]), factor, scale=1 / 128)
        return np.asarray(cv2.add(colour, cv2.multiply(self._plate, behind, scale=1 / 255)), np.uint8)

    def _landmarks(self, lips: Lips, eyes: list[Eye], motion: Motion) -> Floats:
        """Return the 68 points of one frame in px."""
        left, right = eyes
        skin = self.rig.displaced(self._skin_points, motion)
        brows = [left.brow[[16, 12, 8, 4, 0]], right.brow[[0, 4, 8, 12, 16]]]
        sockets = [
            [left.upper[16], left.upper[11], left.upper[5], left.upper[0], left.lower[5], left.lower[11]],
            [
                right.upper[0],
                right.upper[5],
                right.upper[11],
                right.upper[16],
                right.lower[11],
                right.lower[5],
            ],
        ]
        outer = [*lips.outer_top[[0, 5, 10, 14, 18, 23, 28]], *lips.outer_bottom[[23, 18, 14, 10, 5]]]
        inner = [*lips.inner_top[[2, 9, 14, 19, 26]], *lips.inner_bottom[[19, 14, 9]]]
        points = np.concatenate([skin[:17], *brows, skin[17:], *sockets, outer, inner])
        return self.rig.project(points, motion) * self.size - 0.5


def _skin_points(identity: Identity) -> Floats:
    """Return the resting jaw line (17) and nose (9) in canonical coordinates."""
    g = identity.geometry
    line = contour(g, 400)
    line = line[line[:, 1] >= g.eye_y]
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    steps = np.linspace(0, along[-1], 9)
    right = np.stack([np.interp(steps, along, line[:, axis]) for axis in (0, 1)], 1)
    jaw = np.concatenate([right * (-1, 1), right[-2::-1]])
    bridge = np.stack([np.zeros(4), np.linspace(g.eye_y, g.nose_y - 0.030, 4)], 1)
    base = np.stack(
        [
            np.linspace(-0.6, 0.6, 5) * g.nose_width,
            g.nose_y + np.array([-0.002, 0.003, 0.006, 0.003, -0.002]),
        ],
        1,
    )
    return np.concatenate([jaw, bridge, base])


@lru_cache(maxsize=2)
def face_of(seed: int, actor: int, size: int) -> Face:
    """Return a speaker's prepared face; the last two are kept, as clips come speaker by speaker."""
    return Face(identity_of(seed, actor), size)
