"""LPIPS on SqueezeNet 1.1 (Zhang et al., CVPR 2018), as `lpips` otherwise; there is no embedded backbone."""

from typing import ClassVar

from metrics.features.lpips_net import Trunk
from metrics.lpips import LPIPS


class LPIPSSqueeze(LPIPS):
    """LPIPS(squeeze) of a clip against its reference."""

    trunk: ClassVar[Trunk] = "squeeze"
    name: ClassVar[str] = "lpips_squeeze"


METRIC = LPIPSSqueeze
