"""The LSE protocols by name, each with what a card says of it."""

from dataclasses import dataclass

from harness.contracts import LSEProtocol
from harness.weights import Weights
from metrics.features.sync_streams import Streams, decoded, whole_frames


@dataclass(frozen=True, slots=True)
class NamedProtocol:
    """How frames reach the network, made ready.

    describes: for the card. published: whether papers report LSE by it. weights: names of the files that it
    needs. whole_offset: the mean offset of several tracks is cut to whole frames.
    """

    name: LSEProtocol
    streams: Streams
    describes: str
    published: bool = True
    weights: tuple[str, ...] = ()
    whole_offset: bool = False


def load_protocol(name: LSEProtocol, weights: Weights) -> NamedProtocol:
    """Return the protocol; BadInput when the face detector that it needs is missing or not genuine."""
    if name == "decoded":
        # Without the JPEG files of the published protocols distances move by about a percent.
        return NamedProtocol(name, decoded, "whole frames as decoded here", published=False)
    if name == "wav2lip-lrs":
        return NamedProtocol(name, whole_frames, "whole frames 224x224, JPEG by ffmpeg")
    from metrics.features.s3fd import FaceDetector
    from metrics.features.sync_tracks import LATENTSYNC, WAV2LIP_REAL, FaceStreams

    recipe = WAV2LIP_REAL if name == "wav2lip-real" else LATENTSYNC
    return NamedProtocol(
        name,
        FaceStreams(FaceDetector(weights.state_dict("s3fd")), recipe),
        f"{weights.label('S3FD', 's3fd')} tracks of > {recipe.shortest_track} frames, {recipe.fourcc} crops, "
        "mean over a clip's tracks",
        weights=("s3fd",),
        whole_offset=name == "latentsync",
    )
