"""AU ICC: whether the generated face's action units move as the real one's do, by as much.

ICC(3,1) of Shrout and Fleiss (1979), the field's measure of AU intensity estimation (DISFA, BP4D): frames are
the targets, the two clips the raters, by action unit, then the mean over the units that move in either clip.
Unlike Pearson's r it falls when the amplitude is wrong; a constant offset costs nothing.
"""

from collections.abc import Sequence

from harness.contracts import Setup
from harness.types import Measurement, Pair, Score, Unscorable
from metrics.aggregate import mean_score, measurement, require_frames
from metrics.features.agreement import intraclass_correlations, macro
from metrics.features.au import load_au, require_faces

MIN_FRAMES = 10


class AUIntraclassCorrelation:
    """Mean ICC(3,1) of a generated clip's AUs with its reference's, frame i with frame i."""

    def __init__(self, setup: Setup) -> None:
        """Load the instrument; BadInput when its weights are missing or not genuine."""
        self.extractor = load_au(setup)
        rule = f"ICC(3,1) over time, AUs with deviation >= {self.extractor.min_deviation:g} in either"
        self.card = self.extractor.card("au_icc", "ICC(3,1)", rule, (-1.0, 1.0), min_frames=MIN_FRAMES)

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's mean ICC; Unscorable below 10 frames or when no AU moves in either clip."""
        require_frames(pair, MIN_FRAMES)
        units = require_faces(self.extractor.intensities(pair), MIN_FRAMES)
        per_unit = intraclass_correlations(units.generated, units.reference, self.extractor.min_deviation)
        value, defined = macro(per_unit)
        if not defined:
            raise Unscorable("no action unit moves in either clip")
        counted = f"{defined} of {len(per_unit)} AUs move"
        return measurement(pair, value, "; ".join(filter(None, [counted, units.note])))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


METRIC = AUIntraclassCorrelation
