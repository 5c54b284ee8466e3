"""metrics/lmd.py and lmd_mouth.py: EAT's definition, what is left out, and the embedded judge."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.contracts import Setup
from harness.types import Clip, Pair, Unscorable
from harness.weights import Weights
from metrics.features.judge_data import truth_landmarks
from metrics.features.landmark_judge import LandmarkJudge, from_pixels, to_pixels
from metrics.features.landmarks import MOUTH_68, LandmarkExtractor
from metrics.lmd import LandmarkDistance, landmark_distance
from metrics.lmd_mouth import MouthLandmarkDistance

Float32 = NDArray[np.float32]
EMBEDDED = Setup("embedded", Weights())


def face(seed: int = 0, frames: int = 4) -> Float32:
    return np.random.default_rng(seed).uniform(10, 90, (frames, 68, 2)).astype(np.float32)


def toy(kind: Any, generated: Float32, reference: Float32) -> Any:
    """Return a metric whose landmarks are those given, whatever the frames."""
    metric = kind(EMBEDDED)
    both = {"generated": generated, "reference": reference}
    metric.extractor = LandmarkExtractor(
        "toy", "toy", "", "", "any", MOUTH_68, tuple(range(68)), lambda pair, side: both[side]
    )
    return metric


def pair_of(generated: int, reference: int, size: tuple[int, int] = (128, 128)) -> Pair:
    made, real = (Clip(np.zeros((n, *size, 3), np.uint8), None) for n in (generated, reference))
    return Pair("one", made, real)


def eat_by_hand(generated: Float32, reference: Float32) -> float:
    """The definition with loops: centre each set by its own mean, mean Euclid over points, then frames."""
    frames = []
    for a, b in zip(generated.astype(float), reference.astype(float), strict=True):
        distances = [
            np.hypot(*((p - a.mean(axis=0)) - (q - b.mean(axis=0)))) for p, q in zip(a, b, strict=True)
        ]
        frames.append(sum(distances) / len(distances))
    return sum(frames) / len(frames)


def test_it_is_eats_definition() -> None:
    a, b = face(1), face(2)
    assert landmark_distance(a, b) == pytest.approx(eat_by_hand(a, b), rel=1e-6)
    assert landmark_distance(a, a) == 0.0
    assert landmark_distance(a + np.float32([30, -7]), a) == pytest.approx(0, abs=1e-5)
    centred = a - a.mean(axis=1, keepdims=True)
    expected = 0.1 * np.linalg.norm(centred, axis=2).mean()
    assert landmark_distance(1.1 * a, a) == pytest.approx(expected, rel=1e-4)


def test_pixels_are_those_of_256_and_the_mouth_has_its_own_mean() -> None:
    a, b = face(1), face(2)
    measured = toy(LandmarkDistance, a, b).measure(pair_of(4, 4, (128, 200)))
    assert measured.value == pytest.approx(2 * eat_by_hand(a, b), rel=1e-6)
    mouth = toy(MouthLandmarkDistance, a, b).measure(pair_of(4, 4))
    assert mouth.value == pytest.approx(2 * eat_by_hand(a[:, 48:], b[:, 48:]), rel=1e-6)
    eyes = np.linalg.norm(b[:, [36, 39]].mean(axis=1) - b[:, [42, 45]].mean(axis=1), axis=1).mean()
    assert measured.detail == f"{eat_by_hand(a, b) / eyes:.4f} eye distances"


def test_clips_are_cut_to_the_shorter_and_frames_without_a_face_left_out() -> None:
    a = face(1, 9)
    holed = a.copy()
    holed[2] = np.nan
    measured = toy(LandmarkDistance, holed[:6], a).measure(pair_of(6, 9))
    assert measured.value == 0.0
    assert measured.detail == "0.0000 eye distances; 1 frames without a face left out"
    with pytest.raises(Unscorable, match="no face in both clips in any of 6 frames"):
        toy(LandmarkDistance, np.full_like(a[:6], np.nan), a).measure(pair_of(6, 9))


def test_frames_of_different_size_are_unscored() -> None:
    made, real = pair_of(4, 4), pair_of(4, 4, (64, 64))
    with pytest.raises(Unscorable, match="differ in size"):
        toy(LandmarkDistance, face(), face()).measure(Pair("one", made.generated, real.reference))


def test_places_and_pixels_are_inverse() -> None:
    # The middle of a picture of 4 lies between its pixels 1 and 2.
    assert to_pixels(np.zeros((1, 2), np.float32), 4).tolist() == [[1.5, 1.5]]
    np.testing.assert_allclose(to_pixels(from_pixels(face(), 72), 72), face(), atol=1e-4)


def test_the_embedded_judge_on_speakers_drawn_now(drawn_pairs: list[Pair], drawn_samples: list[Any]) -> None:
    metric, mouth = LandmarkDistance(EMBEDDED), MouthLandmarkDistance(EMBEDDED)
    assert metric.card.title == "LMD-68 face" and metric.card.domain == "embedded-corpus"
    clip, other = drawn_pairs[0].generated, drawn_pairs[3].generated
    same, apart = Pair("same", clip, clip), Pair("apart", other, clip)
    assert metric.measure(same).value == mouth.measure(same).value == 0.0
    found = metric.measure(apart).value
    truth = [truth_landmarks(sample)[:, :] for sample in (drawn_samples[3], drawn_samples[0])]
    length = apart.length
    drawn = landmark_distance(truth[0][:length], truth[1][:length]) * 256 / 64
    assert found == pytest.approx(drawn, rel=0.4)
    still = replace(clip, frames=np.repeat(clip.frames[:1], len(clip.frames), axis=0))
    moved = mouth.measure(Pair("still", still, clip)).value
    assert moved is not None and moved > 0.5


def test_the_judge_sees_any_size_of_picture_alike(drawn_pairs: list[Pair]) -> None:
    import cv2

    judge, frames = LandmarkJudge.load(), drawn_pairs[0].generated.frames[:3]
    bigger = np.stack([cv2.resize(frame, (256, 256), interpolation=cv2.INTER_CUBIC) for frame in frames])
    small = from_pixels(judge.landmarks(frames), 64)
    np.testing.assert_allclose(from_pixels(judge.landmarks(bigger), 256), small, atol=0.02)
