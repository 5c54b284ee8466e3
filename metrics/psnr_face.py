"""PSNR of the face alone: PSNR over a box that the reference's landmarks place in both clips.

The box is defined in `metrics.features.regions`. Not comparable with PSNR of frames that were aligned to a
template, nor with that of whole frames.
"""

from dataclasses import replace

from harness.contracts import Setup
from harness.types import Measurement, Pair
from metrics.features.regions import Region
from metrics.psnr import PSNR


class FacePSNR(PSNR):
    """PSNR of a clip's face against its reference's."""

    region_name = "face"

    def __init__(self, setup: Setup) -> None:
        """Load what finds the face; BadInput when its weights are missing or not genuine."""
        super().__init__(setup)
        self.region = Region(self.region_name, setup)
        self.card = self.region.card(PSNR.card)

    def measure(self, pair: Pair) -> Measurement:
        """Return PSNR over the box; Unscorable if sizes differ or the reference shows no face."""
        cropped = self.region.crop(pair)
        measured = super().measure(cropped.pair)
        return replace(measured, detail=cropped.note(measured.detail))


METRIC = FacePSNR
