"""LMD of the mouth alone (EAT's M-LMD): the lips' landmarks, centred by their own mean. See `lmd`."""

from metrics.lmd import Float32, LandmarkDistance


class MouthLandmarkDistance(LandmarkDistance):
    """LMD of a generated clip's lips against its reference's, frame i with frame i."""

    name, part = "lmd_mouth", "mouth"

    def points(self, landmarks: Float32) -> Float32:
        """Return the lips' landmarks."""
        return landmarks[:, list(self.extractor.mouth)]


METRIC = MouthLandmarkDistance
