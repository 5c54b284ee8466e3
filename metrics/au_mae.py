"""AU MAE: how far the generated face's action unit intensities are from the real one's, frame by frame.

Mean of |difference| over action units and over the frames where both clips show a face, on the instrument's
own scale: 0..1, or 0..5 of OpenFace. The instruments are in `metrics.features.au`; their values are not FACS
coding by people.
"""

from collections.abc import Sequence
from dataclasses import replace

from harness.contracts import Setup
from harness.types import Measurement, Pair, Score
from metrics.aggregate import mean_score, measurement
from metrics.features.agreement import mean_absolute_error
from metrics.features.au import load_au


class AUMeanAbsoluteError:
    """AU MAE of a generated clip against its reference, frame i with frame i."""

    def __init__(self, setup: Setup) -> None:
        """Load the instrument; BadInput when its weights are missing or not genuine."""
        self.extractor = load_au(setup)
        self.card = self.extractor.card(
            "au_mae", "MAE", "mean over AUs and frames", (0.0, self.extractor.top), higher_is_better=False
        )

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's MAE, with both clips' intensities over time.

        Unscorable when no frame shows a face in both clips.
        """
        units = self.extractor.intensities(pair)
        found = measurement(pair, mean_absolute_error(units.generated, units.reference), units.note)
        return replace(found, traces=self.extractor.traces(pair))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


METRIC = AUMeanAbsoluteError
