"""What FID and KID have in common: a clip gives rows of features, the set of all clips a number."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from typing import ClassVar

import numpy as np

from harness.contracts import Backbone, MetricCard, Setup
from harness.types import Measurement, Pair, Score
from metrics.aggregate import empty_score, feature_measurement, require_frames, scored_in_order
from metrics.features.frame_features import PROTOCOLS, Features, FrameProtocol, pair_features


@dataclass(frozen=True, slots=True)
class SetValue:
    """A set's number with its 95 % interval, or the reason why there is none."""

    value: float = nan
    low: float = nan
    high: float = nan
    reason: str | None = None


class FrameSetMetric(ABC):
    """A number of two sets of frame features. A subclass names its card's fields and computes the number."""

    name: ClassVar[str]
    titles: ClassVar[Mapping[Backbone, str]]
    range: ClassVar[tuple[float, float]]
    paper: ClassVar[str]

    def __init__(self, setup: Setup) -> None:
        """Verify the network's file; it is loaded when the first clip comes."""
        self._setup = setup
        protocol, reference = PROTOCOLS[setup.backbone], setup.backbone == "reference"
        self.card = MetricCard(
            name=self.name,
            title=self.titles[setup.backbone],
            unit="",
            higher_is_better=False,
            range=self.range,
            backbone=setup.weights.label(protocol.network, protocol.file),
            variant=f"{protocol.recipe}, {protocol.frames}; {self.remark(protocol)}",
            paper=self.paper,
            comparable=reference and protocol.file not in setup.weights.unverified,
            family="inception",
            min_frames=2 * protocol.stride,
        )

    @abstractmethod
    def remark(self, protocol: FrameProtocol) -> str:
        """Return what the card's variant says beside the frames."""

    @abstractmethod
    def of_set(self, generated: Features, reference: Features, scored: Sequence[Measurement]) -> SetValue:
        """Return the number of two sets (N, D), whose rows are those of the scored clips, in order."""

    def measure(self, pair: Pair) -> Measurement:
        """Return both sides' features; sizes may differ, since the network resizes every frame."""
        require_frames(pair, self.card.min_frames)
        features = pair_features(pair, self._setup.backbone, self._setup.weights)
        return feature_measurement(pair, features, f"{len(features['generated'])} frames")

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the number over the frames of all scored clips, with its interval; n counts clips."""
        scored = scored_in_order(measurements)
        if not scored:
            return empty_score(measurements)
        generated, reference = (
            np.concatenate([m.features[side] for m in scored if m.features is not None])
            for side in ("generated", "reference")
        )
        found = self.of_set(generated, reference, scored)
        unscored = len(measurements) - len(scored)
        detail = f"{len(generated)} frames a side"
        return Score(found.value, found.low, found.high, len(scored), unscored, found.reason, detail)
