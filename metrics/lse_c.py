"""LSE-C, lip-sync error confidence: the median over shifts of SyncNet's mean distance, less its minimum.

Defined for every backbone in `metrics.features.sync`; a generator trained on a relative of the backbone can
beat real video, so it is read beside the ground truth's.
"""

from collections.abc import Sequence
from math import inf

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score
from metrics.aggregate import mean_score, measurement
from metrics.features.sync import MIN_FRAMES, load_sync


class LSEConfidence:
    """LSE-C of generated clips; the reference clip is not looked at."""

    def __init__(self, setup: Setup) -> None:
        """Load the backbone; BadInput when its weights are missing or not genuine."""
        self.sync = load_sync(setup.backbone, setup.weights)
        self.card = MetricCard(
            name="lse_c",
            title="LSE-C",
            unit="",
            higher_is_better=True,
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
        """Return the clip's LSE-C; Unscorable without sound, silent, or below 25 frames."""
        score = self.sync.score(pair)
        return measurement(pair, score.confidence, score.caveat)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


METRIC = LSEConfidence
