"""AU proxy from MediaPipe's face mesh: which blendshapes stand for which action unit.

The map follows py-feat's AU reference (cosanlab/py-feat, docs/pages/au_reference.md), approximate by its own
word; the shapes of a unit are averaged. AU25 has no shape: it is the gap between the inner lips as a share of
the distance between the eyes. Not measurable, because the model never moves their shapes (cheekSquint,
noseSneer, jawForward, cheekPuff): AU6, 9, 29, 34. A gaze's side is the person's own, as the irises of real
clips confirm.
"""

import numpy as np
from numpy.typing import NDArray

from harness.faces import eye_centres
from metrics.features.face_mesh import SHAPES, MeshPass

DEAD = ("AU6", "AU9", "AU29", "AU34")
LIPS_PART = "AU25"
INNER_LIPS = (13, 14)
SHAPES_OF = {
    "AU1": ("browInnerUp",),
    "AU2": ("browOuterUpLeft", "browOuterUpRight"),
    "AU4": ("browDownLeft", "browDownRight"),
    "AU5": ("eyeWideLeft", "eyeWideRight"),
    "AU7": ("eyeSquintLeft", "eyeSquintRight"),
    "AU8": ("mouthClose",),
    "AU10": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "AU12": ("mouthSmileLeft", "mouthSmileRight"),
    "AU14": ("mouthDimpleLeft", "mouthDimpleRight"),
    "AU15": ("mouthFrownLeft", "mouthFrownRight"),
    "AU16": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "AU17": ("mouthShrugLower",),
    "AU18": ("mouthPucker",),
    "AU20": ("mouthStretchLeft", "mouthStretchRight"),
    "AU22": ("mouthFunnel",),
    "AU23/24": ("mouthPressLeft", "mouthPressRight"),
    "AU26": ("jawOpen",),
    "AU28": ("mouthRollUpper", "mouthRollLower"),
    "AU30": ("jawLeft", "jawRight"),
    "AU43/45": ("eyeBlinkLeft", "eyeBlinkRight"),
    "AU61": ("eyeLookOutLeft", "eyeLookInRight"),
    "AU62": ("eyeLookInLeft", "eyeLookOutRight"),
    "AU63": ("eyeLookUpLeft", "eyeLookUpRight"),
    "AU64": ("eyeLookDownLeft", "eyeLookDownRight"),
}
UNITS = (*SHAPES_OF, LIPS_PART)

Float32 = NDArray[np.float32]


def units_of(found: MeshPass) -> Float32:
    """Return (T, len(UNITS)) in 0..1; NaN rows where no face was found."""
    shapes = [
        found.shapes[:, [SHAPES.index(name) for name in names]].mean(axis=1) for names in SHAPES_OF.values()
    ]
    return np.stack([*shapes, lips_part(found)], axis=1)


def lips_part(found: MeshPass) -> Float32:
    """Return (T,) the gap between the inner lips over the distance of the eyes' centres, at most 1."""
    upper, lower = (found.points[:, vertex] for vertex in INNER_LIPS)
    right, left = eye_centres(found.sixty_eight).transpose(1, 0, 2)
    gap, eyes = np.linalg.norm(upper - lower, axis=1), np.linalg.norm(left - right, axis=1)
    share: Float32 = np.minimum(gap / np.maximum(eyes, 1e-6), 1).astype(np.float32)
    return share
