"""LSE-D, lip-sync error distance: the smallest, over shifts of +-15 frames, of SyncNet's mean distance.

Defined for every backbone and protocol in `metrics.features.sync`. It forgives a constant shift: read it with
av_offset, or beside lse_d0, which does not.
"""

from metrics.features.sync import SyncScore
from metrics.features.sync_metric import SyncMetric


class LSEDistance(SyncMetric):
    """LSE-D of generated clips."""

    name = "lse_d"
    title = "LSE-D"
    higher_is_better = False

    def value(self, score: SyncScore) -> float:
        """Return the smallest mean distance."""
        return score.distance


METRIC = LSEDistance
