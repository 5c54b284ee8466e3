"""motion_diversity, head_diversity and smoothness: closed forms, independent forms, what jitter does."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import savgol_coeffs

from harness.calibration.faults import noise, recoded
from harness.contracts import Setup
from harness.faces import eye_frame, head_pose
from harness.types import Clip, Pair, Unscorable
from harness.weights import Weights
from metrics.features.landmarks import MOUTH_68, LandmarkExtractor
from metrics.features.motion import MotionMetric, in_eye_distances, jerk, slow
from metrics.head_diversity import HeadDiversity
from metrics.motion_diversity import MotionDiversity
from metrics.smoothness import Smoothness

Float32 = NDArray[np.float32]
EMBEDDED = Setup("embedded", Weights())
KINDS = (MotionDiversity, HeadDiversity, Smoothness)
FPS = 25


def face() -> Float32:
    """Return (68, 2), the eyes' centres 20 px apart, the eyes' middle at (50, 40), the nose's base at 57."""
    points = np.random.default_rng(0).uniform(30, 70, (68, 2))
    points[[36, 39, 42, 45]] = (36, 40), (44, 40), (56, 40), (64, 40)
    points[27:36] = [(50, 42), (50, 46), (50, 50), (50, 54), (45, 56), (47, 57), (50, 57), (53, 57), (55, 56)]
    return points.astype(np.float32)


def moved(shift: Any, frames: int = 40) -> Float32:
    """Return the face shifted by (T, 2) pixels, or held where `shift` is 0."""
    places = np.broadcast_to(np.asarray(shift, np.float32), (frames, 2))
    return (face() + places[:, None]).astype(np.float32)


def toy(kind: type[MotionMetric], landmarks: Float32) -> MotionMetric:
    """Return a metric that finds the landmarks given, whatever the frames."""
    metric = kind(EMBEDDED)
    metric.extractor = LandmarkExtractor(
        "toy", "toy", "", "", "any", MOUTH_68, tuple(range(68)), lambda pair, side: landmarks
    )
    return metric


def score(kind: type[MotionMetric], landmarks: Float32) -> float:
    clip = Clip(np.zeros((len(landmarks), 64, 64, 3), np.uint8), None)
    value = toy(kind, landmarks).measure(Pair("one", clip, clip)).value
    assert value is not None
    return value


def sway(frequency: float, amplitude: float, frames: int = 100) -> NDArray[np.float64]:
    """Return (T, 2), a sine along x of `amplitude` pixels over whole periods."""
    x = amplitude * np.sin(2 * np.pi * frequency * np.arange(frames) / FPS)
    return np.stack([x, np.zeros(frames)], axis=1)


def test_a_still_face_scores_zero() -> None:
    assert [score(kind, moved(0.0)) for kind in KINDS] == pytest.approx([0, 0, 0], abs=1e-4)


def test_a_sway_in_closed_form() -> None:
    # 0.5 Hz: the mean over 5 frames keeps sin(5 w / 2) / (5 sin(w / 2)) of a sine; whole periods are left.
    w = 2 * np.pi * 0.5 / FPS
    kept = np.sin(2.5 * w) / (5 * np.sin(w / 2))
    found = score(MotionDiversity, moved(sway(0.5, 6, 104), 104))
    assert found == pytest.approx(kept * 6 / 20 / np.sqrt(2), rel=1e-3)
    assert score(HeadDiversity, moved(sway(0.5, 6, 104), 104)) == pytest.approx(0, abs=1e-3)


def test_motion_diversity_is_numpys_deviation_of_pandas_running_mean() -> None:
    pandas = pytest.importorskip("pandas")
    walk = np.cumsum(np.random.default_rng(1).normal(0, 0.5, (50, 68, 2)), axis=0) + face()
    walk = walk.astype(np.float32)
    table = pandas.DataFrame(walk.reshape(50, -1) / eye_frame(walk)[2]).rolling(5).mean().dropna()
    deviations = table.std(ddof=0).to_numpy().reshape(68, 2)
    assert score(MotionDiversity, walk) == pytest.approx(np.hypot(*deviations.T).mean(), rel=1e-6)


def test_a_tilting_head_in_degrees() -> None:
    # Roll turns the picture: its angles are known without a pose method.
    angles = np.radians(np.linspace(-10, 10, 41))
    turns = np.array([[(np.cos(a), np.sin(a)), (-np.sin(a), np.cos(a))] for a in angles])
    tilted = ((face() - 50) @ turns + 50).astype(np.float32)
    assert np.ptp(head_pose(tilted)[:, 2]) == pytest.approx(20, abs=0.1)
    middle = np.linspace(-9, 9, 37)
    clip = Clip(np.zeros((41, 64, 64, 3), np.uint8), None)
    found = toy(HeadDiversity, tilted).measure(Pair("one", clip, clip))
    assert found.detail is not None and found.detail.startswith("yaw ")
    roll = float(found.detail.split("roll ")[1].rstrip("°"))
    assert roll == pytest.approx(middle.std(), abs=0.02)
    each = [float(part.split(" ")[1].rstrip("°")) for part in found.detail.split(", ")]
    assert found.value == pytest.approx(np.mean(each), abs=0.01)


