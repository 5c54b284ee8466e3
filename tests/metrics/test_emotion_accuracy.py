"""metrics/emotion_accuracy.py: pooling over frames, labels outside the classes, and the reference network."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.contracts import Setup
from harness.faces import POLICIES, open_detector
from harness.prepare import prepare
from harness.store import Store
from harness.types import BadInput, Clip, Frames, Measurement, Pair, Sample, Unscorable
from harness.weights import Weights
from metrics.emotion_accuracy import EmotionAccuracy
from metrics.emotion_recall import EmotionRecall, recall_interval
from metrics.features.emotion import EmotionClassifier, reader
from metrics.features.mini_xception import LABELS, _pool_same, read_keras


def red_is_happy(frames: Frames) -> NDArray[np.float32]:
    """Give log-probabilities of (neutral, happy) that only the first pixel's red decides."""
    share = frames[:, 0, 0, 0].astype(np.float32) / 256 * 0.98 + 0.01
    # Blue marks a frame without a face.
    share[frames[:, 0, 0, 2] > 0] = np.nan
    return np.log(np.stack([1 - share, share], 1))


@pytest.fixture
def metric() -> EmotionAccuracy:
    made = EmotionAccuracy(Setup("embedded", Weights()))
    made.classifier = EmotionClassifier(
        "toy", "toy", "", "", ("neutral", "happy"), "any", reader("toy", red_is_happy)
    )
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


def test_frames_without_a_face_do_not_vote(metric: EmotionAccuracy) -> None:
    pair = pair_of([255, 255, 0, 0], "happy")
    pair.generated.frames[2:, ..., 2] = 255
    assert metric.measure(pair).detail == "happy"
    pair = pair_of([255, 255], "happy")
    pair.generated.frames[..., 2] = 255
    with pytest.raises(Unscorable, match="no face in any of 2 frames"):
        metric.measure(pair)


def test_a_shared_clip_is_read_once(metric: EmotionAccuracy, tmp_path: Path) -> None:
    calls: list[int] = []

    def counted(frames: Frames) -> NDArray[np.float32]:
        calls.append(len(frames))
        return red_is_happy(frames)

    metric.classifier = replace(metric.classifier, read=reader("counted", counted))
    for _ in range(2):
        clip = replace(pair_of([255, 255, 3], "happy").generated, shared=True)
        assert metric.measure(Pair("one", clip, clip, emotion="happy", store=Store(tmp_path))).value == 100.0
    assert calls == [3]


def recognised(clip: int, emotion: str, right: bool, speaker: str) -> Measurement:
    return Measurement(str(clip), value=100.0 * right, emotion=emotion, speaker=speaker)


def test_recall_weighs_emotions_alike() -> None:
    metric = EmotionRecall(Setup("embedded", Weights()))
    assert (metric.card.name, metric.card.title) == ("emotion_recall", "EmoAcc recall")
    # 8 neutral clips right, 2 happy ones wrong: accuracy 80 %, but half of the emotions are recognised.
    rows = [recognised(i, "neutral", True, str(i % 2)) for i in range(8)]
    rows += [recognised(8 + i, "happy", False, str(i % 2)) for i in range(2)]
    score = metric.aggregate([*rows, Measurement("x", reason="no emotion label")])
    assert (score.value, score.n, score.n_unscored) == (50.0, 10, 1)
    assert score.detail == "happy 0 %, neutral 100 %"
    assert metric.aggregate(rows[::-1]).ci_low == metric.aggregate(rows).ci_low
    assert np.isnan(metric.aggregate([]).value)


def test_recalls_interval_is_that_of_speakers() -> None:
    # Speaker a is always right, b and c never: three speakers bound nothing, whatever the number of clips;
    # clip by clip the interval would be narrow.
    speakers = ["a", "b", "c"] * 40
    right = np.array([100.0 * (s == "a") for s in speakers])
    labels = np.repeat([0, 1], 60)
    low, high = recall_interval(right, labels, speakers)
    assert low < 0 and high > 100
    low, high = recall_interval(right, labels, [None] * 120)
    assert 20 < low < 33 < high < 46
    assert all(np.isnan(recall_interval(right[:1], labels[:1], ["a"])))


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
    prepared = prepare(sample, crops, 128, partial(open_detector, crops, weights))
    clip = Clip(prepared.frames, None)
    measured = metric.measure(Pair("one", clip, clip, emotion="disgust"))
    assert (metric.card.title, metric.card.backbone) == ("EmoAcc-fer7", "mini-XCEPTION")
    assert set(LABELS) >= {"happy", "surprise"}
    assert (measured.value, measured.detail) == (100.0, "disgust")
    wide = Clip(prepared.frames[:2, :64], None)
    with pytest.raises(Unscorable, match="128x64 are no square face crops; face policy face-v1"):
        metric.measure(Pair("wide", wide, wide, emotion="disgust"))


def test_a_keras_file_of_another_network_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file.create_group("model_weights/dense_1/dense_1_1")
    with pytest.raises(BadInput, match=r"other\.hdf5: not mini-XCEPTION"):
        read_keras(tmp_path / "other.hdf5")
