"""LSE-D at offset 0: SyncNet's mean distance between what is seen and what is heard at the same time.

LSE-D without its search over shifts, so a constant shift costs here what it costs a viewer. It is never
below LSE-D.
"""

from metrics.features.sync import SyncScore
from metrics.features.sync_metric import SyncMetric


class LSEDistanceAtZero(SyncMetric):
    """LSE-D of generated clips as they stand, not shifted."""

    name = "lse_d0"
    title = "LSE-D at offset 0"
    higher_is_better = False

    def value(self, score: SyncScore) -> float:
        """Return the mean distance at offset 0."""
        return score.unshifted


METRIC = LSEDistanceAtZero