def test_jerk_of_a_cubic_is_its_own_and_the_filter_is_savitzky_and_golays() -> None:
    seconds = np.arange(30) / FPS
    assert jerk((2 * seconds**3 - seconds**2)[:, None]) == pytest.approx(np.full((25, 1), 12.0), rel=1e-6)
    found = jerk(np.eye(11)[:, 5][:, None])[:, 0] / FPS**3
    assert found == pytest.approx(savgol_coeffs(6, 3, deriv=3, pos=2.5, use="conv"), abs=1e-9)


def test_smoothness_grows_with_the_cube_of_frequency_and_sees_what_alternates() -> None:
    slow_sway, fast_sway = (score(Smoothness, moved(sway(f, 2), 100)) for f in (0.5, 1.0))
    assert fast_sway / slow_sway == pytest.approx(8, rel=0.1)
    alternating = moved(np.stack([np.arange(40) % 2, np.zeros(40)], axis=1))
    assert score(Smoothness, alternating) > 100 * slow_sway


def test_jitter_is_not_smooth_and_hardly_motion() -> None:
    generator = np.random.default_rng(0)
    calm = moved(sway(0.5, 6), 100)
    jittered = (calm + generator.normal(0, 1, calm.shape)).astype(np.float32)
    assert score(Smoothness, jittered) > 10 * score(Smoothness, calm)
    assert score(MotionDiversity, jittered) == pytest.approx(score(MotionDiversity, calm), rel=0.1)
    more = [score(Smoothness, (calm + s * (jittered - calm)).astype(np.float32)) for s in (0, 0.2, 0.5, 1, 2)]
    assert sorted(more) == more
    wider = [score(MotionDiversity, moved(sway(0.5, a), 100)) for a in (0, 1, 3, 9)]
    assert sorted(wider) == wider


@pytest.mark.parametrize("kind", KINDS)
def test_neither_size_nor_place_of_the_face_counts(kind: type[MotionMetric]) -> None:
    walk = moved(np.cumsum(np.random.default_rng(2).normal(0, 1, (40, 2)), axis=0))
    walk += np.random.default_rng(3).normal(0, 0.3, walk.shape).astype(np.float32)
    assert score(kind, 3 * walk + np.float32(11)) == pytest.approx(score(kind, walk), rel=1e-3)
    assert score(kind, walk) == score(kind, walk)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_without_a_face_break_runs_and_are_counted(kind: type[MotionMetric]) -> None:
    holed = moved(0.0)
    holed[7] = np.nan
    # A jump where no face was seen is not the jerk of any run; it is a spread.
    if kind is Smoothness:
        holed[8:] += np.float32(5)
    clip = Clip(np.zeros((40, 64, 64, 3), np.uint8), None)
    found = toy(kind, holed).measure(Pair("one", clip, clip))
    assert found.value == pytest.approx(0, abs=1e-3)
    assert found.detail is not None and found.detail.endswith("1 frames without a face left out")
    none = np.full_like(holed, np.nan)
    with pytest.raises(Unscorable, match="no face in any of 40 frames"):
        toy(kind, none).measure(Pair("one", clip, clip))
    none[::4] = face()
    with pytest.raises(Unscorable, match="with a face"):
        toy(kind, none).measure(Pair("one", clip, clip))


def test_a_face_of_no_size_is_none() -> None:
    with pytest.raises(Unscorable, match="px apart, less than"):
        in_eye_distances(np.full((12, 68, 2), 5, np.float32))


def test_a_spread_needs_several_windows() -> None:
    assert len(slow(np.zeros((10, 2)))) == 6
    with pytest.raises(Unscorable, match="5 windows of 5"):
        slow(np.zeros((9, 2)))


def test_the_cards_say_what_the_numbers_are() -> None:
    cards = [kind(EMBEDDED).card for kind in KINDS]
    assert [card.name for card in cards] == ["motion_diversity", "head_diversity", "smoothness"]
    assert [card.higher_is_better for card in cards] == [True, True, None]
    assert not any(card.paired or card.comparable for card in cards)
    assert {card.domain for card in cards} == {"embedded-corpus"}


def test_drawn_clips_move_stills_do_not_and_noise_is_not_motion(drawn_pairs: list[Pair]) -> None:
    metrics = [kind(EMBEDDED) for kind in KINDS]

    def scores(frames: NDArray[np.uint8]) -> list[float]:
        clip = Clip(frames, None)
        return [float(metric.measure(Pair("one", clip, clip)).value or 0) for metric in metrics]

    real = drawn_pairs[0].generated.frames
    held = recoded(Clip(np.repeat(real[:1], len(real), axis=0), None)).frames
    truth, still = scores(real), scores(held)
    noisy = scores(noise(held, 4, np.random.default_rng(0)))
    assert still[0] < 0.02 * truth[0] and still[1] < 0.05 * truth[1] and still[2] < 0.3 * truth[2]
    assert noisy[0] < 0.15 * truth[0] and noisy[1] < 0.25 * truth[1]
    shaken = np.stack([np.roll(f, s, (0, 1)) for f, s in zip(real, shakes(len(real)), strict=True)])
    assert scores(shaken)[2] > 4 * truth[2]


def shakes(count: int) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in np.random.default_rng(0).integers(-1, 2, (count, 2))]
