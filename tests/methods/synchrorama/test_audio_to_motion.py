from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ladder import resumed, weights, without_gradient
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from harness import prepare
from harness.contracts import Training, TrainingData
from harness.prepare import PreparedClip
from harness.types import SAMPLES_PER_FRAME, BadInput
from harness.weights import Weights
from methods.nets.sampling import generator_mel
from methods.synchrorama import motion_scores, slow_noise
from methods.synchrorama.audio_to_motion import AudioToMotion, Reference, joined
from methods.synchrorama.config import Config
from methods.synchrorama.guides import draw_guides
from methods.synchrorama.motion_data import MotionClips
from methods.synchrorama.motion_training import WEIGHTS, MotionLosses, energy_score, train_a2m
from methods.synchrorama.pose import at_rest, normalised, placed, pose_of

TINY = Config(cross=8, a2m_width=16, a2m_length=8, a2m_steps=14, a2m_batch=4, a2m_rate=3e-3)
SIZE = 64
FRONT = torch.tensor([0, 0, 0, 0.5, 0.4, float(np.log(0.35))])
DEPTH = torch.linspace(-0.4, 0.5, 68).index_fill(0, torch.tensor([36, 39, 42, 45]), 0.0)


def face() -> Tensor:
    """A face at rest, in distances of its eyes' outer corners: ovals and lines in iBUG-68's order."""

    def oval(
        x: float, y: float, across: float, down: float, count: int, start: float = np.pi
    ) -> list[list[float]]:
        angles = start + np.arange(count) * 2 * np.pi / count
        return [[x + across * np.cos(a), y + down * np.sin(a)] for a in angles]

    jaw = [[0.75 * np.cos(a), 0.1 + 1.1 * np.sin(a)] for a in np.linspace(np.pi, 0, 17)]
    brows = [
        [s * x, -0.25]
        for s, xs in ((-1, (0.55, 0.45, 0.35, 0.25, 0.15)), (1, (0.15, 0.25, 0.35, 0.45, 0.55)))
        for x in xs
    ]
    nose = [[0, y] for y in (0.0, 0.15, 0.3, 0.4)] + [[x, 0.5] for x in (-0.15, -0.08, 0, 0.08, 0.15)]
    eyes = oval(-0.35, 0, 0.15, 0.06, 6) + oval(0.35, 0, 0.15, 0.06, 6)
    mouth = oval(0, 0.8, 0.3, 0.1, 12) + oval(0, 0.8, 0.2, 0.04, 8)
    return torch.tensor(jaw + brows + nose + eyes + mouth, dtype=torch.float32)


def performance(seed: int, emotion: int, frames: int) -> PreparedClip:
    """A face that opens its mouth with the loudness of a tone, lifts its brows when happy, and sways."""
    rng = np.random.default_rng(seed)
    opening = 0.5 + 0.5 * np.sin(np.arange(frames) * rng.uniform(0.5, 1.2) + rng.uniform(0, 6))
    points = face().expand(frames, -1, -1).clone()
    points[:, 54:60, 1] += 0.2 * torch.from_numpy(opening).float()[:, None]
    points[:, 17:27, 1] -= 0.15 * emotion
    pose = torch.zeros(frames, 6) + FRONT
    pose[:, 0] = torch.from_numpy(0.1 * np.sin(np.arange(frames) * 0.12 + rng.uniform(0, 6)))
    landmarks = placed(points, DEPTH, pose).numpy() * SIZE - 0.5
    loud = np.repeat(opening, SAMPLES_PER_FRAME)
    audio = (np.sin(np.arange(frames * SAMPLES_PER_FRAME) * 0.2) * loud).astype(np.float32)
    black = np.zeros((frames, SIZE, SIZE, 3), np.uint8)
    return PreparedClip(black, audio, landmarks.astype(np.float32), black[..., 0].astype(bool))


