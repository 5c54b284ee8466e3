"""Emotion recall: emotion accuracy with every labelled emotion weighing the same (unweighted average recall).

The mean over the labels that occur of the share of their clips that is recognised, so that a corpus of mostly
neutral clips does not reward a face that is always neutral. The classifier is `emotion_accuracy`'s.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.intervals import mean_interval
from harness.types import Measurement, Score
from metrics.aggregate import empty_score, scored_in_order
from metrics.emotion_accuracy import EmotionAccuracy


class EmotionRecall(EmotionAccuracy):
    """100 for a clip recognised as the emotion asked for, else 0, averaged by emotion first."""

    name, quantity = "emotion_recall", " recall"

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the macro recall in percent, with `recall_interval`; each label's recall is the detail."""
        scored = scored_in_order(measurements)
        if not scored:
            return empty_score(measurements)
        right = np.array([m.value for m in scored], np.float64)
        names, labels = np.unique([str(m.emotion) for m in scored], return_inverse=True)
        recalls = np.bincount(labels, weights=right) / np.bincount(labels)
        low, high = recall_interval(right, labels, [m.speaker for m in scored])
        detail = ", ".join(f"{name} {recall:.0f} %" for name, recall in zip(names, recalls, strict=True))
        unscored = len(measurements) - len(scored)
        return Score(float(recalls.mean()), low, high, len(scored), unscored, detail=detail)


def recall_interval(
    right: NDArray[np.float64], labels: NDArray[np.int64], speakers: Sequence[str | None]
) -> tuple[float, float]:
    """Return the 95 % interval of the mean over labels of the mean of `right`, both (N,): `mean_interval`
    of what each clip adds to it (its linearisation), so that speakers are the clusters here too.
    """
    clips = np.bincount(labels)
    recalls = np.bincount(labels, weights=right) / clips
    share = len(right) / (len(clips) * clips)
    return mean_interval(recalls.mean() + share[labels] * (right - recalls[labels]), speakers)


METRIC = EmotionRecall
