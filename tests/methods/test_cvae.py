import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import EMOTIONS, SIZE, request_for
from pydantic import ValidationError
from torch import Tensor
from torch.backends import mkldnn
from torch.utils.flop_counter import FlopCounterMode

from harness.contracts import Live, Training, TrainingData
from harness.types import BadInput
from harness.weights import Weights
from methods.cvae import CVAE
from methods.cvae import training as loops
from methods.cvae.config import Config
from methods.cvae.losses import divergence, reconstruction
from methods.cvae.network import Generator, Output, latent_shape
from methods.cvae.painter import Painter
from methods.nets.packed import Packed
from methods.nets.sampling import Draw, WindowSampler

TINY = Config(
    emotions=EMOTIONS,
    width=4,
    steps=14,
    batch=2,
    warm_start_steps=3,
    warm_start_batch=4,
    sync_width=4,
    sync_clips=2,
    sync_windows=3,
    sync_steps=3,
    critic_width=2,
    critic_batch=2,
    critic_steps=3,
)


@pytest.fixture(scope="module")
def ready(corpus: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A training with the three stages done."""
    root = tmp_path_factory.mktemp("stages")
    start = Training(data=corpus, artefacts={}, report=lambda *_: None, seed=5, weights=Weights())
    for stage in CVAE.stages:
        CVAE(TINY).run_stage(stage, start, root / stage)
    return replace(start, artefacts={stage: root / stage for stage in CVAE.stages})


@pytest.fixture(scope="module")
def fitted(ready: Training) -> CVAE:
    method = CVAE(TINY)
    method.fit(ready)
    return method


def inputs(count: int, config: Config) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    size = config.image_size
    label = torch.nn.functional.one_hot(
        torch.arange(count) % len(config.emotions), len(config.emotions)
    ).float()
    noise = torch.randn(count, *latent_shape(config))
    return torch.rand(count, 6, size, size), torch.randn(count, 1, 80, 16), label, noise


def weights(module: torch.nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize("size", [64, 96])
def test_shapes_of_the_paper_size(size: int) -> None:
    config = Config(size="paper", image_size=size)
    output = Generator(config)(*inputs(1, config))
    assert output.frames.shape == (1, 3, size, size)
    assert output.mean.shape == output.log_variance.shape == (1, 256, size // 32, size // 32)


def test_paper_fills_only_what_is_not_given() -> None:
    config = Config(size="paper", batch=4)
    assert (config.batch, config.width, config.perceptual) == (4, 16, "reference")


@pytest.mark.parametrize(
    "bad", [{"alfa": 1}, {"emotions": ["happy", "calm"]}, {"emotions": ["sad"]}, {"alpha": -1}]
)
def test_bad_config_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(bad)


def test_gradient_reaches_every_parameter() -> None:
    torch.manual_seed(0)
    generator = Generator(TINY)
    output = generator(*inputs(4, TINY))
    (output.frames.square().mean() + divergence(output)).backward()
    assert [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_sound_and_emotion_both_change_the_face() -> None:
    torch.manual_seed(0)
    generator = Generator(TINY)
    pictures, mel, label, _ = inputs(2, TINY)
    usual = generator(pictures, mel, label, None).frames
    assert not torch.allclose(usual, generator(pictures, -mel, label, None).frames, atol=1e-4)
    assert not torch.allclose(usual, generator(pictures, mel, label.flip(1), None).frames, atol=1e-4)


def test_losses_in_closed_form() -> None:
    assert reconstruction(torch.full((2, 3), 0.5), torch.zeros(2, 3)).item() == pytest.approx(0.25)
    mean, log_variance = torch.full((2, 4, 1, 1), 2.0), torch.full((2, 4, 1, 1), np.log(3.0))
    per_latent = 0.5 * (4 + 3 - 1 - np.log(3))
    found = divergence(Output(torch.zeros(2, 3, 8, 8), mean, log_variance))
    assert found.item() == pytest.approx(4 * per_latent / (3 * 8 * 8), rel=1e-5)


def test_overfits_one_batch(corpus: TrainingData) -> None:
    windows = WindowSampler(corpus, EMOTIONS, SIZE, Draw(1, 5)).draw(np.random.default_rng(0))
    torch.manual_seed(0)
    generator = Generator(TINY.model_copy(update={"width": 8}))
    optimiser = torch.optim.Adam(generator.parameters(), 1e-3)
    for _ in range(250):
        _, frames = loops.generate_windows(generator, windows, None, len(EMOTIONS))
        loss = reconstruction(frames, windows.target)
        loops.descend(optimiser, loss)
    assert -10 * np.log10(loss.item()) > 30


def test_stages_do_not_depend_on_what_a_sweep_varies() -> None:
    varied = Config(
        **{**TINY.model_dump(), "alpha": 0.0, "beta": 1.0, "gamma": 0.5, "steps": 7, "learning_rate": 1.0}
    )
    for stage in CVAE.stages:
        chosen = CVAE(TINY).stage_config(stage)
        assert chosen == CVAE(varied).stage_config(stage)
        assert not {"alpha", "beta", "gamma", "steps", "learning_rate", "batch"} & set(chosen)
        json.dumps(chosen)
    assert CVAE(TINY).stage_config("warm_start") != CVAE(TINY.model_copy(update={"width": 8})).stage_config(
        "warm_start"
    )


def test_same_seed_same_weights_and_other_seed_others(ready: Training) -> None:
    one, same, other = (weights(loops.fit(TINY, replace(ready, seed=seed))) for seed in (5, 5, 6))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_resumed_in_the_middle_equals_undisturbed(ready: Training, fitted: CVAE, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop_at_ten(step: int, losses: Mapping[str, float], checkpoint: object = None) -> None:
        assert step == 10 and callable(checkpoint)
        checkpoint(tmp_path)
        raise Stop

    with pytest.raises(Stop):
        loops.fit(TINY, replace(ready, report=stop_at_ten))
    assert torch.equal(weights(loops.fit(TINY, replace(ready, resume=tmp_path))), weights(fitted._generator))


def test_reports_all_six_terms_as_floats(ready: Training) -> None:
    seen: dict[int, Mapping[str, float]] = {}
    loops.fit(TINY, replace(ready, report=lambda step, losses, checkpoint=None: seen.update({step: losses})))
    assert list(seen) == [10, 14]
    terms = {"recon", "kl", "sync", "perceptual", "emotion", "critic", "total"}
    assert all(
        set(losses) == terms and all(type(v) is float for v in losses.values()) for losses in seen.values()
    )
    last = seen[14]
    weighed = last["recon"] + last["kl"] + 0.03 * last["sync"] + 0.01 * (last["perceptual"] + last["emotion"])
    assert last["total"] == pytest.approx(weighed, rel=1e-4)


@pytest.mark.parametrize("absent", ["alpha", "beta", "gamma"])
def test_weight_zero_leaves_its_term_out(ready: Training, absent: str) -> None:
    config = TINY.model_copy(update={absent: 0.0, "steps": 1})
    seen: list[Mapping[str, float]] = []
    loops.fit(config, replace(ready, report=lambda step, losses, checkpoint=None: seen.append(losses)))
    term = {"alpha": "sync", "beta": "perceptual", "gamma": "emotion"}[absent]
    assert term not in seen[0] and len(seen[0]) == (5 if absent == "gamma" else 6)


def test_emotion_critic_learns_while_the_generator_trains(ready: Training) -> None:
    critics = loops.Critics(TINY, ready)
    windows = WindowSampler(ready.data, EMOTIONS, SIZE, Draw(2, 5)).draw(np.random.default_rng(0))
    before = weights(critics.critic)
    critics.tune(windows)
    assert not torch.equal(before, weights(critics.critic))
    assert torch.equal(weights(critics.judge), weights(critics.critic))


def test_two_workers_average_to_the_gradient_of_one(ready: Training) -> None:
    def gradient(rank: int, world: int) -> Tensor:
        """The first step's gradient of the generator, stopped before the optimiser takes it."""
        kept: list[torch.nn.Module] = []

        def stop(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
            torch.autograd.backward(loss)
            raise StopIteration

        share = replace(ready, rank=rank, world=world, wrap=lambda m: kept.append(m) or m)
        with pytest.MonkeyPatch.context() as patch, pytest.raises(StopIteration):
            patch.setattr(loops, "descend", stop)
            loops.fit(TINY, share)
        generator = next(m for m in kept if isinstance(m, Generator))
        return torch.cat([p.grad.flatten() for p in generator.parameters()])

    averaged = (gradient(0, 2) + gradient(1, 2)) / 2
    torch.testing.assert_close(averaged, gradient(0, 1), atol=1e-6, rtol=1e-4)


def test_batch_that_workers_cannot_share_is_refused(ready: Training) -> None:
    with pytest.raises(BadInput, match="batch: 2 is no multiple of the 3 workers"):
        loops.fit(TINY, replace(ready, world=3))


def test_saved_and_loaded_makes_the_same_clip(fitted: CVAE, corpus: TrainingData, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = CVAE(TINY.model_copy(update={"alpha": 9.0}))
    loaded.load(tmp_path)
    asked = request_for(corpus.clips[1])
    np.testing.assert_array_equal(fitted.generate([asked])[0].frames, loaded.generate([asked])[0].frames)


def test_load_names_folder_and_mismatch(fitted: CVAE, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    with pytest.raises(BadInput, match=r"width is 4 there, 8 in this config"):
        CVAE(TINY.model_copy(update={"width": 8})).load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"method": "eskimez"}))
    with pytest.raises(BadInput, match=f"{tmp_path}: method is 'eskimez'"):
        CVAE(TINY).load(tmp_path)
    with pytest.raises(BadInput, match="not a saved cvae"):
        CVAE(TINY).load(tmp_path / "nowhere")


def test_generates_inside_the_mask_only(fitted: CVAE, corpus: TrainingData) -> None:
    asked = request_for(corpus.clips[0])
    (clip,) = fitted.generate([asked])
    assert clip.frames.shape == asked.context.shape and clip.frames.dtype == np.uint8
    np.testing.assert_array_equal(clip.frames[~asked.mask], asked.context[~asked.mask])
    assert (clip.frames[asked.mask] > 0).any()
    np.testing.assert_array_equal(clip.audio, asked.audio)


def test_a_clip_does_not_depend_on_its_company_or_on_chunks(
    fitted: CVAE, corpus: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (request_for(path) for path in corpus.clips[:2])
    together = fitted.generate([first, second])
    np.testing.assert_array_equal(fitted.generate([second])[0].frames, together[1].frames)
    monkeypatch.setattr("methods.cvae._CHUNK", 3)
    chunked = fitted.generate([second])[0].frames.astype(int)
    assert abs(chunked - together[1].frames).max() <= 1  # rounding of another batch size


def test_requests_that_the_model_cannot_answer(fitted: CVAE, corpus: TrainingData) -> None:
    asked = request_for(corpus.clips[0])
    small = replace(asked, reference=asked.reference[:, :32, :32])
    for bad, message in (
        (small, "32x32.*64x64"),
        (replace(asked, emotion="fear"), "'fear'.*neutral, happy"),
        (replace(asked, emotion=None), "None"),
        (replace(asked, audio=None), "no sound"),
        (replace(asked, frames=99), "all 99 frames"),
    ):
        with pytest.raises(BadInput, match=f"{asked.id}: .*{message}"):
            fitted.generate([bad])
    with pytest.raises(BadInput, match="fit or load first"):
        CVAE(TINY).generate([asked])


@pytest.mark.parametrize("config", [TINY, Config(size="paper"), Config(emotion_input="none", image_size=96)])
def test_the_painter_paints_what_the_generator_does_whatever_the_batch(config: Config) -> None:
    """To the rounding of 32 bits, and a picture alone bit for bit as among others."""
    torch.manual_seed(3)
    generator = Generator(config)
    for parameter in generator.parameters():
        parameter.data.add_(0.02 * torch.randn_like(parameter))
    pictures, mel, label, _ = inputs(5, config)
    label = label[:1].expand(5, -1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            expected = generator.eval()(pictures, mel, label, None).frames
            painter = Painter(generator)
            emotion = painter.emotion(label[:1])
            together = painter(pictures, mel, emotion)
            alone = [painter(pictures[i : i + 1], mel[i : i + 1], emotion) for i in range(5)]
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(together, expected, atol=1e-4, rtol=0)
    assert torch.equal(together, torch.cat(alone))


def test_the_painters_operations_are_counted_as_the_generators() -> None:
    """So `harness.cost` counts them; the painter leaves out what only training wants."""
    generator = Generator(TINY)
    pictures, mel, label, _ = inputs(1, TINY)
    painter, counts = Painter(generator), []
    emotion = painter.emotion(label)
    for paint in (
        lambda: generator(pictures, mel, label, None),
        lambda: painter(pictures, mel, emotion),
    ):
        with mkldnn.flags(enabled=False), torch.inference_mode(), FlopCounterMode(display=False) as counter:
            paint()
        counts.append(counter.get_total_flops())
    assert 0.95 * counts[0] < counts[1] < 1.05 * counts[0]


def test_a_loaded_models_first_frame_waits_for_nothing_that_is_made_once(
    fitted: CVAE, corpus: TrainingData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted.save(tmp_path)
    loaded = CVAE(TINY)
    loaded.load(tmp_path)

    def late(*_: object) -> Tensor:
        raise AssertionError("laid out while a clip waits")

    monkeypatch.setattr(Packed, "_laid_out", late)
    asked = request_for(corpus.clips[0])
    assert asked.audio is not None
    assert next(loaded.live(replace(asked, frames=1), iter([asked.audio]))).shape == (1, SIZE, SIZE, 3)


def test_live_frames_equal_the_clips_bit_for_bit(fitted: CVAE, corpus: TrainingData) -> None:
    asked = request_for(corpus.clips[0])
    still = replace(
        asked,
        context=asked.context[:1].repeat(14, 0),
        mask=asked.mask[:1].repeat(14, 0),
        eyes=asked.eyes[:1].repeat(14, 0),
    )
    head = replace(still, frames=1, audio=np.zeros(640, np.float32))
    sound = asked.audio
    assert isinstance(fitted, Live) and sound is not None
    pieces = np.split(sound, [100, 101, 2000, 4000])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole = fitted.generate([still])[0].frames
        parts = list(fitted.live(head, iter(pieces)))
    finally:
        torch.set_num_threads(threads)
    assert [len(part) for part in parts] == [1] * 14
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    with pytest.raises(BadInput, match="emotion 'contempt'"):
        next(fitted.live(replace(head, emotion="contempt"), iter(pieces)))