class Labels(nn.Module):
    """An embedding of each clip's label, as the fusion of cues would give it."""

    def __init__(self, labels: list[int]) -> None:
        super().__init__()
        self.register_buffer("labels", torch.tensor(labels))
        self.table = nn.Embedding(2, TINY.cross)

    def forward(self, clips: Tensor) -> Tensor:
        return self.table(self.labels[clips])


def labels() -> Labels:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Labels([0, 1] * 4)


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """Four speakers, a neutral and a happy clip each; the last speaker is held out."""
    folder = tmp_path_factory.mktemp("faces")
    paths = [folder / f"{i}.tar" for i in range(8)]
    for i, path in enumerate(paths):
        prepare.save(path, performance(i, i % 2, 16 + i))
    splits = ("train",) * 6 + ("val",) * 2
    data = TrainingData(tuple(paths), tuple("aabbccdd"), ("neutral", "happy") * 4, splits, SIZE)
    return Training(data=data, artefacts={}, report=lambda *_: None, seed=5, weights=Weights())


@pytest.fixture(scope="module")
def model() -> AudioToMotion:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AudioToMotion(8, 16)


@pytest.fixture(scope="module")
def still(training: Training) -> Reference:
    passage = MotionClips(training.data, "train", 8).whole(0)
    return Reference(passage.pose0, passage.landmarks0)


# Pose.


def test_a_pose_is_read_back_from_a_head_of_the_mean_shape() -> None:
    """The head that the angles are read by, placed by hand with SciPy's rotations."""
    from harness.faces.pose import _HEAD, _RIGID

    points, depth = torch.zeros(1, 68, 2), torch.zeros(68)
    head = torch.from_numpy((_HEAD - (_HEAD[9] + _HEAD[12]) / 2) / 9.0).float() * torch.tensor(
        [1.0, -1.0, 1.0]
    )
    points[0, list(_RIGID)], depth[list(_RIGID)] = head[:, :2], head[:, 2]
    pose = torch.tensor([[0.2, -0.15, 0.1, 0.45, 0.4, float(np.log(0.3))]])
    landmarks = placed(points, depth, pose)
    turn = Rotation.from_euler("yxz", [0.2, -0.15, 0.1]).as_matrix()[:2]
    by_hand = 0.3 * head.numpy() @ turn.T + (0.45, 0.4)
    np.testing.assert_allclose(landmarks[0, list(_RIGID)], by_hand, atol=1e-6)
    np.testing.assert_allclose(pose_of(landmarks.numpy()), pose, atol=1e-4)


def test_at_rest_undoes_placed() -> None:
    pose = torch.tensor([[0.3, 0.2, -0.2, 0.6, 0.3, -1.0], [0, 0, 0, 0.5, 0.5, 0.0]])
    found = at_rest(placed(face(), DEPTH, pose), DEPTH, pose)
    torch.testing.assert_close(found, face().expand(2, -1, -1), atol=1e-5, rtol=0)
    torch.testing.assert_close(placed(face(), DEPTH, pose)[1], face() + 0.5)


def test_a_pose_does_not_depend_on_the_pictures_size() -> None:
    clip = performance(0, 0, 5).landmarks
    twice = (clip + 0.5) * 2 - 0.5
    np.testing.assert_allclose(pose_of(normalised(twice, 128)), pose_of(normalised(clip, 64)), atol=1e-5)


# Noise.


def test_noise_of_a_part_is_that_of_the_whole() -> None:
    whole = slow_noise.part(3, 0, 200)
    np.testing.assert_allclose(slow_noise.part(3, 70, 50), whole[70:120], atol=1e-5)
    assert (slow_noise.part(4, 0, 200) != whole).any()


