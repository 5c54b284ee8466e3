"""AU F1: whether the generated face shows the action units that the real one shows, frame by frame.

F1 of presence by action unit over the clip's frames, then the mean over the units that either clip shows;
one that neither shows has no F1 and is left out. Presence is OpenFace's own, or an intensity at the threshold
that the card states: another threshold is another metric.
"""

from collections.abc import Sequence

from harness.contracts import Setup
from harness.types import Measurement, Pair, Score, Unscorable
from metrics.aggregate import mean_score, measurement
from metrics.features.agreement import f1_scores, macro
from metrics.features.au import load_au


class AUPresenceF1:
    """Macro F1 of a generated clip's AU presences against its reference's, frame i with frame i."""

    def __init__(self, setup: Setup) -> None:
        """Load the instrument; BadInput when its weights are missing or not genuine."""
        self.extractor = load_au(setup)
        rule = f"{self.extractor.presence_rule}, AUs present in either"
        self.card = self.extractor.card("au_f1", "F1", rule, (0.0, 1.0))

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's macro F1; Unscorable when neither clip ever shows an AU, or without faces."""
        units = self.extractor.presences(pair)
        per_unit = f1_scores(units.generated, units.reference)
        value, defined = macro(per_unit)
        if not defined:
            raise Unscorable("no action unit is present in either clip")
        counted = f"{defined} of {len(per_unit)} AUs present"
        return measurement(pair, value, "; ".join(filter(None, [counted, units.note])))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


METRIC = AUPresenceF1
