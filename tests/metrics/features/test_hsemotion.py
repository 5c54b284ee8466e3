"""HSEmotion's path with a random network under the published name: against its package; what is refused."""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from harness.contracts import Setup
from harness.types import BadInput, Clip, Pair, Unscorable
from harness.weights import Weights
from metrics.emotion_accuracy_hse import HSEmotionAccuracy
from metrics.features.hsemotion import CLASSES, SIDE, as_input, face_box, log_probabilities, onnx_network
from tests.metrics.frames import moving_frames

FILE = "enet_b0_8_best_vgaf.onnx"


def random_b0() -> nn.Module:
    """Return an EfficientNet-B0 of eight classes, random, with the statistics of a batch."""
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    net = models.efficientnet_b0(num_classes=8)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        net.train()(torch.randn(4, 3, 64, 64))
    return net


def write_network(path: Path, net: nn.Module) -> None:
    """Write a network as the published file is: named input and output, free batch size."""
    pytest.importorskip("onnx")
    axes = {"input": {0: "batch_size"}, "output": {0: "batch_size"}}
    picture = torch.zeros(1, 3, SIDE, SIDE)
    names: dict[str, Any] = {"input_names": ["input"], "output_names": ["output"], "dynamic_axes": axes}
    torch.onnx.export(net.eval(), (picture,), str(path), opset_version=17, dynamo=False, **names)


@pytest.fixture(scope="module")
def random_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("hsemotion")
    write_network(folder / FILE, random_b0())
    return folder


def test_it_equals_the_package(random_network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = pytest.importorskip("hsemotion_onnx.facial_emotions")
    monkeypatch.setattr(peer, "get_model_path", lambda name: str(random_network / f"{name}.onnx"))
    recogniser = peer.HSEmotionRecognizer("enet_b0_8_best_vgaf")
    faces = [frame[: 60 + 9 * i] for i, frame in enumerate(moving_frames(4, 100))]
    _, expected = recogniser.predict_multi_emotions(faces, logits=True)
    found = onnx_network(random_network / FILE)(np.stack([as_input(face) for face in faces]))
    assert expected.std() > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())
    theirs = [recogniser.idx_to_class[i] for i in range(8)]
    ours = {"angry": "Anger", "happy": "Happiness", "sad": "Sadness"}
    assert theirs == [ours.get(name, name.capitalize()) for name in CLASSES]


def test_faces_are_cut_out_and_batches_do_not_matter(random_network: Path) -> None:
    logits = onnx_network(random_network / FILE)
    frames = moving_frames(18, 40)
    points = np.full((18, 3, 2), np.nan, np.float32)
    points[:17] = [(4, 6), (30.5, 10), (9, 39)]
    rows = log_probabilities(frames, points, logits)
    np.testing.assert_allclose(np.exp(rows[:17]).sum(axis=1), 1, atol=1e-5)
    assert np.isnan(rows[17]).all()
    alone = log_probabilities(frames[16:17], points[16:17], logits)
    np.testing.assert_allclose(rows[16], alone[0], atol=1e-5)
    np.testing.assert_array_equal(face_box(frames[0], points[0]), frames[0, 6:40, 4:32])
    beyond = np.array([(-20, -20), (-9, -9)], np.float32)
    assert face_box(frames[0], beyond).size > 0


def test_as_a_metric_on_drawn_faces(
    random_network: Path, shared: Path, drawn_pairs: list[Pair], tmp_path: Path
) -> None:
    for file in (random_network / FILE, shared / "weights" / "face_landmarker.task"):
        (tmp_path / file.name).symlink_to(file)
    with pytest.raises(BadInput, match=r"enet_b0_8_best_vgaf\.onnx: SHA-256 expected 00085f9a.*found"):
        HSEmotionAccuracy(Setup("reference", Weights(tmp_path)))
    metric = HSEmotionAccuracy(Setup("reference", Weights(tmp_path, allow_unverified=True)))
    assert metric.card.backbone == "HSEmotion enet_b0_8_best_vgaf [unverified]"
    assert metric.card.title == "EmoAcc-HSE8" and "contempt" in metric.card.variant
    frames = np.stack([cv2.resize(f, (256, 256)) for f in drawn_pairs[0].generated.frames[:3]])
    clip = Clip(frames, None)
    measured = metric.measure(Pair("one", clip, clip, emotion="contempt"))
    assert measured.detail in CLASSES and measured.value == 100.0 * (measured.detail == "contempt")
    blank = Clip(np.full_like(frames, 128), None)
    with pytest.raises(Unscorable, match="no face in any of 3 frames"):
        metric.measure(Pair("blank", blank, blank, emotion="happy"))


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="emotion_accuracy_hse: no embedded backbone"):
        HSEmotionAccuracy(Setup("embedded", Weights()))
    pytest.importorskip("onnxruntime")
    (tmp_path / FILE).write_bytes(b"no network at all")
    with pytest.raises(BadInput, match="not an ONNX file"):
        onnx_network(tmp_path / FILE)
    seven = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 7))
    write_network(tmp_path / FILE, seven)
    with pytest.raises(BadInput, match="not HSEmotion's network of 8 classes"):
        onnx_network(tmp_path / FILE)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BadInput, match="install the extra onnx"):
        onnx_network(tmp_path / FILE)
