"""One face policy for every method and metric: where the face is, how it is cropped, what is hidden of it.

`policies` names the policies and documents their choices; `detectors` finds landmarks in a picture,
`tracking` follows one face through a clip, `cropping` makes its crops; `masks` and `pose` are read from
landmarks.
Landmarks are pixel indices: a whole number is a pixel's centre.
"""

from harness.faces.cropping import (
    Region,
    Source,
    crop,
    crop_boxes,
    crop_region,
    resized,
    resized_to,
    take,
)
from harness.faces.detectors import (
    FILES,
    MESH_TO_68,
    Detector,
    Landmarks,
    NearDetector,
    OpenDetector,
    open_detector,
)
from harness.faces.geometry import EYES, NOSE_BASE, eye_centres, eye_frame, rescaled
from harness.faces.masks import (
    full_face_mask,
    full_face_masks,
    hull_mask,
    hull_masks,
    lower_half_mask,
    lower_half_masks,
)
from harness.faces.policies import POLICIES, Policy, PolicyName, policy
from harness.faces.pose import head_pose
from harness.faces.tracking import Track, cut, largest, look, nearest, track

__all__ = [
    "EYES",
    "FILES",
    "MESH_TO_68",
    "NOSE_BASE",
    "POLICIES",
    "Detector",
    "Landmarks",
    "NearDetector",
    "OpenDetector",
    "Policy",
    "PolicyName",
    "Region",
    "Source",
    "Track",
    "crop",
    "crop_boxes",
    "crop_region",
    "cut",
    "eye_centres",
    "eye_frame",
    "full_face_mask",
    "full_face_masks",
    "head_pose",
    "hull_mask",
    "hull_masks",
    "largest",
    "look",
    "lower_half_mask",
    "lower_half_masks",
    "nearest",
    "open_detector",
    "policy",
    "rescaled",
    "resized",
    "resized_to",
    "take",
    "track",
]
