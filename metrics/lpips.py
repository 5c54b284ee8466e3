"""LPIPS: learned perceptual distance of frames (Zhang et al., CVPR 2018), the mean over frames; AlexNet.

Reference: v0.1, all frames. Embedded: the shift-tolerant ST-LPIPS, a relative with numbers of its own, on
every 5th frame, as its blurred trunk costs several times the published one's. Frames are compared at their
own size, which is part of the number; nothing is resized or aligned. On the other trunks: `lpips_vgg`,
`lpips_squeeze`. Activations are not kept for the next method: at megabytes a frame, reading them back would
cost what computing them does.
"""

from collections.abc import Sequence
from math import inf
from typing import ClassVar

from harness.contracts import Backbone, MetricCard, Setup
from harness.types import Measurement, Pair, Score, Unscorable
from harness.weights import Weights
from metrics.aggregate import mean_score, measurement, require_frames, require_same_size
from metrics.features import lpips_net

# AlexNet's two poolings leave nothing of a smaller frame; the other trunks keep to the same floor.
SMALLEST_SIDE = 32
STRIDE: dict[Backbone, int] = {"reference": 1, "embedded": 5}


class LPIPS:
    """LPIPS of a clip against its reference."""

    trunk: ClassVar[lpips_net.Trunk] = "alex"
    name: ClassVar[str] = "lpips"

    def __init__(self, setup: Setup) -> None:
        self._stride = STRIDE[setup.backbone]
        self._net = lpips_net.load(self.trunk, setup.backbone, setup.weights)
        self.card = _card(self.name, self.trunk, setup.backbone, setup.weights)

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
        # As many pixels at a time whatever the size: at 1080p a batch of small frames fills the memory.
        batch = max(1, lpips_net.BACKBONES[self.trunk].batch * 256**2 // (height * width))
        distances = lpips_net.frame_lpips(self._net, generated, reference, batch)
        return measurement(pair, float(distances.mean()))

    def aggregate(self, measurements: Sequence[Measurement]) -> Score:
        """Return the mean over clips."""
        return mean_score(measurements)


def _card(name: str, trunk: lpips_net.Trunk, backbone: Backbone, weights: Weights) -> MetricCard:
    reference = backbone == "reference"
    files = lpips_net.files(trunk, backbone)
    title = f"LPIPS({trunk})" if reference else f"ST-LPIPS({trunk})"
    network = f"{lpips_net.BACKBONES[trunk].title}, LPIPS v0.1" if reference else title
    return MetricCard(
        name=name,
        title=title,
        unit="",
        higher_is_better=False,
        range=(0.0, inf),
        backbone=weights.label(network, *files),
        variant=f"{'all frames' if reference else 'every 5th frame'}, at their own size",
        paper="Zhang et al., CVPR 2018" if reference else "Ghildyal and Liu, ECCV 2022",
        comparable=reference and not weights.unverified.intersection(files),
        family="perceptual",
    )


METRIC = LPIPS