def test_noise_is_as_varied_as_it_says_and_slow() -> None:
    many = np.concatenate([slow_noise.part(seed, 0, 400) for seed in range(30)]).reshape(30, 400, -1)
    drawn = slow_noise.drawn(np.random.default_rng(0), 300, 40)
    normal = sum(p.channels for p in slow_noise.PACES if p.chance is None)
    for noise in (many, drawn):
        np.testing.assert_allclose(noise[..., :normal].var(axis=(0, 1)), 1, atol=0.35)
    steps = np.abs(np.diff(many, axis=1)).mean(axis=(0, 1))
    assert (np.diff(steps[[0, 2, 6, 10]]) < 0).all()  # each pace slower than the one before
    blinks = many[..., normal:]
    assert 0.01 < (blinks > 0.9).mean() < 0.06 and (blinks < 0.1).mean() > 0.7


# Network.


@pytest.mark.parametrize("size", ["tiny", "full"])
def test_shapes_and_gradients(size: str, still: Reference) -> None:
    network = AudioToMotion(8, 16, size)  # type: ignore[arg-type]
    mel, noise = torch.randn(2, 12, 80, 16), torch.randn(2, 12, slow_noise.SIZE)
    pose0, landmarks0 = still.pose.expand(2, -1), still.landmarks.expand(2, -1, -1)
    motion = network(mel, torch.randn(2, 8), pose0, landmarks0, noise)
    assert motion.pose.shape == (2, 12, 6) and motion.landmarks.shape == (2, 12, 68, 2)
    (motion.pose.square().mean() + motion.landmarks.square().mean()).backward()
    assert without_gradient(network) == []


def test_tiny_and_full_are_the_sizes_of_the_design() -> None:
    gru = AudioToMotion(64).body.gru
    assert (gru.num_layers, gru.hidden_size, gru.bidirectional) == (2, 128, True)
    layers = AudioToMotion(768, 512, "full").body.layers.layers
    assert len(layers) == 4 and layers[0].linear1.in_features == 512


def test_a_motion_without_offsets_is_the_reference(still: Reference) -> None:
    network = AudioToMotion(8, 16)
    for layer in (network.move, network.shape):
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    nn.init.normal_(network.depth)
    noise = torch.randn(1, 5, slow_noise.SIZE)
    motion = network(torch.randn(1, 5, 80, 16), torch.randn(1, 8), still.pose, still.landmarks, noise)
    torch.testing.assert_close(motion.pose, still.pose[:, None].expand(-1, 5, -1))
    torch.testing.assert_close(motion.landmarks, still.landmarks[:, None].expand(-1, 5, -1, -1))


def test_the_answer_is_the_same_however_the_sound_is_cut(model: AudioToMotion, still: Reference) -> None:
    mel = np.random.default_rng(0).standard_normal((150, 80, 16)).astype(np.float32)
    emotion = torch.zeros(1, 8)
    whole = joined(model.stream([mel], emotion, still, 1))
    assert whole.landmarks.shape == (1, 150, 68, 2)
    for size in (1, 6, 32, 50):
        parts = (mel[i : i + size] for i in range(0, 150, size))
        answers = list(model.stream(parts, emotion, still, 1))
        assert [a.pose.shape[1] for a in answers] == [min(size, 150 - i) for i in range(0, 150, size)]
        cut = joined(answers)
        assert (cut.landmarks == whole.landmarks).all() and (cut.pose == whole.pose).all()
    other = joined(model.stream([mel], emotion, still, 2))
    assert (other.pose != whole.pose).any()


def test_passages_meet_without_a_jump(model: AudioToMotion, still: Reference) -> None:
    mel = np.random.default_rng(0).standard_normal((320, 80, 16)).astype(np.float32)
    motion = joined(model.stream([mel], torch.zeros(1, 8), still, 1))
    steps = motion.landmarks[0].diff(dim=0).abs().mean(dim=(1, 2))
    seams = torch.arange(319) % 16 == 15
    assert steps[seams].mean() < 1.5 * steps[~seams].median()


def test_a_stream_waits_for_a_passage_and_no_longer(model: AudioToMotion, still: Reference) -> None:
    heard = 0

    def parts() -> object:
        nonlocal heard
        for _ in range(1000):
            heard += 10
            yield np.zeros((10, 80, 16), np.float32)

    stream = model.stream(parts(), torch.zeros(1, 8), still, 1)  # type: ignore[arg-type]
    assert next(stream).pose.shape[1] == 10 and heard == 40


