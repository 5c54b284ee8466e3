"""Emotion recall: emotion accuracy with every labelled emotion weighing the same (unweighted average recall).

The mean over the labels that occur of the share of their clips that is recognised, so that a corpus of mostly
neutral clips does not reward a face that is always neutral. The classifier is `emotion_accuracy`'s.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.types import Measurement, Score
from metrics.aggregate import REPLICATES, SEED, empty_score, scored_in_order
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
    right: NDArray[np.float64], labels: NDArray[np.int64], speakers: Sequence[str | None], seed: int = SEED
) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean over labels of the mean of `right`, both (N,).

    Speakers are resampled, not clips; clips one by one where a speaker is unknown or there is only one. A
    label that a resample lacks does not count in it. NaN for fewer than two clips. 1000 seeded replicates.
    """
    if len(right) < 2:
        return float("nan"), float("nan")
    known = None not in speakers and len(set(speakers)) > 1
    clusters = (
        np.unique([str(s) for s in speakers], return_inverse=True)[1] if known else np.arange(len(right))
    )
    shape = (int(clusters.max()) + 1, int(labels.max()) + 1)
    counts, sums = np.zeros(shape), np.zeros(shape)
    np.add.at(counts, (clusters, labels), 1)
    np.add.at(sums, (clusters, labels), right)
    drawn = np.random.default_rng(seed).integers(shape[0], size=(REPLICATES, shape[0]))
    hits, clips = sums[drawn].sum(axis=1), counts[drawn].sum(axis=1)
    recalls = np.where(clips > 0, hits / np.maximum(clips, 1), np.nan)
    low, high = np.percentile(np.nanmean(recalls, axis=1), [2.5, 97.5])
    return float(low), float(high)


METRIC = EmotionRecall
