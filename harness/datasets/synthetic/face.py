"""Draw a performance: one speaker's face, frame by frame, with the truth of where everything is."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from harness.types import Frames

from .expression import Performance
from .eyes import Eyes, draw_eyes, eyes_of
from .hair import add_hair
from .identity import Identity, identity_of
from .mouth import Lips, draw_mouth, lips_of
from .paint import Image, Points
from .plate import plate_image
from .rig import Motion, Rig, contour, displacement_fields, motion_of
from .skin import head_texture
from .wrinkles import Wrinkles


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
        x, y = self._skin_points.T
        self._skin_fields = displacement_fields(identity.geometry, x, y)

    def draw(self, performance: Performance) -> Drawn:
        """Draw every frame of a performance."""
        drawn = [self._frame(performance, index) for index in range(len(performance.units))]
        frames, landmarks = zip(*drawn, strict=True)
        return Drawn(np.stack(frames), np.stack(landmarks).astype(np.float32))

    def _frame(self, performance: Performance, index: int) -> tuple[Image, Points]:
        units, shape = performance.units[index], performance.mouth[index]
        motion = motion_of(performance.pose[index], performance.shift[index], units)
        lips = lips_of(self.identity, units, shape)
        eyes = eyes_of(self.identity, units, performance.gaze[index])
        pixels = self.rig.projector(motion, self.side)
        canvas = self._head(motion, units)
        draw_eyes(canvas, self.identity, eyes, pixels)
        draw_mouth(canvas, self.identity, lips, pixels)
        frame = cv2.resize(canvas, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return frame, self._landmarks(lips, eyes, motion)

    def _head(self, motion: Motion, units: Points) -> Image:
        """Warp the head's texture over the plate and lay the wrinkles on it."""
        texels = self.rig.inverse_map(motion, self.side)
        head = cv2.remap(self._texture, texels, None, cv2.INTER_LINEAR)
        scale = self.size / self.side
        small = cv2.resize(texels, (self.size, self.size), interpolation=cv2.INTER_AREA)
        small = small * np.float32(scale) + np.float32((scale - 1) / 2)
        folds = cv2.remap(self.wrinkles.shading(units), small, None, cv2.INTER_LINEAR, borderValue=128)
        factor = cv2.cvtColor(cv2.resize(folds, (self.side, self.side)), cv2.COLOR_GRAY2RGB)
        behind = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(head, 3)), cv2.COLOR_GRAY2RGB)
        colour = cv2.multiply(cv2.cvtColor(head, cv2.COLOR_RGBA2RGB), factor, scale=1 / 128)
        return np.asarray(cv2.add(colour, cv2.multiply(self._plate, behind, scale=1 / 255)), np.uint8)

    def _landmarks(self, lips: Lips, eyes: Eyes, motion: Motion) -> Points:
        """Return the 68 points of one frame in px."""
        skin = self._skin_points + np.tensordot(motion.weights, self._skin_fields, axes=1)
        (left, right), (low_left, low_right) = eyes.upper, eyes.lower
        brows = [eyes.brow[0][[16, 12, 8, 4, 0]], eyes.brow[1][[0, 4, 8, 12, 16]]]
        sockets = [left[[16, 11, 5, 0]], low_left[[5, 11]], right[[0, 5, 11, 16]], low_right[[11, 5]]]
        outer = [lips.outer_top[[0, 5, 10, 14, 18, 23, 28]], lips.outer_bottom[[23, 18, 14, 10, 5]]]
        inner = [lips.inner_top[[2, 9, 14, 19, 26]], lips.inner_bottom[[19, 14, 9]]]
        points = np.concatenate([skin[:17], *brows, skin[17:], *sockets, *outer, *inner])
        return self.rig.project(points, motion, self.size)


def _skin_points(identity: Identity) -> Points:
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


@lru_cache(maxsize=8)
def face_of(seed: int, actor: int, size: int) -> Face:
    """Return a speaker's prepared face; the last few are kept, as clips come speaker by speaker."""
    return Face(identity_of(seed, actor), size)