# Objective.


def test_the_energy_score_is_least_for_the_truths_own_spread() -> None:
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    true = normal(20_000, 1, 2)
    scores = {s: energy_score(s * normal(2, 20_000, 1, 2), true) for s in (0.0, 0.5, 1.0, 1.5)}
    assert min(scores, key=lambda s: float(scores[s])) == 1.0


def test_the_energy_score_of_one_place_is_a_distance() -> None:
    drawn, true = torch.zeros(2, 3, 4, 2), torch.full((3, 4, 2), 2.0)
    assert float(energy_score(drawn, true)) == pytest.approx(2.0, abs=1e-3)


# Training.


def test_references_are_of_the_speakers_neutral_clip(training: Training) -> None:
    clips = MotionClips(training.data, "train", 8)
    drawn = clips.draw(np.random.default_rng(0), 40)
    brows = at_rest(drawn.landmarks0, DEPTH, drawn.pose0)[:, 17:27, 1].mean(1)
    happy = drawn.clip % 2 == 1
    assert happy.any() and torch.allclose(brows[happy], torch.tensor(-0.25), atol=0.02)
    halves = [clips.draw(np.random.default_rng(0), 40, slice(rank, None, 2)) for rank in (0, 1)]
    assert all((half.mel == drawn.mel[rank::2]).all() for rank, half in enumerate(halves))


