"""What the metrics of the LSE family have in common: each reads one number of a clip's SyncScore."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import inf
from typing import ClassVar

from harness.contracts import MetricCard, Setup
from harness.types import Measurement, Pair, Score
from metrics.aggregate import mean_score, measurement
from metrics.features.sync import MIN_FRAMES, SyncScore, load_sync


class SyncMetric(ABC):
    """One number of the generated clip's `SyncScore`; the reference clip is not looked at.

    A subclass names its card's fields and says in `value` which number it is.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str] = ""
    higher_is_better: ClassVar[bool | None]
    range: ClassVar[tuple[float, float]] = (0.0, inf)
    remark: ClassVar[str] = ""

    def __init__(self, setup: Setup) -> None:
        """Load backbone and protocol; BadInput when weights are missing or the protocol does not fit."""
        self.sync = load_sync(setup)
        self.card = MetricCard(
            name=self.name,
            title=self.title,
            unit=self.unit,
            higher_is_better=self.higher_is_better,
            range=self.range,
            backbone=self.sync.label,
            variant=self.sync.variant + self.remark,
            paper=self.sync.paper,
            comparable=self.sync.comparable,
            family="sync",
            domain=self.sync.domain,
            needs_audio=True,
            min_frames=MIN_FRAMES,
            paired=False,
        )

    @abstractmethod
    def value(self, score: SyncScore) -> float:
        """Return this metric's number."""

    def measure(self, pair: Pair) -> Measurement:
        """Return the clip's number; Unscorable where the rule or the protocol finds nothing to score."""
        score = self.sync.score(pair)
        return measurement(pair, self.value(score), score.caveat)

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips, signs kept."""
        return mean_score(measurements)
