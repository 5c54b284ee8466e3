"""AV offset: by how many frames of 40 ms the sound leads the lips, where SyncNet's mean distance is smallest.

Positive: the audio leads the video. Whole frames in -15..15; either end means that no peak was found, which
is said beside the value. Defined for every backbone in `metrics.features.sync`.
"""

from collections.abc import Sequence

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score
from metrics.aggregate import mean_score, measurement
from metrics.features.sync import MAX_SHIFT, MIN_FRAMES, load_sync


class AVOffset:
    """AV offset of generated clips; the reference clip is not looked at. Near 0 is right."""

    def __init__(self, setup: Setup) -> None:
        """Load the backbone; BadInput when its weights are missing or not genuine."""
        self.sync = load_sync(setup.backbone, setup.weights)
        self.card = MetricCard(
            name="av_offset",
            title="AV offset",
            unit="frames",
            higher_is_better=None,
            range=(-MAX_SHIFT, MAX_SHIFT),
            backbone=self.sync.label,
            variant=f"{self.sync.protocol}; > 0: audio leads",
            paper=self.sync.paper,
            comparable=self.sync.comparable,
            family="sync",
            domain=self.sync.domain,
            needs_audio=True,
            min_frames=MIN_FRAMES,
            paired=False,
        )

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's offset; Unscorable without sound, silent, or below 25 frames."""
        score = self.sync.score(pair)
        return measurement(pair, score.offset, score.caveat)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips, signs kept."""
        return mean_score(measurements)


METRIC = AVOffset
