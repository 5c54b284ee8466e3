"""Identity: how much the generated face is the reference's, as the cosine of face embeddings.

CSIM as papers report it (Zakharov et al., Few-Shot Adversarial Learning of Realistic Neural Talking Head
Models, ICCV 2019): the cosine of a face recognition network's embeddings of a generated frame and of the real
one, here frame i with frame i, the mean over frames where both show a face. Reference: ArcFace. Embedded: a
small judge of drawn faces, which never saw a real one, named so that it is not taken for CSIM; its own
figures on speakers that no training saw are in its card. Neither is blind to blur, light or expression.

The embedded judge on drawn clips at 64 px, mean of 12: their own H.264 0.997, a picture of another clip of
the same speaker 0.93, blurred by 2 px 0.82, the mean of six speakers' faces 0.05, another speaker -0.03.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score, Unscorable
from harness.weights import Weights
from metrics.aggregate import mean_score, measurement
from metrics.features import arcface
from metrics.features.face_mesh import WEIGHTS as MESH
from metrics.features.identity_judge import DIMENSIONS, NAME, IdentityJudge
from metrics.features.judge_files import describe
from metrics.features.kept import Side, instrument, kept

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Embedder:
    """A face recognition network and the words for a card; read: (pair, side) -> (T, D) unit vectors.

    Rows of frames without a face are NaN.
    """

    label: str
    title: str
    variant: str
    paper: str
    domain: Literal["any", "embedded-corpus"]
    read: Callable[[Pair, Side], Float32]


class Identity:
    """The mean cosine of a generated clip's face embeddings and its reference's."""

    def __init__(self, setup: Setup) -> None:
        """Load the network; BadInput when its weights are missing or not genuine."""
        self.embedder = arcface_embedder(setup.weights) if setup.backbone == "reference" else judge_embedder()
        self.card = MetricCard(
            name="identity",
            title=self.embedder.title,
            unit="",
            higher_is_better=True,
            range=(-1.0, 1.0),
            backbone=self.embedder.label,
            variant=f"cosine, frame i with frame i; {self.embedder.variant}",
            paper=self.embedder.paper,
            comparable=False,
            family="identity",
            domain=self.embedder.domain,
        )

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's mean cosine; Unscorable when no frame shows a face in both clips."""
        generated = self.embedder.read(pair, "generated")[: pair.length]
        reference = self.embedder.read(pair, "reference")[: pair.length]
        cosines = (generated.astype(np.float64) * reference).sum(axis=1)
        found = ~np.isnan(cosines)
        if not found.any():
            raise Unscorable(f"no face in both clips in any of {pair.length} frames")
        missing = int((~found).sum())
        detail = f"{missing} frames without a face left out" if missing else None
        return measurement(pair, float(cosines[found].mean()), detail)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


def judge_embedder() -> Embedder:
    """Load the embedded judge; BadInput when its file is missing or another."""
    judge, key, known = IdentityJudge.load(), instrument(NAME, Weights()), describe(NAME)["figures"]

    def read(pair: Pair, side: Side) -> Float32:
        frames = (pair.reference if side == "reference" else pair.generated).frames
        return kept(pair, side, key, frames, lambda: judge.embeddings(frames))

    return Embedder(
        label="identity-judge",
        title="ID-judge",
        variant=f"{DIMENSIONS}-d judge of drawn faces: one speaker {known['same']:.2f}, two "
        f"{known['other']:.2f}, equal error {known['equal_error']:.1f} % on unseen ones",
        paper="this project, trained on the embedded corpus; loss after Wang et al., CosFace, CVPR 2018",
        domain="embedded-corpus",
        read=read,
    )


def arcface_embedder(weights: Weights) -> Embedder:
    """Load ArcFace; BadInput when onnxruntime or a file is missing, or a file is not genuine."""
    return Embedder(
        label=weights.label("ArcFace w600k_r50", arcface.NAME, MESH),
        title="CSIM-ArcFace",
        variant=f"{arcface.DIMENSIONS}-d, aligned to {arcface.SIDE} px by MediaPipe's landmarks",
        paper="Deng et al., ArcFace, CVPR 2019; InsightFace's buffalo_l",
        domain="any",
        read=arcface.arcface_reader(weights),
    )


METRIC = Identity
