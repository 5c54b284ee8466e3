"""AU correlation: whether the generated face's action units move over time as the real one's do.

Pearson's r over the clip's frames for each action unit, averaged over those that move in both clips (standard
deviation of at least a hundredth of the scale); the others have no correlation and are left out, and how many
counted is shown. The instruments are in `metrics.features.au`.
"""

from collections.abc import Sequence

from harness.contracts import Setup
from harness.types import Measurement, Pair, Score, Unscorable
from metrics.aggregate import mean_score, measurement, require_frames
from metrics.features.agreement import correlations, macro
from metrics.features.au import load_au, require_faces

MIN_FRAMES = 10


class AUCorrelation:
    """Mean AU correlation of a generated clip with its reference, frame i with frame i."""

    def __init__(self, setup: Setup) -> None:
        """Load the instrument; BadInput when its weights are missing or not genuine."""
        self.extractor = load_au(setup)
        rule = f"Pearson's r over time, AUs with deviation >= {self.extractor.min_deviation:g} in both"
        self.card = self.extractor.card("au_correlation", "r", rule, (-1.0, 1.0), min_frames=MIN_FRAMES)

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's mean r; Unscorable below 10 frames or when no AU moves in both clips."""
        require_frames(pair, MIN_FRAMES)
        units = require_faces(self.extractor.intensities(pair), MIN_FRAMES)
        per_unit = correlations(units.generated, units.reference, self.extractor.min_deviation)
        value, defined = macro(per_unit)
        if not defined:
            raise Unscorable("no action unit moves in both clips")
        counted = f"{defined} of {len(per_unit)} AUs move"
        return measurement(pair, value, "; ".join(filter(None, [counted, units.note])))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


METRIC = AUCorrelation
