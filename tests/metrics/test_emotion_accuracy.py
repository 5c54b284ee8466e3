"""metrics/emotion_accuracy.py: pooling over frames, labels outside the classes, and the reference network."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.contracts import Setup
from harness.faces import POLICIES, mediapipe_detector
from harness.prepare import prepare
from harness.types import BadInput, Clip, Frames, Measurement, Pair, Sample, Unscorable
from harness.weights import Weights
from metrics.emotion_accuracy import EmotionAccuracy
from metrics.features.emotion import EmotionClassifier
from metrics.features.mini_xception import LABELS, _pool_same, read_keras


def red_is_happy(frames: Frames) -> NDArray[np.float32]:
    """Give log-probabilities of (neutral, happy) that only the first pixel's red decides."""
    share = frames[:, 0, 0, 0].astype(np.float32) / 256 * 0.98 + 0.01
    return np.log(np.stack([1 - share, share], 1))


@pytest.fixture
def metric() -> EmotionAccuracy:
    made = EmotionAccuracy(Setup("embedded", Weights()))
    made.classifier = EmotionClassifier("toy", "toy", "", "", ("neutral", "happy"), red_is_happy)
    return made


def pair_of(reds: list[int], emotion: str | None) -> Pair:
    frames = np.zeros((len(reds), 8, 8, 3), np.uint8)
    frames[..., 0] = np.array(reds)[:, None, None]
    clip = Clip(frames, None)
    return Pair("one", clip, clip, emotion=emotion)


def test_frames_are_pooled_by_mean_log_probability(metric: EmotionAccuracy) -> None:
    # Two frames lean to happy, one is sure of neutral: a majority vote would say happy.
    measured = metric.measure(pair_of([150, 150, 0], "neutral"))
    assert (measured.value, measured.detail) == (100.0, "neutral")


def test_a_wrong_clip_is_zero_and_names_what_was_seen(metric: EmotionAccuracy) -> None:
    measured = metric.measure(pair_of([255, 255], "neutral"))
    assert (measured.value, measured.detail) == (0.0, "happy")


@pytest.mark.parametrize(
    ("label", "reason"), [(None, "no emotion label"), ("contempt", "'contempt' is none of")]
)
def test_labels_that_cannot_be_right_are_unscored(
    metric: EmotionAccuracy, label: str | None, reason: str
) -> None:
    with pytest.raises(Unscorable, match=reason):
        metric.measure(pair_of([255], label))


def test_the_score_is_a_percentage_with_wilson_interval(metric: EmotionAccuracy) -> None:
    measured = [Measurement(str(i), value=100.0 * (i < 8)) for i in range(10)]
    score = metric.aggregate([*measured, Measurement("x", reason="no emotion label")])
    assert (score.value, score.n, score.n_unscored) == (80.0, 10, 1)
    assert score.ci_low == pytest.approx(49.0, abs=0.1) and score.ci_high == pytest.approx(94.3, abs=0.1)


def test_pooling_pads_as_tensorflow_does() -> None:
    torch = pytest.importorskip("torch")
    line = torch.tensor([[[[5.0, 1.0, 2.0, 9.0]]]]).expand(1, 1, 4, 4)
    # "same" pooling of 4 by 2: windows start at 0 and 2, the odd pixel of padding comes last.
    assert _pool_same(line)[0, 0, 0].tolist() == [5.0, 9.0]


def test_reference_network_reads_a_real_face(shared: Path) -> None:
    weights = Weights(shared / "weights")
    metric = EmotionAccuracy(Setup("reference", weights))
    video = shared / "clips" / "MEAD_M003_level_1_disgusted_015.mp4"
    sample = Sample("one", video, None, speaker=None, emotion="disgust")
    crops = POLICIES["face-v1"]
    prepared = prepare(sample, crops, 128, partial(mediapipe_detector, crops, weights))
    clip = Clip(prepared.frames, None)
    measured = metric.measure(Pair("one", clip, clip, emotion="disgust"))
    assert (metric.card.title, metric.card.backbone) == ("EmoAcc-fer7", "mini-XCEPTION")
    assert set(LABELS) >= {"happy", "surprise"}
    assert (measured.value, measured.detail) == (100.0, "disgust")


def test_a_keras_file_of_another_network_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file.create_group("model_weights/dense_1/dense_1_1")
    with pytest.raises(BadInput, match=r"other\.hdf5: not mini-XCEPTION"):
        read_keras(tmp_path / "other.hdf5")
