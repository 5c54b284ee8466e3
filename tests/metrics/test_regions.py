"""Face and mouth PSNR and SSIM: where the boxes lie, and that both clips share them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.contracts import Setup
from harness.types import Clip, Frames, Pair, Unscorable
from harness.weights import Weights
from metrics.features.regions import FACE_MARGIN, MOUTH_MARGIN, boxes
from metrics.psnr import PSNR, frame_psnr
from metrics.psnr_face import FacePSNR
from metrics.psnr_mouth import MouthPSNR
from metrics.ssim import SSIM, frame_ssim
from metrics.ssim_face import FaceSSIM
from metrics.ssim_mouth import MouthSSIM
from tests.metrics.frames import moving_frames, noisy

EMBEDDED = Setup("embedded", Weights())
KINDS: tuple[Any, ...] = (FacePSNR, MouthPSNR, FaceSSIM, MouthSSIM)


def landmarks_at(lefts: list[int], top: int = 20, width: int = 20, height: int = 30) -> NDArray[np.float32]:
    """Return a face that fills a rectangle, its mouth the lower right quarter."""
    face = np.zeros((len(lefts), 68, 2), np.float32)
    for points, left in zip(face, lefts, strict=True):
        points[:] = (left + width / 2, top + height / 2)
        points[:2] = (left, top), (left + width, top + height)
        points[48], points[54] = (left + width / 2, top + height / 2), (left + width, top + height)
    return face


def test_a_box_is_centred_on_each_frames_points_and_as_large_as_the_largest() -> None:
    points = np.array([[(10, 10), (19, 15)], [(30, 30), (35, 35)], [(np.nan, 0), (0, 0)]], np.float32)
    found = boxes(points, 1.0, (64, 64))
    assert found.tolist() == [[10, 10, 10, 6], [28, 30, 10, 6], [0, 0, 0, 0]]
    wide = boxes(points, 1.5, (64, 64))
    assert wide[0].tolist() == [8, 8, 15, 9]


def test_boxes_stay_inside_the_frame() -> None:
    points = np.array([[(-5, -5), (4, 4)], [(60, 60), (69, 69)]], np.float32)
    assert boxes(points, 1.0, (64, 64)).tolist() == [[0, 0, 10, 10], [54, 54, 10, 10]]
    huge = np.array([[(-50, -50), (150, 150)]], np.float32)
    assert boxes(huge, 1.0, (48, 64)).tolist() == [[0, 0, 64, 48]]


def pair_with(made: Frames, real: Frames, landmarks: NDArray[np.float32] | None) -> Pair:
    return Pair("one", Clip(made, None), Clip(real, None), landmarks=landmarks)


def test_values_are_those_of_the_same_box_in_both_clips() -> None:
    real = moving_frames(3, 96)
    made = noisy(real, 12)
    lefts = [20, 24, 29]
    pair = pair_with(made, real, landmarks_at(lefts))
    side = [int(np.ceil(n * FACE_MARGIN)) for n in (21, 31)]
    corners = [(round(left + 10.5 - side[0] / 2), round(20 + 15.5 - side[1] / 2)) for left in lefts]
    cut = [
        np.stack([f[i][y : y + side[1], x : x + side[0]] for i, (x, y) in enumerate(corners)])
        for f in (made, real)
    ]
    assert FacePSNR(EMBEDDED).measure(pair).value == pytest.approx(frame_psnr(*cut).mean(), abs=1e-9)
    assert FaceSSIM(EMBEDDED).measure(pair).value == pytest.approx(frame_ssim(*cut).mean(), abs=1e-9)


def test_only_what_happens_inside_counts() -> None:
    real = moving_frames(3, 96)
    made = noisy(real, 4)
    pair = pair_with(made, real, landmarks_at([20, 24, 29]))
    before = [kind(EMBEDDED).measure(pair).value for kind in KINDS]
    outside = made.copy()
    outside[:, 70:] = 0
    after = [kind(EMBEDDED).measure(pair_with(outside, real, pair.landmarks)).value for kind in KINDS]
    assert before == after
    chin = made.copy()
    chin[:, 40:50, 35:45] = 0
    hit = [kind(EMBEDDED).measure(pair_with(chin, real, pair.landmarks)).value for kind in KINDS]
    assert all(h < b for h, b in zip(hit, before, strict=True))
    # The mouth's box is the smaller, so the same spot weighs more in it.
    assert hit[1] < hit[0] and hit[3] < hit[2]


def test_cards_name_the_region_and_stay_apart_from_whole_frames() -> None:
    cards = [kind(EMBEDDED).card for kind in KINDS]
    assert [c.name for c in cards] == ["psnr_face", "psnr_mouth", "ssim_face", "ssim_mouth"]
    assert all(str(FACE_MARGIN) in cards[i].variant for i in (0, 2))
    assert all(str(MOUTH_MARGIN) in cards[i].variant for i in (1, 3))
    assert not any(c.comparable for c in cards) and PSNR(EMBEDDED).card.name == "psnr"
    assert SSIM(EMBEDDED).card.comparable


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_scored(kind: Any) -> None:
    real = moving_frames(4, 96)
    metric = kind(EMBEDDED)
    with pytest.raises(Unscorable, match="differ in size"):
        metric.measure(pair_with(moving_frames(4, 64), real, landmarks_at([20] * 4)))
    unseen = landmarks_at([20] * 4)
    unseen[1:3] = np.nan
    measured = metric.measure(pair_with(noisy(real, 9), real, unseen))
    assert measured.detail == "2 frames without a face left out"
    unseen[:] = np.nan
    with pytest.raises(Unscorable, match="no face in the reference in any of 4 frames"):
        metric.measure(pair_with(noisy(real, 9), real, unseen))


def test_a_mouth_too_small_for_ssim_says_so() -> None:
    real = moving_frames(2, 96)
    tiny = landmarks_at([20, 20], width=4, height=4)
    with pytest.raises(Unscorable, match="smaller than SSIM's 7x7"):
        MouthSSIM(EMBEDDED).measure(pair_with(noisy(real, 9), real, tiny))


def test_landmarks_are_found_where_they_are_not_known(drawn_pairs: list[Pair], shared: Path) -> None:
    real = drawn_pairs[0].generated
    made = Clip(noisy(real.frames, 9)[:-2], None)
    for setup in (EMBEDDED, Setup("reference", Weights(shared / "weights"))):
        whole, mouth, face = (
            kind(setup).measure(Pair("one", made, real)).value for kind in (SSIM, MouthSSIM, FaceSSIM)
        )
        assert len({whole, mouth, face}) == 3
        assert all(value is not None and 0.2 < value < 1 for value in (mouth, face))
