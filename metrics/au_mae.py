"""AU MAE: how far the generated face's action unit intensities (0..1) are from the real one's, by frame.

Mean of |difference| over action units and over the frames where both clips show a face. Intensity only:
presence and ICC are other metrics. The instruments are in `metrics.features.au`; their values are not FACS
coding by people.
"""

from collections.abc import Sequence

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score
from metrics.aggregate import mean_score, measurement
from metrics.features.au import load_au, mean_absolute_error


class AUMeanAbsoluteError:
    """AU MAE of a generated clip against its reference, frame i with frame i."""

    def __init__(self, setup: Setup) -> None:
        """Load the instrument; BadInput when its weights are missing or not genuine."""
        self.extractor = load_au(setup.backbone, setup.weights)
        self.card = MetricCard(
            name="au_mae",
            title=f"{self.extractor.title} MAE",
            unit="",
            higher_is_better=False,
            range=(0.0, 1.0),
            backbone=self.extractor.label,
            variant=self.extractor.variant,
            paper=self.extractor.paper,
            comparable=False,
            family="au",
            domain="any" if setup.backbone == "reference" else "embedded-corpus",
        )

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's MAE; Unscorable when no frame shows a face in both clips."""
        units = self.extractor.of_pair(pair)
        return measurement(pair, mean_absolute_error(units.generated, units.reference), units.note)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


METRIC = AUMeanAbsoluteError
