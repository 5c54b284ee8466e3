"""LPIPS on VGG-16 (Zhang et al., CVPR 2018), as `lpips` otherwise; numbers on two trunks do not compare."""

from typing import ClassVar

from metrics.features.lpips_net import Trunk
from metrics.lpips import LPIPS


class LPIPSVGG(LPIPS):
    """LPIPS(vgg) of a clip against its reference."""

    trunk: ClassVar[Trunk] = "vgg"
    name: ClassVar[str] = "lpips_vgg"


METRIC = LPIPSVGG
