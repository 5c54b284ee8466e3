from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ladder import (
    answers_odd_sounds,
    averages_over_two_workers,
    grows_with_sound_alone,
    long_request,
    overfitted,
    refuses_bad_requests,
    resumed,
    stages_done,
    weights,
    without_gradient,
)
from made_up import EMOTIONS, request_for
from pydantic import ValidationError
from torch import Tensor

from harness.contracts import Training, TrainingData
from harness.types import BadInput
from methods.eskimez import Eskimez
from methods.eskimez import training as loops
from methods.eskimez.config import Config
from methods.eskimez.network import Generator
from methods.nets.discriminators import FrameCritic

TINY = Config(
    emotions=EMOTIONS,
    width=2,
    speech_width=2,
    critic_width=2,
    emotion_batch=2,
    emotion_steps=3,
    alone_batch=2,
    alone_steps=3,
    batch=2,
    length=3,
    steps=14,
)
STEADY = TINY.model_copy(update={"width": 8, "augment": 0.0})  # wide enough that no layer is dead


@pytest.fixture(scope="module")
def ready(corpus: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Training:
    return stages_done(lambda: Eskimez(TINY), corpus, tmp_path_factory.mktemp("stages"))


@pytest.fixture(scope="module")
def fitted(ready: Training) -> Eskimez:
    method = Eskimez(TINY)
    method.fit(ready)
    return method


@pytest.fixture(scope="module")
def scene(ready: Training) -> loops.Scene:
    return loops.Stage(STEADY, ready, 2, 3).draw(np.random.default_rng(0))


def speak(generator: Generator, scene: loops.Scene) -> tuple[Tensor, Tensor]:
    label = torch.nn.functional.one_hot(scene.emotion, len(EMOTIONS)).float()
    frames, logits = generator(scene.still, scene.wave, scene.noise, label)
    return frames, logits


def inputs(config: Config, frames: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    size = config.image_size
    wave = torch.randn(1, frames * 320 + 3200)
    noise = torch.randn(1, frames, 2 * config.width)
    return torch.rand(1, 3, size, size), wave, noise, torch.eye(len(config.emotions))[:1]


def test_paper_size_is_the_released_generators() -> None:
    """EK's layers one by one (models.py): kernels, channels and biases."""

    def convs(*shapes: tuple[int, int, int]) -> int:
        return sum(i * o * k + o for i, o, k in shapes)

    two_layers = 2 * (4 * 2 * 512 * 512 + 8 * 512)
    parts = {
        "speech_encoder": convs(
            (1, 64, 63), (64, 128, 31), (128, 256, 17), (256, 512, 9), (512, 16, 1), (560, 512, 1)
        ),
        "speech": two_layers,
        "noise": 4 * 2 * 128 * 128 + 8 * 128,
        "image": convs((3, 64, 9), (67, 128, 9), (131, 256, 9), (259, 512, 9), (515, 512, 9), (515, 512, 16)),
        "emotion": convs((6, 512, 1), (512, 512, 1)),
        "decoder": convs(
            *((1664, 8192, 1), (1027, 512, 9), (1027, 256, 9), (515, 128, 9)),
            *((259, 256, 9), (64, 256, 9), (131, 32, 9), (32, 3, 49)),
        ),
        "feeling": two_layers,
        "felt": convs((512, 512, 1), (512, 6, 1)),
    }
    generator = Generator(Config(size="paper"))
    assert {n: sum(p.numel() for p in m.parameters()) for n, m in generator.named_children()} == parts


def test_paper_sized_discriminators_are_the_released_ones() -> None:
    trunk = sum(9 * i * o + o for i, o in ((64, 128), (128, 256), (256, 512), (512, 512)))
    deep = 8192 * 2048 + 2048
    frame = sum(p.numel() for p in FrameCritic(64, 128, 128).parameters())
    assert frame == 9 * 6 * 64 + 64 + trunk + deep + 2048 + 1
    emotion = sum(p.numel() for p in loops.make_critic(Config(size="paper")).parameters())
    lstm = 4 * 2 * 512 * 512 + 8 * 512
    assert emotion == 9 * 3 * 64 + 64 + trunk + deep + 2048 * 512 + 512 + lstm + 512 * 7 + 7


@pytest.mark.slow
def test_paper_size_runs_forward_and_backward() -> None:
    config = Config(size="paper")
    generator = Generator(config)
    frames, logits = generator(*inputs(config))
    assert frames.shape == (1, 2, 3, 128, 128) and logits.shape == (1, 6)
    (frames.square().mean() + logits.square().mean()).backward()
    assert without_gradient(generator) == []


@pytest.mark.parametrize("size", [64, 96, 128])
def test_shapes_of_every_size(size: int) -> None:
    config = Config(image_size=size, width=2, speech_width=2)
    assert Generator(config)(*inputs(config))[0].shape == (1, 2, 3, size, size)


@pytest.mark.parametrize(
    "bad",
    [{"alfa": 1}, {"emotions": ["happy", "calm"]}, {"emotions": ["sad"]}, {"perceptual_frames": 33}],
)
def test_bad_config_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(bad)


def test_mask_is_a_gaussian_at_the_mouth() -> None:
    mask = loops.mouth_mask(torch.tensor([[[40.0, 80.0]]]), 128)[0, 0, 0]
    assert mask[80, 40] == 1
    assert mask[80, 49] == mask[89, 40] == pytest.approx(np.exp(-0.5))
    assert mask[0, 127] < 1e-8


def test_mouth_moves_upright_with_its_eyes(ready: Training) -> None:
    """The made-up clips' mouth landmarks are all (0, 0)."""
    stage = loops.Stage(STEADY, ready, 1, 3)
    moved = stage.sampler.draw(np.random.default_rng(0)).mouth
    # Eyes 16 apart already, so they are only shifted: from (32, 26) to (31.5, 25.1).
    torch.testing.assert_close(moved, torch.tensor([-0.5, -0.9]).expand_as(moved), atol=1e-3, rtol=0)


def test_each_term_trains_what_it_claims(ready: Training, scene: loops.Scene) -> None:
    torch.manual_seed(0)
    generator = Generator(STEADY)
    losses = loops.Reconstruction(STEADY, ready)
    critics = loops.Critics(TINY, ready)
    frames, logits = speak(generator, scene)
    terms = losses.terms(frames, logits, scene, losses.spot(np.random.default_rng(0), 3))
    terms |= critics.terms(frames, scene)
    assert set(terms) == {"recon", "auxiliary", "perceptual", "frame", "emotion"}
    own = {n for n, _ in generator.named_parameters() if n.startswith(("feeling", "felt"))}
    speech = {n for n, _ in generator.named_parameters() if n.startswith("speech")}
    every = {n for n, _ in generator.named_parameters()}
    for name, term in terms.items():
        generator.zero_grad()
        term.backward(retain_graph=True)
        trained = own | speech if name == "auxiliary" else every - own
        assert set(without_gradient(generator)) == every - trained, name


def test_every_discriminator_trains_whole(ready: Training, scene: loops.Scene) -> None:
    critics = loops.Critics(TINY, ready)
    before = {name: weights(player.loss) for name, player in critics.players.items()}
    losses = critics.step(torch.rand_like(scene.target), scene, torch.tensor([0.3, 0.8]))
    assert set(losses) == {"frame_critic", "emotion_critic"}
    for name, player in critics.players.items():
        # A score's own bias cancels between real and fake, and no slope of the picture depends on it.
        allowed = ["critic.score.2.bias"] if name == "frame" else []
        assert without_gradient(player.loss) == allowed, name
        assert not torch.equal(before[name], weights(player.loss))


def test_generator_loss_leaves_no_gradient_in_discriminators(ready: Training, scene: loops.Scene) -> None:
    critics = loops.Critics(TINY, ready)
    frames = scene.target.clone().requires_grad_(True)
    with loops.held(list(critics.players.values())):
        sum(critics.terms(frames, scene).values()).backward()
    assert frames.grad.any()
    for player in critics.players.values():
        assert all(p.grad is None and p.requires_grad for p in player.loss.parameters())


def test_overfits_one_batch(ready: Training) -> None:
    config = STEADY.model_copy(update={"elsewhere": 1.0})
    scene = loops.Stage(config, ready, 1, 2).draw(np.random.default_rng(0))
    # The made-up edges fall within one pixel, as no camera's do and no nearest upsampling draws them.
    soft = torch.nn.functional.avg_pool2d(scene.target[0], 3, 1, 1, count_include_pad=False)[None]
    torch.manual_seed(0)
    generator = Generator(config)
    found = overfitted(
        generator,
        lambda: speak(generator, scene)[0],
        lambda frames: (scene.mask * (frames - soft).abs()).mean(),
        soft,
    )
    assert found > 30


def test_stages_do_not_depend_on_what_comes_after() -> None:
    varied = TINY.model_copy(update={"frame": 0.0, "emotion": 3.0, "steps": 7, "batch": 4, "length": 9})
    for stage in Eskimez.stages:
        assert Eskimez(TINY).stage_config(stage) == Eskimez(varied).stage_config(stage)
    alone = "generator_alone"
    other = TINY.model_copy(update={"mouth": 1.0})
    assert Eskimez(TINY).stage_config(alone) != Eskimez(other).stage_config(alone)


def test_reports_all_terms(ready: Training) -> None:
    seen: dict[int, Mapping[str, float]] = {}
    loops.fit(TINY, replace(ready, report=lambda step, losses, checkpoint=None: seen.update({step: losses})))
    last = seen[14]
    assert set(last) == {
        *("recon", "auxiliary", "perceptual", "frame", "emotion", "total"),
        *("frame_critic", "emotion_critic"),
    }
    weighed = 100 * last["recon"] + 50 * last["perceptual"] + 0.05 * last["frame"]
    weighed += 0.1 * last["emotion"] + 0.05 * last["auxiliary"]
    assert last["total"] == pytest.approx(weighed, rel=1e-4)


def test_a_discriminator_of_weight_0_is_not_built(ready: Training) -> None:
    critics = loops.Critics(TINY.model_copy(update={"frame": 0.0}), ready)
    assert set(critics.players) == {"emotion"}


def test_resumed_in_the_middle_equals_undisturbed(ready: Training, fitted: Eskimez, tmp_path: Path) -> None:
    found = resumed(lambda training: loops.fit(TINY, training), ready, tmp_path)
    assert torch.equal(found, weights(fitted._generator))


def test_two_workers_share_one_batch(ready: Training) -> None:
    whole = loops.Stage(TINY, ready, 4, 3).draw(np.random.default_rng(3))
    for rank in (0, 1):
        share = replace(ready, rank=rank, world=2)
        part = loops.Stage(TINY, share, 4, 3).draw(np.random.default_rng(3))
        for name in ("target", "still", "wave", "noise", "emotion", "mask"):
            assert torch.equal(getattr(part, name), getattr(whole, name)[rank::2])


def test_two_workers_average_to_the_gradients_of_one(ready: Training) -> None:
    once = TINY.model_copy(update={"alone_steps": 1, "steps": 1})
    averages_over_two_workers(lambda training: loops.train_alone(once, training), ready)
    averages_over_two_workers(lambda training: loops.fit(once, training), ready)
    with pytest.raises(BadInput, match="batch: 2 is no multiple of the 3 workers"):
        loops.fit(TINY, replace(ready, world=3))


def test_emotion_and_sound_and_seed_change_the_clip(
    fitted: Eskimez, ready: Training, corpus: TrainingData
) -> None:
    torch.manual_seed(3)
    untrained = Eskimez(STEADY)
    untrained._generator = Generator(STEADY).eval()
    torch.nn.init.normal_(untrained._generator.decoder.paint.weight)
    asked = request_for(corpus.clips[0])
    one, same = (untrained.generate([asked])[0].frames for _ in range(2))
    np.testing.assert_array_equal(one, same)
    for other in (
        replace(asked, emotion="neutral"),
        replace(asked, audio=asked.audio[::-1].copy()),
        replace(asked, seed=2),
    ):
        assert (untrained.generate([other])[0].frames != one).any()


def test_saved_and_loaded_makes_the_same_clip(fitted: Eskimez, corpus: TrainingData, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = Eskimez(TINY.model_copy(update={"frame": 9.0}))
    loaded.load(tmp_path)
    asked = request_for(corpus.clips[1])
    np.testing.assert_array_equal(fitted.generate([asked])[0].frames, loaded.generate([asked])[0].frames)
    with pytest.raises(BadInput, match="emotions is"):
        Eskimez(TINY.model_copy(update={"emotions": ("neutral", "sad")})).load(tmp_path)
    with pytest.raises(BadInput, match="not a saved eskimez"):
        Eskimez(TINY).load(tmp_path / "nowhere")


def test_requests_that_the_model_cannot_answer(fitted: Eskimez, corpus: TrainingData) -> None:
    asked = request_for(corpus.clips[0])
    refuses_bad_requests(fitted, asked)
    for emotion in ("fear", None):
        with pytest.raises(BadInput, match=f"{asked.id}: .*{emotion}.*neutral, happy"):
            fitted.generate([replace(asked, emotion=emotion)])
    with pytest.raises(BadInput, match="fit or load first"):
        Eskimez(TINY).generate([asked])


def test_odd_sounds_are_answered(fitted: Eskimez, corpus: TrainingData) -> None:
    answers_odd_sounds(fitted, request_for(corpus.clips[0]))


def test_a_clip_does_not_depend_on_chunks(
    fitted: Eskimez, corpus: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request_for(corpus.clips[1])
    whole = fitted.generate([asked])[0].frames.astype(int)
    monkeypatch.setattr("methods.eskimez._CHUNK", 4)
    assert abs(fitted.generate([asked])[0].frames - whole).max() <= 1  # rounding of another batch size


def test_a_long_clip_comes_in_chunks(fitted: Eskimez, corpus: TrainingData) -> None:
    """What is held at once is a chunk, whatever the clip's length: the network never sees more."""
    asked = long_request(request_for(corpus.clips[0]), 120)
    assert [len(part) for part in fitted.stream(asked)] == [50, 50, 20]


@pytest.mark.slow
def test_ten_minutes_take_bounded_memory(fitted: Eskimez, corpus: TrainingData) -> None:
    grows_with_sound_alone(fitted, request_for(corpus.clips[0]))
