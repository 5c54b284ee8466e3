"""Emotion accuracy by HSEmotion (EmotiEffLib), eight classes with contempt; see `emotion_accuracy`.

Only with the reference backbones: there is no embedded twin.
"""

from harness.contracts import Setup
from harness.types import BadInput
from metrics.emotion_accuracy import EmotionAccuracy
from metrics.features.emotion import EmotionClassifier
from metrics.features.hsemotion import load_hsemotion


class HSEmotionAccuracy(EmotionAccuracy):
    """100 for a clip that HSEmotion recognises as the emotion asked for, else 0."""

    name = "emotion_accuracy_hse"

    def load(self, setup: Setup) -> EmotionClassifier:
        """Return HSEmotion; BadInput with the embedded backbones."""
        if setup.backbone == "embedded":
            raise BadInput("emotion_accuracy_hse: no embedded backbone; ask for the reference backbones")
        return load_hsemotion(setup.weights)


METRIC = HSEmotionAccuracy