def test_overfits_one_batch_and_feels(training: Training) -> None:
    """Lips follow sound, and the same sound asked for happily lifts the brows."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network, emotion = AudioToMotion(8, 32), labels()
    losses, rng = MotionLosses(network, emotion), np.random.default_rng(0)
    passages = MotionClips(training.data, "train", 16).draw(np.random.default_rng(1), 4)
    optimiser = torch.optim.Adam(losses.parameters(), 3e-3)
    found: list[dict[str, Tensor]] = []
    for _ in range(150):
        found.append(losses(passages, torch.from_numpy(slow_noise.drawn(rng, 8, 16))))
        optimiser.zero_grad()
        torch.stack([WEIGHTS[name] * term for name, term in found[-1].items()]).sum().backward()
        optimiser.step()
    assert all(found[-1][name] < 0.3 * found[0][name] for name in ("lips", "lips_velocity", "eyes"))
    drawn = torch.from_numpy(slow_noise.drawn(rng, 4, 16))
    reference = Reference(passages.pose0, passages.landmarks0)
    calm, happy = (
        network.at_rest(passages.mel, emotion.table.weight[i].expand(4, -1), reference, drawn)[1]
        for i in (0, 1)
    )
    assert float((calm - happy)[:, :, 17:27, 1].detach().mean()) > 0.5 * 0.15


def test_the_last_report_is_of_the_held_out_speaker(training: Training) -> None:
    reported: list[tuple[int, Mapping[str, float]]] = []
    emotion = labels()
    ready = replace(training, report=lambda step, losses, *_: reported.append((step, losses)))
    trained = train_a2m(TINY, ready, emotion)
    held_out = MotionClips(training.data, "val", TINY.a2m_length)
    assert held_out.kept == [6, 7]
    assert reported[-1] == (14, motion_scores.of_clips(trained, emotion, held_out, "cpu"))
    assert {"lips", "head_velocity", "total"} < set(reported[-2][1])


def test_every_parameter_learns(training: Training, model: AudioToMotion) -> None:
    emotion = labels()
    losses = MotionLosses(model, emotion)
    passages = MotionClips(training.data, "train", 8).draw(np.random.default_rng(0), 3)
    terms = losses(passages, torch.randn(6, 8, slow_noise.SIZE))
    torch.stack(list(terms.values())).sum().backward()
    assert without_gradient(losses) == []


def test_resumed_equals_undisturbed(training: Training, tmp_path: Path) -> None:
    def fit(ready: Training) -> nn.Module:
        return train_a2m(TINY, ready, labels())

    assert (resumed(fit, training, tmp_path) == weights(fit(training))).all()


def test_no_clip_long_enough_is_said(training: Training) -> None:
    with pytest.raises(BadInput, match="at least 64 frames long"):
        train_a2m(TINY.model_copy(update={"a2m_length": 64}), training, labels())


@pytest.mark.parametrize("audio", [np.zeros(0, np.float32), np.zeros(640 * 40, np.float32)])
def test_silence_is_answered(audio: np.ndarray, model: AudioToMotion, still: Reference) -> None:
    motion = joined(model.stream([generator_mel(audio, 40)], torch.zeros(1, 8), still, 1))
    assert motion.landmarks.shape == (1, 40, 68, 2) and bool(motion.landmarks.isfinite().all())


# Scores.


def test_scores_of_motions_that_are_known() -> None:
    frames = np.arange(100)
    pose = np.zeros((100, 6), np.float32)
    assert motion_scores.head_spread(pose) == 0
    pose[:, 0] = np.radians(3 * np.sin(frames / 50 * 2 * np.pi))
    assert motion_scores.head_spread(pose) == pytest.approx(3 / 2**0.5 / 3, rel=1e-3)
    # Fastest where a sine crosses zero; loud there, and loud between.
    speech = np.random.default_rng(0).standard_normal(100 * SAMPLES_PER_FRAME) * 0.1
    for shift, expected in ((0, 1.0), (12.5, 0.0)):
        loud = np.exp(-((((frames + shift) % 25 - 0) / 3) ** 2)) + np.exp(
            -((((frames + shift) % 25 - 25) / 3) ** 2)
        )
        audio = (speech * np.repeat(loud, SAMPLES_PER_FRAME)).astype(np.float32)
        assert motion_scores.beat_alignment(pose, audio) == pytest.approx(expected, abs=0.1)
    lips = np.tile(face().numpy(), (4, 1, 1))
    assert motion_scores.lip_error(lips + 0.3, lips) == pytest.approx(0, abs=1e-6)
    wide = lips.copy()
    wide[:, 48:68, 0] *= 1.5
    own = np.abs(lips[:, 48:68, 0]).mean() * 0.5 / 1.5
    assert motion_scores.lip_error(wide, lips) == pytest.approx(own, rel=1e-5)


# Guides.


def test_guides_are_where_the_landmarks_are() -> None:
    landmarks = placed(face(), DEPTH, FRONT)[None, None]
    for size in (64, 256):
        guides = draw_guides(landmarks, size)
        assert guides.shape == (1, 1, 3, size, size) and guides.dtype == torch.float32
        assert guides.min() == 0 and 0.5 < guides.max() <= 1
        for channel, points in ((0, range(48, 68)), (1, (*range(17, 27), *range(36, 48))), (2, range(36))):
            mine = [p for p in points if channel != 2 or not 17 <= p < 27]
            at = (landmarks[0, 0, mine] * size).long()
            lit = nn.functional.max_pool2d(guides[0, 0], 3, 1, 1)[channel]
            assert (lit[at[:, 1], at[:, 0]] > 0.3).all()
        assert (guides > 0).float().mean() < 0.2


def test_a_tenth_of_a_pixel_shows_and_moves_as_much() -> None:
    landmarks = placed(face(), DEPTH, FRONT)[None, None]
    rows = torch.arange(64.0)[:, None]

    def height(drawn: Tensor) -> Tensor:
        return (drawn[0, 0, 0] * rows).sum() / drawn[0, 0, 0].sum()

    lower = landmarks + torch.tensor([0, 0.1 / 64])
    moved = height(draw_guides(lower, 64)) - height(draw_guides(landmarks, 64))
    assert float(moved) == pytest.approx(0.1, abs=0.03)


def test_guides_of_points_far_outside_are_empty() -> None:
    assert draw_guides(torch.full((1, 2, 68, 2), 1e6), 64).max() == 0
