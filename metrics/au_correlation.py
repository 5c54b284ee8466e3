"""AU correlation: whether the generated face's action units move over time as the real one's do.

Pearson's r over the clip's frames for each action unit, averaged over those that move (standard deviation of
at least 0.01) in both clips; the others have no correlation and are left out, and how many counted is shown.
The instruments are in `metrics.features.au`.
"""

from collections.abc import Sequence

import numpy as np

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score, Unscorable
from metrics.aggregate import mean_score, measurement, require_frames
from metrics.features.au import MIN_DEVIATION, correlations, load_au

MIN_FRAMES = 10


class AUCorrelation:
    """Mean AU correlation of a generated clip with its reference, frame i with frame i."""

    def __init__(self, setup: Setup) -> None:
        """Load the instrument; BadInput when its weights are missing or not genuine."""
        self.extractor = load_au(setup.backbone, setup.weights)
        self.card = MetricCard(
            name="au_correlation",
            title=f"{self.extractor.title} r",
            unit="",
            higher_is_better=True,
            range=(-1.0, 1.0),
            backbone=self.extractor.label,
            variant=f"{self.extractor.variant}; Pearson's r over time, AUs with deviation >= {MIN_DEVIATION}",
            paper=self.extractor.paper,
            comparable=False,
            family="au",
            domain="any" if setup.backbone == "reference" else "embedded-corpus",
            min_frames=MIN_FRAMES,
        )

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's mean r; Unscorable below 10 frames or when no AU moves in both clips."""
        require_frames(pair, MIN_FRAMES)
        units = self.extractor.of_pair(pair)
        if len(units.generated) < MIN_FRAMES:
            raise Unscorable(
                f"{len(units.generated)} frames with a face in both clips, fewer than {MIN_FRAMES}"
            )
        per_unit = correlations(units.generated, units.reference)
        defined = per_unit[~np.isnan(per_unit)]
        if not len(defined):
            raise Unscorable("no action unit moves in both clips")
        counted = f"{len(defined)} of {len(per_unit)} AUs move"
        return measurement(pair, float(defined.mean()), "; ".join(filter(None, [counted, units.note])))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


METRIC = AUCorrelation
