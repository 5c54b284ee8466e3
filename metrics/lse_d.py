"""LSE-D, lip-sync error distance: the smallest, over shifts of +-15 frames, of SyncNet's mean distance.

Defined for every backbone in `metrics.features.sync`. It forgives a constant shift: read it with av_offset.
"""

from collections.abc import Sequence
from math import inf

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score
from metrics.aggregate import mean_score, measurement
from metrics.features.sync import MIN_FRAMES, load_sync


class LSEDistance:
    """LSE-D of generated clips; the reference clip is not looked at."""

    def __init__(self, setup: Setup) -> None:
        """Load the backbone; BadInput when its weights are missing or not genuine."""
        self.sync = load_sync(setup.backbone, setup.weights)
        self.card = MetricCard(
            name="lse_d",
            title="LSE-D",
            unit="",
            higher_is_better=False,
            range=(0.0, inf),
            backbone=self.sync.label,
            variant=self.sync.protocol,
            paper=self.sync.paper,
            comparable=self.sync.comparable,
            family="sync",
            domain=self.sync.domain,
            needs_audio=True,
            min_frames=MIN_FRAMES,
            paired=False,
        )

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's LSE-D; Unscorable without sound, silent, or below 25 frames."""
        score = self.sync.score(pair)
        return measurement(pair, score.distance, score.caveat)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


METRIC = LSEDistance
