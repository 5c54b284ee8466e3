"""LPIPS: learned perceptual distance of frames (Zhang et al., CVPR 2018), the mean over frames.

Reference: v0.1, AlexNet, all frames. Embedded: the shift-tolerant ST-LPIPS, a relative with numbers of its
own, on every 5th frame, as its blurred trunk costs several times AlexNet's. Frames are compared at their own
size, which is part of the number; nothing is resized or aligned.
"""

from collections.abc import Sequence
from math import inf

from harness.contracts import Backbone, MetricCard, Setup
from harness.types import Measurement, Pair, Score, Unscorable
from harness.weights import Weights
from metrics.aggregate import mean_score, measurement, require_frames, require_same_size
from metrics.features import lpips_net

# AlexNet's two poolings leave nothing of a smaller frame.
SMALLEST_SIDE = 32
STRIDE: dict[Backbone, int] = {"reference": 1, "embedded": 5}


class LPIPS:
    """LPIPS of a clip against its reference."""

    def __init__(self, setup: Setup) -> None:
        self._stride = STRIDE[setup.backbone]
        self._net = lpips_net.load(setup.backbone, setup.weights)
        self.card = _card(setup.backbone, setup.weights)

    def measure(self, pair: Pair) -> Measurement:
        """Return the mean over every STRIDE-th frame; Unscorable if sizes differ or a side is below 32 px."""
        require_frames(pair, self.card.min_frames)
        require_same_size(pair)
        height, width = pair.reference.frames.shape[1:3]
        if min(height, width) < SMALLEST_SIDE:
            raise Unscorable(
                f"frames of {width}x{height} are smaller than LPIPS's {SMALLEST_SIDE}x{SMALLEST_SIDE}"
            )
        generated, reference = (
            clip.frames[: pair.length : self._stride] for clip in (pair.generated, pair.reference)
        )
        distances = lpips_net.frame_lpips(self._net, generated, reference)
        return measurement(pair, float(distances.mean()))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


def _card(backbone: Backbone, weights: Weights) -> MetricCard:
    reference = backbone == "reference"
    files = ("alexnet", "lpips-alex-heads") if reference else ("st-lpips-alex",)
    return MetricCard(
        name="lpips",
        title="LPIPS(alex)" if reference else "ST-LPIPS(alex)",
        unit="",
        higher_is_better=False,
        range=(0.0, inf),
        backbone=weights.label("alexnet-owt-7be5be79, LPIPS v0.1" if reference else "ST-LPIPS(alex)", *files),
        variant=f"{'all frames' if reference else 'every 5th frame'}, at their own size",
        paper="Zhang et al., CVPR 2018" if reference else "Ghildyal and Liu, ECCV 2022",
        comparable=reference and not weights.unverified.intersection(files),
        family="perceptual",
    )


METRIC = LPIPS
