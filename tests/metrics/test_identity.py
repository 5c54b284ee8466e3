"""metrics/identity.py: the cosine, the embedded judge on speakers drawn now, ArcFace's alignment and file."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from harness.calibration.faults import recoded
from harness.config import JUDGE_SEEDS
from harness.contracts import Setup
from harness.datasets.synthetic import CORPUS_VERSION
from harness.types import BadInput, Clip, Pair, Unscorable
from harness.weights import Weights
from metrics.features import arcface, train_identity
from metrics.features.face_mesh import MeshPass
from metrics.features.identity_judge import IdentityJudge, IdentityJudgeNet
from metrics.features.judge_files import FOLDER, describe
from metrics.features.train_identity import Faces, check_identity, margin_loss, two_emotions
from metrics.identity import Embedder, Identity

Float32 = NDArray[np.float32]
EMBEDDED = Setup("embedded", Weights())
ONNX = "w600k_r50.onnx"


def toy(generated: Float32, reference: Float32) -> Any:
    metric = Identity(EMBEDDED)
    both = {"generated": generated, "reference": reference}
    metric.embedder = Embedder("toy", "toy", "", "", "any", lambda pair, side: both[side])
    return metric


def pair_of(generated: int, reference: int) -> Pair:
    made, real = (Clip(np.zeros((n, 8, 8, 3), np.uint8), None) for n in (generated, reference))
    return Pair("one", made, real)


def turned(*degrees: float) -> Float32:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_it_is_the_mean_cosine_of_paired_frames() -> None:
    a, b = turned(0, 0, 90), turned(0, 60, 270, 10)
    assert toy(a, a).measure(pair_of(3, 3)).value == pytest.approx(1)
    assert toy(a, b).measure(pair_of(3, 4)).value == pytest.approx((1 + 0.5 - 1) / 3, abs=1e-6)
    assert toy(b, a).measure(pair_of(4, 3)).value == pytest.approx((1 + 0.5 - 1) / 3, abs=1e-6)
    holed = a.copy()
    holed[2] = np.nan
    measured = toy(holed, b).measure(pair_of(3, 4))
    assert (measured.value, measured.detail) == (pytest.approx(0.75), "1 frames without a face left out")
    with pytest.raises(Unscorable, match="no face in both clips in any of 3 frames"):
        toy(np.full_like(a, np.nan), b).measure(pair_of(3, 4))


def test_the_embedded_judge_tells_speakers_apart_drawn_now(drawn_pairs: list[Pair]) -> None:
    metric = Identity(EMBEDDED)
    assert metric.card.title == "ID-judge" and metric.card.domain == "embedded-corpus"
    one = [pair for pair in drawn_pairs if pair.speaker == drawn_pairs[0].speaker]
    other = [pair for pair in drawn_pairs if pair.speaker != drawn_pairs[0].speaker]

    def score(made: Clip, real: Clip) -> float:
        return float(metric.measure(Pair("one", made, real)).value or 0)

    clip = one[0].generated
    assert score(clip, clip) == pytest.approx(1, abs=1e-6)
    same = [score(pair.generated, clip) for pair in one[1:]]
    apart = [score(pair.generated, clip) for pair in other]
    assert min(same) > max(apart)
    coded = Clip(recoded(Clip(clip.frames, None)).frames, None)
    assert score(coded, clip) > 0.95


def test_the_judge_does_not_see_the_backdrop_and_refuses_what_is_no_crop() -> None:
    judge, frames = IdentityJudge.load(), np.full((2, 64, 64, 3), 120, np.uint8)
    frames[1, :4], frames[1, :, :4], frames[1, -2:] = 255, 0, 30
    a, b = judge.embeddings(frames)
    np.testing.assert_allclose(a, b, atol=1e-6)
    frames[1, 30] = 0
    assert judge.embeddings(frames)[1] @ a < 0.9999
    with pytest.raises(Unscorable, match="no square face crops"):
        judge.embeddings(frames[:, :50])


def test_the_shipped_file_is_described_and_its_figures_meet_the_bars() -> None:
    known = describe("identity_judge")
    assert known["corpus_version"] == CORPUS_VERSION
    assert known["figures"]["auc"] > 0.95 and known["figures"]["equal_error"] < 12
    assert (FOLDER / "identity_judge.safetensors").stat().st_size < 1e6
    seeds = [train_identity.TRAINING.seed, train_identity.CHECK.seed]
    assert seeds[0] != seeds[1] and all(seed in JUDGE_SEEDS for seed in seeds)


def test_training_clips_are_two_emotions_of_each_speaker() -> None:
    plans = two_emotions(train_identity.CHECK)
    assert len(plans) == 2 * train_identity.CHECK.speakers
    for first, second in zip(plans[::2], plans[1::2], strict=True):
        assert first.actor == second.actor and first.emotion != second.emotion
    assert len({plan.emotion for plan in plans}) == 6


def test_figures_by_hand() -> None:
    class Toy(IdentityJudge):
        def embeddings(self, frames: NDArray[np.uint8]) -> Float32:
            return turned(*frames[:, 0, 0, 0].astype(float))

    frames = np.zeros((4, 1, 1, 3), np.uint8)
    frames[:, 0, 0, 0] = 0, 60, 90, 90
    faces = Faces(frames, np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3]))
    found = check_identity(Toy(IdentityJudgeNet()), faces)
    # Same: cos 60 and cos 0; other: cos 90 twice, cos 30 twice, of which two lie above cos 60.
    assert (found["same"], found["auc"]) == (0.75, 0.75)
    assert found["other"] == pytest.approx(np.sqrt(3) / 4, abs=1e-4)


def test_the_margin_and_training_move_every_parameter_and_repeat() -> None:
    unit = torch.eye(3)[:1]
    alone = margin_loss(unit, torch.eye(3), torch.tensor([0]))
    logits = torch.tensor([16 * 0.8, 0, 0])
    assert float(alone) == pytest.approx(float(torch.logsumexp(logits, 0) - logits[0]), abs=1e-5)
    frames = np.random.default_rng(0).integers(0, 256, (8, 72, 72, 3)).astype(np.uint8)
    faces = Faces(frames, np.arange(8) // 4, np.arange(8) // 2)
    nets = [train_identity.train_identity(faces, seed, steps=2) for seed in (3, 3, 4)]
    torch.manual_seed(3)
    start = dict(IdentityJudgeNet().named_parameters())
    for name, value in nets[0].named_parameters():
        assert torch.equal(value, nets[1].get_parameter(name))
        assert not torch.equal(value, start[name]), name
    assert not torch.equal(nets[0].face.layers[0].weight, nets[2].face.layers[0].weight)  # type: ignore[arg-type]


def test_arcface_lays_the_face_over_its_places() -> None:
    turn = np.array([[0.8, -0.6], [0.6, 0.8]]) * 1.7
    here = (arcface.PLACES - (20, -5)) @ turn
    matrix = arcface.alignment(here)
    np.testing.assert_allclose(here @ matrix[:, :2].T + matrix[:, 2], arcface.PLACES, atol=1e-9)
    peer = pytest.importorskip("skimage.transform")
    rough = here + np.random.default_rng(0).normal(0, 3, here.shape)
    fitted = peer.SimilarityTransform.from_estimate(rough, arcface.PLACES)
    np.testing.assert_allclose(arcface.alignment(rough), fitted.params[:2], atol=1e-9)


def sixty_eight(five: NDArray[np.float64]) -> Float32:
    points = np.zeros((68, 2))
    points[36:42], points[42:48], points[30], points[48], points[54] = five
    return points.astype(np.float32)


def test_arcface_is_given_rgb_from_minus_one_to_one_where_the_face_is() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (150, 140, 3)).astype(np.uint8)
    picture = arcface.as_input(frame, sixty_eight(arcface.PLACES + np.array([10, 20])))
    expected = frame[20:132, 10:122].astype(np.float32).transpose(2, 0, 1) / 127.5 - 1
    np.testing.assert_allclose(picture, expected, atol=1e-5)


class Means(nn.Module):
    """(B, 3, 112, 112) -> (B, 512): the channels' means and a constant, repeated."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        means = pictures.mean(dim=(2, 3))
        return torch.cat([means, torch.ones_like(means[:, :1])], dim=1).repeat(1, 128)


