"""PSNR of the mouth alone; see `psnr_face`."""

from metrics.psnr_face import FacePSNR


class MouthPSNR(FacePSNR):
    """PSNR of a clip's mouth against its reference's."""

    region_name = "mouth"


METRIC = MouthPSNR
