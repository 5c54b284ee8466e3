"""SSIM of the mouth alone; see `ssim_face`."""

from metrics.ssim_face import FaceSSIM


class MouthSSIM(FaceSSIM):
    """SSIM of a clip's mouth against its reference's."""

    region_name = "mouth"


METRIC = MouthSSIM
