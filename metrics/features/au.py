"""Action units of a clip, from three instruments that are never mixed.

Embedded: `au_judge`, a regressor trained on the AUs that drew the embedded corpus, 0..1. Reference: an AU
proxy from MediaPipe's face mesh (`blendshapes`), 0..1. The user's own: OpenFace's CSV beside each clip
(`openface`), 0..5. None is FACS coding by people. A frame without a face is a row of NaN, left out and
counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.contracts import MetricCard, Setup
from harness.types import Pair, Traces, Unscorable
from harness.weights import Weights
from metrics.features.face_judge import FaceJudgeNet, judge_frames
from metrics.features.judge_files import FOLDER, load_into, names_in
from metrics.features.kept import Side, instrument, kept

NAME = "au_judge"
# A face that holds still shows about this share of the scale as the instruments' own noise.
MIN_DEVIATION = 0.01
# A unit is present from level 1 of FACS's 5 on, where intensity is a share of the scale.
PRESENT = 0.2

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Readings:
    """A clip's AUs. intensity: (T, units); presence: (T, presence units), 1 or 0; NaN without a face."""

    intensity: Float32
    presence: Float32


@dataclass(frozen=True, slots=True)
class AUExtractor:
    """An instrument: what it reads of one whole clip, and the words for its card.

    read: (pair, side) -> Readings of `units` and `presence_units`. top: the intensity scale's upper end.
    """

    label: str
    title: str
    variant: str
    paper: str
    domain: Literal["any", "embedded-corpus"]
    units: tuple[str, ...]
    presence_units: tuple[str, ...]
    presence_rule: str
    top: float
    read: Callable[[Pair, Side], Readings]

    @property
    def min_deviation(self) -> float:
        """The standard deviation over time below which a unit holds still."""
        return MIN_DEVIATION * self.top

    def intensities(self, pair: Pair) -> "PairedUnits":
        """Return both clips' intensities where both show a face; Unscorable when no frame does."""
        generated, reference = self._readings(pair, "generated"), self._readings(pair, "reference")
        return paired(generated.intensity[: pair.length], reference.intensity[: pair.length])

    def presences(self, pair: Pair) -> "PairedUnits":
        """Return both clips' presences where both show a face; Unscorable when no frame does."""
        generated, reference = self._readings(pair, "generated"), self._readings(pair, "reference")
        return paired(generated.presence[: pair.length], reference.presence[: pair.length])

    def traces(self, pair: Pair) -> Traces:
        """Return both clips' intensities over the frames that both have, faces or not."""
        generated, reference = self._readings(pair, "generated"), self._readings(pair, "reference")
        return Traces(self.units, generated.intensity[: pair.length], reference.intensity[: pair.length])

    def card(
        self,
        name: str,
        suffix: str,
        rule: str,
        values: tuple[float, float],
        higher_is_better: bool = True,
        min_frames: int = 1,
    ) -> MetricCard:
        """Return the card of a metric on this instrument; `values` is the metric's range."""
        return MetricCard(
            name=name,
            title=f"{self.title} {suffix}",
            unit="",
            higher_is_better=higher_is_better,
            range=values,
            backbone=self.label,
            variant=f"{self.variant}; {rule}",
            paper=self.paper,
            comparable=False,
            family="au",
            domain=self.domain,
            min_frames=min_frames,
        )

    def _readings(self, pair: Pair, side: Side) -> Readings:
        return pair.once(("au", self.label, side), lambda: self.read(pair, side))


@dataclass(frozen=True, slots=True)
class PairedUnits:
    """generated, reference: (n, units) of the same n frames; missing: frames without a face in both."""

    generated: Float32
    reference: Float32
    missing: int

    @property
    def note(self) -> str | None:
        """What to show beside a value, or None when every frame counted."""
        return f"{self.missing} frames without a face left out" if self.missing else None


def paired(generated: Float32, reference: Float32) -> PairedUnits:
    """Keep the frames of two (T, units) arrays that both have; Unscorable when there is none."""
    found = ~np.isnan(generated + reference).any(axis=1)
    if not found.any():
        raise Unscorable(f"no face in both clips in any of {len(found)} frames")
    return PairedUnits(generated[found], reference[found], int((~found).sum()))


def require_faces(units: PairedUnits, minimum: int) -> PairedUnits:
    """Return `units`; Unscorable, with both numbers, when they are of fewer than `minimum` frames."""
    if len(units.generated) < minimum:
        raise Unscorable(f"{len(units.generated)} frames with a face in both clips, fewer than {minimum}")
    return units


def load_au(setup: Setup) -> AUExtractor:
    """Load the instrument asked for. BadInput when its weights are missing or not genuine."""
    if setup.openface:
        from metrics.features.openface import openface_au

        return openface_au()
    return mesh_au(setup.weights) if setup.backbone == "reference" else embedded_au()


def mesh_au(weights: Weights) -> AUExtractor:
    """Load the AU proxy from MediaPipe's face mesh; BadInput when its file is missing or not genuine."""
    from metrics.features.blendshapes import DEAD, UNITS, units_of
    from metrics.features.face_mesh import WEIGHTS, FaceMesh

    mesh = FaceMesh(weights)
    return AUExtractor(
        label=weights.label("MediaPipe blendshapes", WEIGHTS),
        title="AU-proxy",
        variant=f"{len(UNITS)} AUs of 0..1 blendshapes, AU25 as lip gap / eye distance, frames upscaled to "
        f"256 px; not measurable: {', '.join(DEAD)}",
        paper="MediaPipe FaceLandmarker blendshapes; AU map after py-feat's AU reference",
        domain="any",
        units=UNITS,
        presence_units=UNITS,
        presence_rule=f"present from {PRESENT} on",
        top=1.0,
        read=lambda pair, side: with_presence(units_of(mesh.of_clip(pair, side))),
    )


def embedded_au(folder: Path = FOLDER) -> AUExtractor:
    """Load the embedded judge; BadInput when its file is missing or another."""
    units = names_in(NAME, folder)
    net = FaceJudgeNet(len(units))
    load_into(net, NAME, folder)
    key = instrument(NAME, Weights())

    def read(pair: Pair, side: Side) -> Readings:
        frames = (pair.reference if side == "reference" else pair.generated).frames
        return with_presence(kept(pair, side, key, frames, lambda: sigmoid(judge_frames(net, frames))))

    return AUExtractor(
        label="au-judge",
        title="AU",
        variant=f"{len(units)} AUs of 0..1, RGB 64x64 of the whole crop",
        paper="this project, trained on the embedded corpus",
        domain="embedded-corpus",
        units=units,
        presence_units=units,
        presence_rule=f"present from {PRESENT} on",
        top=1.0,
        read=read,
    )


def with_presence(intensity: Float32) -> Readings:
    """Return 0..1 intensities with the presences that PRESENT makes of them; NaN stays NaN."""
    present = np.where(np.isnan(intensity), np.nan, intensity >= PRESENT).astype(np.float32)
    return Readings(intensity, present)


def sigmoid(logits: Float32) -> Float32:
    """Return intensities in 0..1."""
    return (1 / (1 + np.exp(-logits))).astype(np.float32)
