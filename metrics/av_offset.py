"""AV offset: by how many frames of 40 ms the sound leads the lips, where SyncNet's mean distance is smallest.

Positive: the audio leads the video. Whole frames in -15..15; either end means that no peak was found, which
is said beside the value. Defined for every backbone and protocol in `metrics.features.sync`.
"""

from metrics.features.sync import MAX_SHIFT, SyncScore
from metrics.features.sync_metric import SyncMetric


class AVOffset(SyncMetric):
    """AV offset of generated clips. Near 0 is right."""

    name = "av_offset"
    title = "AV offset"
    unit = "frames"
    higher_is_better = None
    range = (-MAX_SHIFT, MAX_SHIFT)
    remark = "; > 0: audio leads"

    def value(self, score: SyncScore) -> float:
        """Return the offset."""
        return score.offset


METRIC = AVOffset
