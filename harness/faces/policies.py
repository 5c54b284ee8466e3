"""The face policies by name: every choice that a crop and its landmarks depend on.

`face-v1` looks for faces in the whole picture, scaled down, until one is there, and from then on only in a
region about the last one. Of several faces it takes the largest of the first picture that has one, and then
the nearest from picture to picture, within one face's width. Up to 12 pictures without that face are bridged
in a straight line; a longer gap, be it a face that left, a cut to another place or a face turned away, makes
the clip unusable, and so does a clip without a face. The crop is square, of one size for the whole clip,
upright, centred on the eyes smoothed over time, and framed as the embedded corpus is drawn; what lies beyond
the picture is its edge repeated. `face-v1-embedded` is the same with the embedded detector, which knows drawn
faces only. `none`: the footage is cropped already and is only resized; its landmarks are the corpus's truth
where it has one, and found in the whole pictures otherwise.
"""

from dataclasses import dataclass
from typing import Literal

from harness.types import BadInput

PolicyName = Literal["none", "face-v1", "face-v1-embedded"]


@dataclass(frozen=True, slots=True)
class Policy:
    """A face policy by name and version, with every constant that a crop depends on.

    detector: which networks find the landmarks (`detectors.open_detector`). side: the crop's side in
    interocular units (`geometry.eye_frame`), the margin about the face included. eye_height: where the
    eyes' middle stands, as a fraction from the top. smoothing: sigma of the centre's smoothing in pictures.
    longest_gap: pictures without the face that are bridged. most_faces: how many faces are told apart.
    overview: the longer side of the picture in which faces are looked for at first. region: the side of the
    region in which the face is followed, in crop sides. working_side: regions are shrunk by whole numbers
    as long as the crop keeps this many pixels. smallest_picture: what is smaller is enlarged for the
    detector.
    """

    name: str
    crops: bool
    detector: Literal["mediapipe", "embedded"] = "mediapipe"
    side: float = 4.0
    eye_height: float = 0.4
    smoothing: float = 3.0
    longest_gap: int = 12
    most_faces: int = 4
    overview: int = 640
    region: float = 1.25
    working_side: int = 256
    smallest_picture: int = 256


POLICIES = {
    "none": Policy("none", crops=False),
    "face-v1": Policy("face-v1", crops=True),
    "face-v1-embedded": Policy("face-v1-embedded", crops=True, detector="embedded"),
}


def policy(name: str) -> Policy:
    """Return a policy by its name."""
    if name not in POLICIES:
        raise BadInput(f'no face policy "{name}"; known: {", ".join(POLICIES)}')
    return POLICIES[name]
