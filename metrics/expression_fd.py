"""Expression FD: Frechet distance between the expressions of generated and of reference frames.

EMO's E-FID (Tian et al., EMO, ECCV 2024) is the Frechet distance of expression coefficients that a 3-D
morphable model was fitted with (Deng et al., 2019). No such model is here, and none of its numbers: this is
the same distance of action unit intensities, from the instrument that the title names
(`metrics.features.au`), and stands in no column with an E-FID. It looks at which expressions are shown, how
much and how they go together, not at when: a clip that is shifted in time has the distance of none. Frames
without a face in both clips are left out.

Expressions differ from clip to clip, so few clips are at a distance by themselves: drawn clips at 64 px
against their own H.264 0.001, their first frames held 0.34, six clips against six others 0.25, six neutral
against six happy ones 0.84. Compare at equal clips only.
"""

from collections.abc import Sequence
from math import inf

import numpy as np

from harness.contracts import Setup
from harness.types import Measurement, Pair, Score
from metrics.aggregate import (
    deletion_groups,
    empty_score,
    feature_measurement,
    jackknife_interval,
    scored_in_order,
)
from metrics.features.au import load_au
from metrics.features.frechet import distances_without, frechet_distance


class ExpressionFrechetDistance:
    """The Frechet distance of action unit intensities over the frames of all clips."""

    def __init__(self, setup: Setup) -> None:
        """Load the instrument; BadInput when its weights are missing or not genuine."""
        self.extractor = load_au(setup)
        units = len(self.extractor.units)
        self.card = self.extractor.card(
            "expression_fd",
            f"FD-{units}",
            f"Frechet distance of {units} intensities over all frames; not E-FID",
            (0.0, inf),
            higher_is_better=False,
        )

    def measure(self, pair: Pair) -> Measurement:
        """Return both sides' intensities; Unscorable when no frame shows a face in both clips."""
        units = self.extractor.intensities(pair)
        return feature_measurement(
            pair, {"generated": units.generated, "reference": units.reference}, units.note
        )

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the distance over all frames with a jackknife interval; a reason below D + 1 frames."""
        scored = scored_in_order(measurements)
        if not scored:
            return empty_score(measurements)
        generated, reference = (
            np.concatenate([m.features[side] for m in scored if m.features is not None])
            for side in ("generated", "reference")
        )
        unscored, least = len(measurements) - len(scored), len(self.extractor.units) + 1
        detail = f"{len(generated)} frames a side"
        if len(generated) < least:
            reason = f"{len(generated)} frames a side, fewer than the {least} that a covariance needs"
            return Score(np.nan, np.nan, np.nan, len(scored), unscored, reason, detail)
        value = frechet_distance(generated, reference)
        left_out = distances_without(generated, reference, deletion_groups(scored))
        low, high = jackknife_interval(value, left_out)
        return Score(value, float(np.maximum(low, 0.0)), high, len(scored), unscored, None, detail)


METRIC = ExpressionFrechetDistance
