"""Emotion accuracy: the share of clips that a frame classifier, pooled over the clip, calls by their label.

Top-1 per video after pooling, as EAT scores it (Gan et al., ICCV 2023), with a named classifier: read it
beside the classifier's accuracy on the ground truth. Labels outside the classifier's classes are unscored,
not wrong.
"""

from collections.abc import Sequence

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score, Unscorable
from metrics.aggregate import accuracy_score, measurement
from metrics.features.emotion import load_emotion


class EmotionAccuracy:
    """100 for a clip recognised as the emotion asked for, else 0; the predicted class is the detail."""

    def __init__(self, setup: Setup) -> None:
        """Load the classifier; BadInput when its weights are missing or not genuine."""
        self.classifier = load_emotion(setup.backbone, setup.weights)
        self.card = MetricCard(
            name="emotion_accuracy",
            title=self.classifier.title,
            unit="%",
            higher_is_better=True,
            range=(0.0, 100.0),
            backbone=self.classifier.label,
            variant=self.classifier.variant,
            paper=self.classifier.paper,
            comparable=False,
            family="emotion",
            domain="any" if setup.backbone == "reference" else "embedded-corpus",
            paired=False,
        )

    def measure(self, pair: Pair) -> Measurement:
        """Return 100 or 0; Unscorable without a label, or with one that the classifier does not know."""
        if pair.emotion is None:
            raise Unscorable("no emotion label")
        if pair.emotion not in self.classifier.classes:
            raise Unscorable(f"label {pair.emotion!r} is none of {', '.join(self.classifier.classes)}")
        predicted = self.classifier.classify(pair.generated.frames)
        return measurement(pair, 100.0 if predicted == pair.emotion else 0.0, predicted)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the percentage of clips recognised, with Wilson's interval."""
        return accuracy_score(measurements)


METRIC = EmotionAccuracy