def test_arcface_from_a_file_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    axes = {"input": {0: "batch"}, "output": {0: "batch"}}
    picture = torch.zeros(1, 3, 112, 112)
    names: dict[str, Any] = {"input_names": ["input"], "output_names": ["output"], "dynamic_axes": axes}
    torch.onnx.export(Means(), (picture,), str(tmp_path / ONNX), opset_version=17, dynamo=False, **names)
    points = np.full((3, 478, 2), np.nan, np.float32)
    points[:2, list(arcface.MESH_TO_68)] = sixty_eight(arcface.PLACES)
    monkeypatch.setattr(
        arcface.FaceMesh, "of_clip", lambda self, pair, side: MeshPass(points, np.zeros((3, 52), "f"))
    )
    monkeypatch.setattr(arcface.FaceMesh, "__init__", lambda self, weights: None)
    monkeypatch.setattr(arcface, "instrument", lambda *given: "toy")
    monkeypatch.setattr(Weights, "label", lambda self, *given: "toy")
    made, real = (np.full((3, 112, 112, 3), level, np.uint8) for level in (255, 0))
    metric = Identity(Setup("reference", Weights(tmp_path, True)))
    assert metric.card.title == "CSIM-ArcFace" and metric.card.domain == "any"
    measured = metric.measure(Pair("one", Clip(made, None), Clip(real, None)))
    # (1, 1, 1, 1) and (-1, -1, -1, 1) are at a cosine of -1/2.
    assert measured.value == pytest.approx(-0.5, abs=1e-5)
    assert measured.detail == "1 frames without a face left out"


def test_arcface_missing_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"face_landmarker|w600k_r50"):
        Identity(Setup("reference", Weights(tmp_path)))


def test_blur_lowers_it(drawn_pairs: list[Pair]) -> None:
    metric, clip = Identity(EMBEDDED), drawn_pairs[0].generated
    found = []
    for sigma in (0.5, 1.5, 4.0):
        blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in clip.frames])
        found.append(metric.measure(Pair("one", Clip(blurred, None), clip)).value)
    assert found == sorted(found, reverse=True)  # type: ignore[type-var]
