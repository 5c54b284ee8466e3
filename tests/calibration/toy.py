"""A toy metric, reached by dotted name as a user's own would be: mean absolute difference in grey levels."""

from collections.abc import Sequence

import numpy as np

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score


class Toy:
    card = MetricCard("toy", "Toy", "", False, (0.0, 255.0), "none", "mean |difference|", "none", False)

    def __init__(self, setup: Setup) -> None:
        """Need nothing."""

    def measure(self, pair: Pair) -> Measurement:
        a, b = (c.frames[: pair.length].astype(float) for c in (pair.generated, pair.reference))
        return Measurement(pair.clip_id, float(np.abs(a - b).mean()), speaker=pair.speaker)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        values = [m.value for m in measurements if m.value is not None]
        mean = float(np.mean(values))
        return Score(mean, mean, mean, len(values), len(measurements) - len(values))


METRIC = Toy
