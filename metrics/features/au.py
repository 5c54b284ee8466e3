"""Action unit intensities per frame, 0..1, from two instruments that are never mixed.

Embedded: `au_judge`, a regressor trained on the AUs that drew the embedded corpus. Reference: an AU proxy
from MediaPipe's blendshapes (`blendshapes`). Neither is FACS coding by people, and 0..1 is not FACS's A..E or
OpenFace's 0..5. A frame without a face is a row of NaN.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Backbone
from harness.types import Frames, Pair, Unscorable
from harness.weights import Weights
from metrics.features.face_judge import FaceJudgeNet, judge_frames
from metrics.features.judge_files import FOLDER, load_into, names_in

NAME = "au_judge"
# A face that holds still shows about this much of the instruments' own noise: no movement to correlate with.
MIN_DEVIATION = 0.01

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AUExtractor:
    """A loaded instrument. intensities: (T, H, W, 3) uint8 RGB -> (T, len(units)) in 0..1."""

    label: str
    title: str
    variant: str
    paper: str
    units: tuple[str, ...]
    intensities: Callable[[Frames], Float32]

    def of_pair(self, pair: Pair) -> "PairedUnits":
        """Return both clips' intensities over the frames where both show a face, computed once a pair.

        Raises Unscorable when no frame does.
        """
        return pair.once(("au", self.label), lambda: self._paired(pair))

    def _paired(self, pair: Pair) -> "PairedUnits":
        generated, reference = (
            self.intensities(clip.frames[: pair.length]) for clip in (pair.generated, pair.reference)
        )
        found = ~(np.isnan(generated).any(axis=1) | np.isnan(reference).any(axis=1))
        if not found.any():
            raise Unscorable(f"no face in both clips in any of {pair.length} frames")
        return PairedUnits(generated[found], reference[found], int((~found).sum()))


@dataclass(frozen=True, slots=True)
class PairedUnits:
    """generated, reference: (n, units) intensities of the same n frames; missing: frames without a face."""

    generated: Float32
    reference: Float32
    missing: int

    @property
    def note(self) -> str | None:
        """What to show beside a value, or None when every frame counted."""
        return f"{self.missing} frames without a face left out" if self.missing else None


def mean_absolute_error(generated: Float32, reference: Float32) -> float:
    """Return the mean of |difference| over frames and units of two (n, units) arrays."""
    return float(np.abs(generated.astype(np.float64) - reference).mean())


def correlations(generated: Float32, reference: Float32) -> Float64:
    """Return (units,) Pearson's r over time; NaN where either side's standard deviation is below 0.01."""
    a = generated.astype(np.float64) - generated.mean(axis=0, dtype=np.float64)
    b = reference.astype(np.float64) - reference.mean(axis=0, dtype=np.float64)
    deviation_a, deviation_b = np.sqrt((a * a).mean(axis=0)), np.sqrt((b * b).mean(axis=0))
    moving = (deviation_a >= MIN_DEVIATION) & (deviation_b >= MIN_DEVIATION)
    products = np.where(moving, deviation_a * deviation_b, 1.0)
    return np.where(moving, (a * b).mean(axis=0) / products, np.nan)


def load_au(backbone: Backbone, weights: Weights) -> AUExtractor:
    """Load the instrument asked for. BadInput when its weights are missing or not genuine."""
    if backbone == "reference":
        from metrics.features.blendshapes import UNITS, load_blendshapes

        return AUExtractor(
            weights.label("face-landmarker", "face-landmarker"),
            "AU-proxy (MediaPipe blendshapes)",
            f"{len(UNITS)} AUs of 0..1 blendshapes, frames upscaled to 256 px; AU6, 9, 29, 34 not measurable",
            "MediaPipe FaceLandmarker blendshapes; AU map after py-feat's AU reference",
            tuple(UNITS),
            load_blendshapes(weights.path("face-landmarker")),
        )
    return embedded_au()


def embedded_au(folder: Path = FOLDER) -> AUExtractor:
    """Load the embedded judge; BadInput when its file is missing or another."""
    units = names_in(NAME, folder)
    net = FaceJudgeNet(len(units))
    load_into(net, NAME, folder)
    return AUExtractor(
        "au-judge",
        "AU judge",
        f"{len(units)} AUs of 0..1, RGB 64x64 of the whole crop",
        "this project, trained on the embedded corpus",
        units,
        lambda frames: sigmoid(judge_frames(net, frames)),
    )


def sigmoid(logits: Float32) -> Float32:
    """Return intensities in 0..1."""
    out: Float32 = 1 / (1 + np.exp(-logits))
    return out
