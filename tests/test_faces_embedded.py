"""The embedded detector: drawn clips pasted into larger pictures are cropped as they were framed."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from harness import faces
from harness.config import Synthetic
from harness.datasets import synthetic
from harness.datasets.synthetic.face import Drawn
from harness.faces import POLICIES, Detector, embedded, rescaled, train_embedded
from harness.faces.train_embedded import CHECK_SPEC, SPEC
from harness.types import BadInput
from harness.weights import Weights
from metrics.features.judge_data import CHECK_CORPUS, TRAINING_CORPORA
from tests.test_faces_tracking import Drawn as Picture

RULES = POLICIES["face-v1-embedded"]
WHERE = Path("clip.mp4")
FRAMES = 12


@pytest.fixture(scope="module")
def detect() -> Iterator[Detector]:
    with faces.open_detector(RULES, Weights()) as opened:
        yield opened


@pytest.fixture(scope="module")
def clips() -> list[Drawn]:
    plans = synthetic.plan(synthetic.SynthSpec(speakers=4, size=96, seed=11, clips_per_speaker=1))
    return [synthetic.draw(plan)[2] for plan in plans]


def pasted(
    image: NDArray[np.uint8], size: tuple[int, int], left: int, top: int, side: int, noise: float
) -> NDArray[np.uint8]:
    width, height = size
    ground = np.random.default_rng(1).normal((90, 110, 100), noise, (height, width, 3))
    out = np.clip(ground, 0, 255).astype(np.uint8)
    method = cv2.INTER_AREA if side < len(image) else cv2.INTER_CUBIC
    out[top : top + side, left : left + side] = cv2.resize(image, (side, side), interpolation=method)
    return out


@pytest.mark.parametrize(
    ("size", "left", "top", "side", "noise"),
    [
        ((320, 180), 20, 40, 90, 0),
        ((640, 360), 300, 30, 300, 15),
        ((720, 720), 60, 500, 70, 0),
        ((360, 640), 10, 200, 330, 40),
    ],
)
def test_a_pasted_clip_is_cropped_as_its_truth_says(
    detect: Detector, clips: list[Drawn], size: tuple[int, int], left: int, top: int, side: int, noise: float
) -> None:
    for clip in clips:
        pictures = [Picture(pasted(f, size, left, top, side, noise)) for f in clip.frames[:FRAMES]]
        truth = rescaled(clip.landmarks[:FRAMES], side / 96) + np.array([left, top], np.float32)
        track = faces.look(pictures, detect, RULES, WHERE, 64)
        expected = faces.crop_boxes(truth, RULES)
        np.testing.assert_allclose(track.boxes, expected, atol=0.03 * expected[0, 2])
        away = np.linalg.norm(track.landmarks - truth, axis=2)
        assert track.found.all() and away.mean() < 0.02 * expected[0, 2]
        crops = np.stack(list(faces.cut(track, lambda pictures=pictures: pictures)))
        ideal = np.stack([faces.crop(p.image, b, 64) for p, b in zip(pictures, expected, strict=True)])
        assert np.abs(crops.astype(float) - ideal).mean() < 12


def test_no_face_in_noise_shades_and_blots(detect: Detector) -> None:
    generator = np.random.default_rng(3)
    grounds = [train_embedded.background(240, 320, generator) for _ in range(30)]
    assert sum(bool(detect(ground)) for ground in grounds) <= 1
    with pytest.raises(BadInput, match="no face found"):
        faces.look([Picture(np.full((1, 1, 3), 80, np.uint8))], detect, RULES, WHERE, 64)


def test_of_two_faces_both_are_found(detect: Detector, clips: list[Drawn]) -> None:
    picture = pasted(clips[0].frames[0], (640, 360), 30, 60, 240, 5)
    picture[100:220, 450:570] = cv2.resize(clips[1].frames[0], (120, 120))
    middles = sorted(float(face[:, 0].mean()) for face in detect(picture))
    np.testing.assert_allclose(middles, (150, 510), atol=15)
    found = faces.look([Picture(picture)], detect, RULES, WHERE, 64)
    assert found.landmarks[0, :, 0].mean() < 250


def test_it_is_trained_on_speakers_of_its_own() -> None:
    others = {spec.seed for spec in (*TRAINING_CORPORA, CHECK_CORPUS)}
    assert len({SPEC.seed, CHECK_SPEC.seed} | others) == 2 + len(others)
    for spec in (SPEC, CHECK_SPEC):
        with pytest.raises(ValueError, match="judges' own"):
            Synthetic(seed=spec.seed)


def test_its_file_is_small_and_says_how_it_was_made() -> None:
    path = Weights().path(faces.FILES["embedded"])
    assert path.stat().st_size < 1_000_000
    with safe_open(path, "pt") as stored:
        assert stored.metadata()["command"] == "python -m harness.faces.train_embedded"


def test_finder_target_is_read_back() -> None:
    boxes = [np.array([10.3, 20.8, 30.0]), np.array([60.2, 50.1, 14.0])]
    maps, weights = embedded.finder_target(boxes)
    assert maps.shape == (4, 24, 24) and maps[0].max() == 1 and (weights[maps[0] < 0.3] == 0).all()
    for box in boxes:
        middle = (box[:2] + box[2] / 2) / embedded.CELL - 0.5
        column, row = np.rint(middle).astype(int)
        assert maps[0, row, column] > 0.9 and weights[row, column] == 1
        np.testing.assert_allclose(np.array([column, row]) + maps[1:3, row, column], middle, atol=1e-5)
        assert 48 * np.exp(maps[3, row, column]) == pytest.approx(box[2], rel=1e-5)


def test_networks_learn_one_batch() -> None:
    """Their losses fall, and gradients reach every parameter."""
    known = train_embedded.drawings(synthetic.SynthSpec(speakers=3, size=64, seed=12, clips_per_speaker=1))
    for net, loss_of in (
        (embedded.Finder(), train_embedded.finder_loss),
        (embedded.Pointer(), train_embedded.pointer_loss),
    ):
        optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
        losses = []
        for _ in range(6):
            loss = loss_of(net, known, np.random.default_rng(0))
            optimiser.zero_grad()
            loss.backward()
            assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())
            optimiser.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < losses[0]
