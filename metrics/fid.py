"""FID: Frechet distance between features of generated and of reference frames (Heusel et al., 2017).

Reference: pytorch-fid's definition. Embedded: the same distance between EfficientNet-Lite0 features, named
FD-EffNetLite0 and not comparable with any FID. Below as many frames as features (2048, 1280) both are biased
upwards, strongly: they are refused below `fid_min_frames` a side, and whoever lowers that compares only at
equal numbers of frames, which stand beside the value, and trusts KID first.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import ClassVar

import numpy as np

from harness.contracts import Backbone
from harness.types import Measurement
from metrics.aggregate import deletion_groups, jackknife_interval
from metrics.features.frame_features import Features, FrameProtocol
from metrics.features.frame_set import FrameSetMetric, SetValue
from metrics.features.frechet import distances_without, frechet_distance


class FID(FrameSetMetric):
    """FID over all clips; without a value, and with a reason, below `Setup.fid_min_frames` frames a side."""

    name = "fid"
    titles: ClassVar[Mapping[Backbone, str]] = {"reference": "FID", "embedded": "FD-EffNetLite0"}
    range = (0.0, inf)
    paper = "Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017"

    def remark(self, protocol: FrameProtocol) -> str:
        """Return where the bias begins."""
        return f"biased upwards below {protocol.dimensions} frames"

    def of_set(self, generated: Features, reference: Features, scored: Sequence[Measurement]) -> SetValue:
        """Return the Frechet distance."""
        frames, least = len(generated), self._setup.fid_min_frames
        if frames < least:
            return SetValue(
                reason=f"{frames} frames a side, fewer than the {least} asked for: {self.card.title} is "
                "biased upwards by small samples; "
                f"fid_min_frames: {frames} (--fid-min-frames) scores it all the same"
            )
        value = frechet_distance(generated, reference)
        left_out = distances_without(generated, reference, deletion_groups(scored))
        low, high = jackknife_interval(value, left_out)
        return SetValue(value, float(np.maximum(low, 0.0)), high)


METRIC = FID
