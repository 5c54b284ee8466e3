"""Emotion accuracy: the share of clips that a frame classifier, pooled over the clip, calls by their label.

Top-1 per video after pooling, as EAT scores it (Gan et al., ICCV 2023), with a named classifier: read it
beside the classifier's accuracy on the ground truth. Labels outside the classifier's classes (MEAD's contempt
for one of seven) are unscored, not wrong. The detail is the predicted class, and nothing else.
"""

from collections.abc import Sequence

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score, Unscorable
from metrics.aggregate import accuracy_score, measurement
from metrics.features.emotion import EmotionClassifier, load_emotion


class EmotionAccuracy:
    """100 for a clip recognised as the emotion asked for, else 0; the predicted class is the detail."""

    name, quantity = "emotion_accuracy", ""

    def __init__(self, setup: Setup) -> None:
        """Load the classifier; BadInput when its weights are missing or not genuine."""
        self.classifier = self.load(setup)
        self.card = MetricCard(
            name=self.name,
            title=f"{self.classifier.title}{self.quantity}",
            unit="%",
            higher_is_better=True,
            range=(0.0, 100.0),
            backbone=self.classifier.label,
            variant=self.classifier.variant,
            paper=self.classifier.paper,
            comparable=False,
            family="emotion",
            domain=self.classifier.domain,
            paired=False,
        )

    def load(self, setup: Setup) -> EmotionClassifier:
        """Return the classifier that judges."""
        return load_emotion(setup.backbone, setup.weights)

    def measure(self, pair: Pair) -> Measurement:
        """Return 100 or 0; Unscorable without a label or a face, or with a label the classifier lacks."""
        if pair.emotion is None:
            raise Unscorable("no emotion label")
        if pair.emotion not in self.classifier.classes:
            raise Unscorable(f"label {pair.emotion!r} is none of {', '.join(self.classifier.classes)}")
        predicted = self.classifier.classify(pair)
        return measurement(pair, 100.0 if predicted == pair.emotion else 0.0, predicted)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the percentage of clips recognised, with `share_interval`."""
        return accuracy_score(measurements)


METRIC = EmotionAccuracy
