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
from made_up import request_for
from pydantic import ValidationError
from torch import Tensor

from harness.contracts import Training, TrainingData
from harness.types import BadInput
from methods.nets.adversarial import RealFakeLoss, minimax_loss
from methods.vougioukas import Vougioukas
from methods.vougioukas import training as loops
from methods.vougioukas.config import Config
from methods.vougioukas.network import Generator

TINY = Config(
    width=4,
    audio_width=2,
    speech_code=8,
    identity_code=4,
    noise_code=3,
    critic_width=2,
    sync_code=4,
    alone_steps=3,
    alone_batch=2,
    batch=2,
    length=10,
    steps=14,
)


@pytest.fixture(scope="module")
def ready(corpus: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Training:
    return stages_done(lambda: Vougioukas(TINY), corpus, tmp_path_factory.mktemp("stages"))


@pytest.fixture(scope="module")
def fitted(ready: Training) -> Vougioukas:
    method = Vougioukas(TINY)
    method.fit(ready)
    return method


def inputs(config: Config, clips: int = 2, frames: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    still = 2 * torch.rand(clips, 3, config.image_size, config.breadth) - 1
    return still, 0.1 * torch.randn(clips, frames * 640 + 2560), torch.randn(clips, frames, config.noise_code)


def test_listens_to_sound_alone() -> None:
    assert Vougioukas.card.conditions == ("audio", "reference")


def test_paper_size_is_the_released_generators() -> None:
    """SDA's layers one by one: kernels, channels, and two values a channel where it normalises."""
    audio = [(1, 16, 80), (16, 32, 4), (32, 64, 4), (64, 128, 4), (128, 256, 10)]
    parts = {
        "audio": sum(i * o * k + o + 2 * o for i, o, k in audio) + 256 * 256 * 5 + 256,
        "speech": 2 * 3 * (2 * 256 * 256 + 2 * 256),
        "noise": 3 * (2 * 10 * 10 + 2 * 10),
        "identity": sum(
            16 * i * o + 2 * o for i, o in ((3, 64), (64, 128), (128, 256), (256, 512), (512, 1024))
        )
        + 1024 * 128 * 4 * 3,
        "start": 394 * 1024 * 4 * 3 + 2 * 1024,
        "rise": sum(9 * 2 * c * c + 2 * c + 16 * c * c // 2 + c for c in (1024, 512, 256, 128)),
        "paint": 16 * 64 * 3,
    }
    generator = Generator(Config(size="paper"))
    found = {n: sum(p.numel() for p in m.parameters()) for n, m in generator.named_children()}
    assert found == parts


@pytest.mark.slow
def test_paper_size_runs_forward_and_backward() -> None:
    config = Config(size="paper")
    generator = Generator(config)
    frames = generator(*inputs(config, clips=1))
    assert frames.shape == (1, 3, 3, 128, 96)
    frames.square().mean().backward()
    assert without_gradient(generator) == []


def test_paper_size_makes_three_quarters_of_the_width() -> None:
    config = Config(size="paper", width=2, audio_width=2)
    assert Generator(config)(*inputs(config)).shape == (2, 3, 3, 128, 96)
    assert loops.columns(config) == slice(16, 112)


@pytest.mark.parametrize("bad", [{"lambda": 1}, {"image_size": 96}, {"length": 9}, {"sync": -1}])
def test_bad_config_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(bad)


def test_reconstruction_in_closed_form() -> None:
    config = Config(reconstruction=600.0, upper_half=2.0)
    frames, target = torch.zeros(1, 2, 3, 8, 8), torch.zeros(1, 2, 3, 8, 8)
    frames[..., 4:, :] = 0.5
    assert loops.reconstruction(config, frames, target).item() == pytest.approx(300)
    assert loops.reconstruction(config, frames.flip(3), target).item() == pytest.approx(1)


def test_every_term_trains_the_whole_generator(ready: Training) -> None:
    stage = loops.Stage(TINY, ready, 2, TINY.length)
    critics = loops.Critics(TINY, ready)
    scene = stage.draw(np.random.default_rng(0))
    glance = loops.draw_glance(np.random.default_rng(0), TINY.length)
    torch.manual_seed(0)
    generator = Generator(TINY.model_copy(update={"width": 8}))
    frames = generator(scene.still, scene.wave, scene.noise)
    terms = critics.terms(frames, scene, glance)
    assert set(terms) == {"frame", "sequence", "sync"}
    terms["recon"] = loops.reconstruction(TINY, frames, scene.target)
    for term in terms.values():
        generator.zero_grad()
        term.backward(retain_graph=True)
        assert without_gradient(generator) == []


def test_every_discriminator_trains_whole(ready: Training) -> None:
    scene = loops.Stage(TINY, ready, 2, TINY.length).draw(np.random.default_rng(0))
    critics = loops.Critics(TINY.model_copy(update={"critic_width": 8, "audio_width": 8}), ready)
    before = {name: weights(player.loss) for name, player in critics.players.items()}
    fake = torch.rand_like(scene.target)
    losses = critics.step(fake, scene, loops.draw_glance(np.random.default_rng(0), TINY.length))
    assert set(losses) == {"frame_critic", "sequence_critic", "sync_critic"}
    for name, player in critics.players.items():
        assert without_gradient(player.loss) == [], name
        assert not torch.equal(before[name], weights(player.loss))


def test_sync_discriminator_is_shown_the_sound_of_its_mouths() -> None:
    wave = torch.arange(12 * 640 + 2560, dtype=torch.float32)[None]
    empty = torch.zeros(1, 12, 3, 8, 8)
    scene = loops.Scene(empty, empty[:, 0], wave, empty)
    mouths, sound = loops.views(empty, scene, loops.Glance(0, 4, 0))["sync"]
    assert mouths.shape[1] == 5 and sound.shape == (1, 3200)
    assert sound[0, 0] == 1280 + 4 * 640
    rng = np.random.default_rng(0)
    glances = [loops.draw_glance(rng, 12) for _ in range(200)]
    assert {g.frame for g in glances} == set(range(12)) and {g.mouths for g in glances} == set(range(8))
    assert min(abs(g.mouths - g.other) for g in glances) == 3


def test_generator_and_discriminator_play_one_game() -> None:
    class Line(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    loss = RealFakeLoss(Line())((real,), (fake,))
    wanted = -torch.log(torch.sigmoid(real)) - torch.log(1 - torch.sigmoid(fake))
    torch.testing.assert_close(loss, wanted.squeeze())
    torch.testing.assert_close(minimax_loss(fake), torch.log(1 - torch.sigmoid(fake)).squeeze())


def test_overfits_one_batch(ready: Training) -> None:
    config = TINY.model_copy(update={"width": 12, "audio_width": 4, "upper_half": 600.0, "augment": 0.0})
    scene = loops.Stage(config, ready, 1, 2).draw(np.random.default_rng(0))
    torch.manual_seed(0)
    generator = Generator(config)
    found = overfitted(
        generator,
        lambda: generator(scene.still, scene.wave, scene.noise),
        lambda frames: loops.reconstruction(config, frames, scene.target),
        scene.target,
    )
    assert found > 30


def test_stage_does_not_depend_on_the_game() -> None:
    varied = TINY.model_copy(update={"frame": 0.0, "sync": 3.0, "steps": 7, "critic_width": 4, "batch": 4})
    stage = loops.STAGE
    assert Vougioukas(TINY).stage_config(stage) == Vougioukas(varied).stage_config(stage)
    other = TINY.model_copy(update={"reconstruction": 1.0})
    assert Vougioukas(TINY).stage_config(stage) != Vougioukas(other).stage_config(stage)


def test_reports_all_terms(ready: Training) -> None:
    seen: dict[int, Mapping[str, float]] = {}
    loops.fit(TINY, replace(ready, report=lambda step, losses, checkpoint=None: seen.update({step: losses})))
    last = seen[14]
    assert set(last) == {
        *("recon", "frame", "sequence", "sync", "total"),
        *("frame_critic", "sequence_critic", "sync_critic"),
    }
    weighed = last["recon"] + last["frame"] + 0.8 * last["sync"] + 0.2 * last["sequence"]
    assert last["total"] == pytest.approx(weighed, rel=1e-4)


def test_a_discriminator_of_weight_0_is_not_built(ready: Training) -> None:
    critics = loops.Critics(TINY.model_copy(update={"sequence": 0.0}), ready)
    assert set(critics.players) == {"frame", "sync"}


def test_resumed_in_the_middle_equals_undisturbed(
    ready: Training, fitted: Vougioukas, tmp_path: Path
) -> None:
    found = resumed(lambda training: loops.fit(TINY, training), ready, tmp_path)
    assert torch.equal(found, weights(fitted._generator))


def test_two_workers_share_one_batch(ready: Training) -> None:
    whole = loops.Stage(TINY, ready, 4, 3).draw(np.random.default_rng(3))
    for rank in (0, 1):
        share = replace(ready, rank=rank, world=2)
        part = loops.Stage(TINY, share, 4, 3).draw(np.random.default_rng(3))
        for name in ("target", "still", "wave", "noise"):
            assert torch.equal(getattr(part, name), getattr(whole, name)[rank::2])


def test_two_workers_average_to_the_gradients_of_one(ready: Training) -> None:
    once = TINY.model_copy(update={"alone_steps": 1, "steps": 1})
    averages_over_two_workers(lambda training: loops.train_alone(once, training), ready)
    averages_over_two_workers(lambda training: loops.fit(once, training), ready)
    with pytest.raises(BadInput, match="batch: 2 is no multiple of the 3 workers"):
        loops.fit(TINY, replace(ready, world=3))


def test_same_seed_same_clip_and_other_seed_another(fitted: Vougioukas, corpus: TrainingData) -> None:
    asked = request_for(corpus.clips[0])
    one, same = (fitted.generate([asked])[0].frames for _ in range(2))
    np.testing.assert_array_equal(one, same)
    fitted.config = TINY.model_copy(update={"noise_sigma": 30.0})  # little trained, it hardly hears the noise
    try:
        loud, other = (fitted.generate([replace(asked, seed=s)])[0].frames for s in (1, 2))
    finally:
        fitted.config = TINY
    assert (loud != other).any()


def test_the_label_changes_nothing_and_the_sound_does(fitted: Vougioukas, corpus: TrainingData) -> None:
    asked = request_for(corpus.clips[0])
    usual = fitted.generate([asked])[0].frames
    np.testing.assert_array_equal(usual, fitted.generate([replace(asked, emotion=None)])[0].frames)
    assert (usual != fitted.generate([replace(asked, audio=10 * asked.audio)])[0].frames).any()


def test_saved_and_loaded_makes_the_same_clip(
    fitted: Vougioukas, corpus: TrainingData, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    loaded = Vougioukas(TINY.model_copy(update={"sync": 9.0}))
    loaded.load(tmp_path)
    asked = request_for(corpus.clips[1])
    np.testing.assert_array_equal(fitted.generate([asked])[0].frames, loaded.generate([asked])[0].frames)
    with pytest.raises(BadInput, match="width is 4 there, 8 in this config"):
        Vougioukas(TINY.model_copy(update={"width": 8})).load(tmp_path)
    with pytest.raises(BadInput, match="not a saved vougioukas"):
        Vougioukas(TINY).load(tmp_path / "nowhere")


def test_requests_that_the_model_cannot_answer(fitted: Vougioukas, corpus: TrainingData) -> None:
    refuses_bad_requests(fitted, request_for(corpus.clips[0]))
    with pytest.raises(BadInput, match="fit or load first"):
        Vougioukas(TINY).generate([request_for(corpus.clips[0])])


def test_odd_sounds_are_answered(fitted: Vougioukas, corpus: TrainingData) -> None:
    answers_odd_sounds(fitted, request_for(corpus.clips[0]))


def test_a_clip_does_not_depend_on_chunks(
    fitted: Vougioukas, corpus: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request_for(corpus.clips[1])
    whole = fitted.generate([asked])[0].frames.astype(int)
    monkeypatch.setattr("methods.vougioukas._CHUNK", 4)
    assert abs(fitted.generate([asked])[0].frames - whole).max() <= 1  # rounding of another batch size


def test_a_long_clip_comes_in_chunks(fitted: Vougioukas, corpus: TrainingData) -> None:
    """What is held at once is a chunk, whatever the clip's length: the network never sees more."""
    asked = long_request(request_for(corpus.clips[0]), 120)
    assert [len(part) for part in fitted.stream(asked)] == [50, 50, 20]


@pytest.mark.slow
def test_ten_minutes_take_bounded_memory(fitted: Vougioukas, corpus: TrainingData) -> None:
    grows_with_sound_alone(fitted, request_for(corpus.clips[0]))
