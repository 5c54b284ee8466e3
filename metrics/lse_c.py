"""LSE-C, lip-sync error confidence: the median over shifts of SyncNet's mean distance, less its minimum.

Defined for every backbone and protocol in `metrics.features.sync`; a generator trained on a relative of the
backbone can beat real video, so it is read beside the ground truth's.
"""

from metrics.features.sync import SyncScore
from metrics.features.sync_metric import SyncMetric


class LSEConfidence(SyncMetric):
    """LSE-C of generated clips."""

    name = "lse_c"
    title = "LSE-C"
    higher_is_better = True

    def value(self, score: SyncScore) -> float:
        """Return the confidence."""
        return score.confidence


METRIC = LSEConfidence
