"""FID: Frechet distance between features of generated and of reference frames (Heusel et al., 2017).

Reference: pytorch-fid's definition. Embedded: the same distance between EfficientNet-Lite0 features, named
FD-EffNetLite0 and not comparable with any FID. Below as many frames as features (2048, 1280) both are biased
upwards, strongly: they are refused below `fid_min_frames` a side, and whoever lowers that compares only at
equal numbers of frames, which stand beside the value, and trusts KID first.
"""

from collections.abc import Sequence
from math import inf, nan

import numpy as np

from harness.contracts import Backbone, MetricCard, Setup
from harness.types import Measurement, Pair, Score
from harness.weights import Weights
from metrics.aggregate import (
    deletion_groups,
    empty_score,
    feature_measurement,
    jackknife_interval,
    require_frames,
    scored_in_order,
)
from metrics.features.frame_features import PROTOCOLS, frames_a_side, pair_features
from metrics.features.frechet import distances_without, frechet_distance


class FID:
    """FID over all clips; a clip contributes rows of features, not a value."""

    def __init__(self, setup: Setup) -> None:
        self._backbone, self._weights = setup.backbone, setup.weights
        self._min_frames = setup.fid_min_frames
        self.card = _card(setup.backbone, setup.weights)

    def measure(self, pair: Pair) -> Measurement:
        """Return both sides' features; sizes may differ, since the network resizes every frame."""
        require_frames(pair, self.card.min_frames)
        features = pair_features(pair, self._backbone, self._weights)
        return feature_measurement(pair, features, f"{len(features['generated'])} frames")

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the distance over the frames of all scored clips, with its interval; n counts clips.

        Without a value, and with a reason, where there are fewer frames a side than the setup asks for.
        """
        scored = scored_in_order(measurements)
        if not scored:
            return empty_score(measurements)
        generated, reference = (
            np.concatenate([m.features[side] for m in scored if m.features is not None])
            for side in ("generated", "reference")
        )
        frames = len(generated)
        detail, unscored = frames_a_side(frames), len(measurements) - len(scored)
        if frames < self._min_frames:
            reason = (
                f"{frames} frames a side, fewer than the {self._min_frames} asked for: {self.card.title} is "
                f"biased upwards by small samples; "
                f"fid_min_frames: {frames} (--fid-min-frames) scores it all the same"
            )
            return Score(nan, nan, nan, len(scored), unscored, reason, detail)
        value = frechet_distance(generated, reference)
        left_out = distances_without(generated, reference, deletion_groups(scored))
        low, high = jackknife_interval(value, left_out)
        return Score(value, float(np.maximum(low, 0.0)), high, len(scored), unscored, detail=detail)


def _card(backbone: Backbone, weights: Weights) -> MetricCard:
    protocol, reference = PROTOCOLS[backbone], backbone == "reference"
    return MetricCard(
        name="fid",
        title="FID" if reference else "FD-EffNetLite0",
        unit="",
        higher_is_better=False,
        range=(0.0, inf),
        backbone=weights.label(protocol.network, protocol.file),
        variant=f"{protocol.recipe}, {protocol.frames}; biased upwards below {protocol.dimensions} frames",
        paper="Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017",
        comparable=reference and protocol.file not in weights.unverified,
        family="inception",
        min_frames=2 * protocol.stride,
    )


METRIC = FID
