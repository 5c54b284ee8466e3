import json
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ladder import averages_over_two_workers
from made_up import EMOTIONS, SIZE, request_for
from pydantic import ValidationError
from torch import Tensor, nn

from harness import prepare
from harness.contracts import Training, TrainingData
from harness.faces import eye_centres
from harness.types import SAMPLES_PER_FRAME, BadInput, Request
from harness.weights import Weights as Files
from methods.magnusson import Magnusson
from methods.magnusson import training as loops
from methods.magnusson.config import Config
from methods.magnusson.training import Judges, PairModel, Recon, Weights, clamp_gradient
from methods.nets.blocks import frozen
from methods.nets.masks import mouth_mask
from methods.nets.sampling import Draw, Windows, WindowSampler
from methods.nets.wav2lip import Wav2Lip

TINY = Config(
    pairs=("neutral->happy", "happy->neutral"),
    width=1,
    most=None,
    start="random",
    discriminator_width=2,
    steps=12,
    batch=2,
    pretrain_steps=3,
    pretrain_batch=4,
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
    training = Training(data=corpus, artefacts={}, report=lambda *_: None, seed=5, weights=Files())
    for stage, needs in Magnusson.stages.items():
        done = {name: root / name for name in needs}
        Magnusson(TINY).run_stage(stage, replace(training, artefacts=done), root / stage)
    return replace(training, artefacts={stage: root / stage for stage in Magnusson.stages})


@pytest.fixture(scope="module")
def fitted(ready: Training) -> Magnusson:
    method = Magnusson(TINY)
    method.fit(ready)
    return method


@pytest.fixture(scope="module")
def lively() -> Magnusson:
    """Untrained generators whose pictures follow all inputs: their batch statistics are those of noise."""
    method = Magnusson(TINY)
    method._generators = {}
    for seed, pair in enumerate(TINY.pairs):
        torch.manual_seed(seed)
        generator = loops.make_generator(TINY)
        for layer in generator.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
        with torch.no_grad():
            generator(torch.rand(8, 6, SIZE, SIZE) ** 3, torch.randn(8, 1, 80, 16))
        method._generators[pair] = generator.eval()
    return method


def source_request(corpus: TrainingData, frames: int | None = None) -> Request:
    """Ask for the first speaker's happy clip, with the neutral one whole as its source."""
    source = prepare.load(corpus.clips[0])
    asked = request_for(corpus.clips[1])
    return replace(
        asked,
        reference=source.frames,
        reference_eyes=eye_centres(source.landmarks),
        reference_landmarks=source.landmarks,
        frames=frames or asked.frames,
    )


def flat(models: Mapping[str, nn.Module]) -> Tensor:
    return torch.cat([p.detach().flatten() for model in models.values() for p in model.parameters()])


def windows_of(corpus: TrainingData, clips: int = 2, source: str = "neutral") -> Windows:
    plan = Draw(clips, 5, mask="half", source=source)
    return WindowSampler(corpus, ("happy",), SIZE, plan).draw(np.random.default_rng(0))


def test_card_says_what_it_is() -> None:
    card = Magnusson.card
    assert card.video_to_video and not card.control
    assert set(card.trained_against or ()) == {"sync", "emotion"}
    assert "label picks" in card.note and "context" not in card.conditions


def test_reconstruction_is_plain_l1_unless_asked(corpus: TrainingData) -> None:
    windows = windows_of(corpus)
    off = (windows.reference - windows.target).abs()
    plain, squared, at_mouth = Recon(), Recon(squared=True), Recon(mouth=20.0)
    assert plain(windows.reference, windows).item() == pytest.approx(off.mean().item())
    assert squared(windows.reference, windows).item() == pytest.approx(off.square().mean().item())
    everywhere = windows.target + 0.1
    weight = 1 + 20 * mouth_mask(windows.mouth, SIZE).mean().item()
    assert at_mouth(everywhere, windows).item() == pytest.approx(0.1 * weight, rel=1e-4)


def test_pretraining_from_a_copy_keeps_statistics_and_beats_a_random_start(
    ready: Training, tmp_path: Path
) -> None:
    copy = TINY.model_copy(update={"start": "copy", "width": 6, "most": 8, "pretrain_steps": 2})
    first: dict[str, float] = {}
    for config in (copy, copy.model_copy(update={"start": "random"})):

        def note(step: int, losses: Mapping[str, float], _: object = None, name: str = config.start) -> None:
            first.setdefault(name, losses["recon"])

        model = loops.pretrain(config, replace(ready, report=note))
        assert model.generator.training == (config.start == "random")
    assert first["copy"] < first["random"] / 2


@pytest.mark.parametrize(
    "bad",
    [
        {"pair": "neutral->happy"},
        {"pairs": ["neutral-happy"]},
        {"pairs": ["neutral->calm"]},
        {"pairs": ["neutral->sad"] * 2},
        {"pairs": []},
        {"mask": "face"},
        {"pretrain_sync": 0.1},
        {"width": 5},
    ],
)
def test_bad_config_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(bad)


def test_stages_do_not_depend_on_what_fit_alone_reads() -> None:
    varied = Config(**{**TINY.model_dump(), "recon": 0.6, "emotion": 0.3, "steps": 7, "learning_rate": 1.0})
    for stage in Magnusson.stages:
        chosen = Magnusson(TINY).stage_config(stage)
        assert chosen == Magnusson(varied).stage_config(stage)
        json.dumps(chosen)


@pytest.mark.parametrize("term", ["recon", "sync", "gan", "emotion"])
def test_each_term_reaches_every_parameter_of_the_generator(corpus: TrainingData, term: str) -> None:
    torch.manual_seed(0)
    model, windows = PairModel(TINY), windows_of(corpus)
    judges = Judges.__new__(Judges)
    judges.emotions = TINY.emotions
    judges.expert = loops.make_expert(TINY)
    judges.emotion = loops.make_judge(TINY)
    frozen(judges.expert)
    frozen(judges.emotion)
    frames = loops.paint(model.generator, windows)
    terms = {
        "recon": nn.functional.l1_loss(frames, windows.target),
        "gan": nn.functional.softplus(-model.discriminator(frames.flatten(0, 1))).mean(),
        **judges.terms(frames, windows, "happy"),
    }
    terms[term].backward()
    missing = [n for n, p in model.generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert missing == []


def test_discriminator_learns_and_judges_do_not(ready: Training) -> None:
    seen: list[Mapping[str, float]] = []
    before = loops.stored(ready, "pretrain", PairModel(TINY))
    models = loops.fit(TINY, replace(ready, report=lambda step, losses, checkpoint=None: seen.append(losses)))
    after = models["neutral->happy"].discriminator
    pairs = zip(before.discriminator.named_parameters(), after.parameters(), strict=True)
    assert [name for (name, old), new in pairs if torch.equal(old, new)] == []
    assert set(seen[0]) == {"recon", "sync", "emotion", "gan", "total", "discriminator"}
    last = seen[-1]
    weighed = 0.8 * last["recon"] + 0.03 * last["sync"] + 0.1 * last["emotion"] + 0.07 * last["gan"]
    assert last["total"] == pytest.approx(weighed, rel=1e-4)


def test_emotion_term_is_one_minus_the_likelihood(ready: Training, corpus: TrainingData) -> None:
    windows = windows_of(corpus)
    judges = Judges(TINY, ready, Weights(0, 0, 0, 1))
    assert judges.expert is None and judges.emotion is not None
    likelihood = judges.emotion(windows.target).softmax(1)
    for index, emotion in enumerate(EMOTIONS):
        found = judges.terms(windows.target, windows, emotion)["emotion"]
        assert found.item() == pytest.approx(1 - likelihood[:, index].mean().item(), abs=1e-6)


@pytest.mark.parametrize(("norm", "expected"), [(1e-4, 1e-2), (0.5, 0.5), (1e12, 1e10)])
def test_gradient_norm_is_clamped(norm: float, expected: float) -> None:
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))]
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, norm / 3**0.5)
    clamp_gradient(parameters, 1e-2, 1e10)
    assert torch.cat([p.grad for p in parameters]).norm().item() == pytest.approx(expected, rel=1e-4)


def test_overfits_one_batch(corpus: TrainingData) -> None:
    torch.manual_seed(0)
    generator, windows = Wav2Lip(2, SIZE), windows_of(corpus, 1)
    optimiser = torch.optim.Adam(generator.parameters(), 5e-3)
    for _ in range(120):
        loss = nn.functional.mse_loss(loops.paint(generator, windows), windows.target)
        loops.experts.descend(optimiser, loss)
    assert -10 * np.log10(loss.item()) > 30


def test_the_half_mask_shows_the_source_and_the_hull_the_target(corpus: TrainingData) -> None:
    seen: list[Tensor] = []

    class Spy(nn.Module):
        def forward(self, pictures: Tensor, mel: Tensor) -> Tensor:
            seen.append(pictures.unflatten(0, (-1, 5)))
            return pictures[:, :3]

    half = windows_of(corpus)
    hull = WindowSampler(corpus, ("happy",), SIZE, Draw(2, 5, mask="hull", source="neutral")).draw(
        np.random.default_rng(0)
    )
    for windows in (half, hull):
        loops.paint(Spy(), windows)
    assert not seen[0][:, :, :3, 32:].any()
    torch.testing.assert_close(seen[0][:, :, :3, :32], half.seen[:, :, :, :32])
    torch.testing.assert_close(seen[1][:, :, :3], hull.target.masked_fill(hull.mask, 0))
    for pictures, windows in zip(seen, (half, hull), strict=True):
        torch.testing.assert_close(pictures[:, :, 3:], windows.reference)


def test_same_seed_same_weights_and_other_seed_others(ready: Training, fitted: Magnusson) -> None:
    same, other = (Magnusson(TINY) for _ in range(2))
    same.fit(ready)
    other.fit(replace(ready, seed=6))
    assert torch.equal(flat(same._generators), flat(fitted._generators))
    assert not torch.equal(flat(other._generators), flat(fitted._generators))


def test_resumed_in_the_middle_equals_undisturbed(ready: Training, fitted: Magnusson, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop_at_ten(step: int, losses: Mapping[str, float], checkpoint: object = None) -> None:
        assert step == 10 and callable(checkpoint)
        checkpoint(tmp_path)
        raise Stop

    with pytest.raises(Stop):
        loops.fit(TINY, replace(ready, report=stop_at_ten))
    resumed = Magnusson(TINY)
    resumed.fit(replace(ready, resume=tmp_path))
    assert torch.equal(flat(resumed._generators), flat(fitted._generators))


def test_two_workers_average_to_the_gradients_of_one(ready: Training) -> None:
    once = TINY.model_copy(update={"steps": 1})
    averages_over_two_workers(lambda training: loops.fit(once, training), ready)


def test_saved_and_loaded_makes_the_same_clip(
    lively: Magnusson, corpus: TrainingData, tmp_path: Path
) -> None:
    lively.save(tmp_path)
    loaded = Magnusson(TINY.model_copy(update={"emotion": 0.3}))
    loaded.load(tmp_path)
    asked = source_request(corpus)
    frames = lively.generate([asked])[0].frames
    assert frames[0].std() > 5 and (frames[0] != frames[7]).any()
    np.testing.assert_array_equal(frames, loaded.generate([asked])[0].frames)


def test_load_names_folder_and_mismatch(lively: Magnusson, tmp_path: Path) -> None:
    lively.save(tmp_path)
    for change, message in (
        ({"width": 2}, "width is 1 there, 2 in this config"),
        ({"mask": "hull"}, "mask is 'half' there, 'hull'"),
        ({"pairs": ("neutral->happy",)}, "pairs is "),
    ):
        with pytest.raises(BadInput, match=message):
            Magnusson(TINY.model_copy(update=change)).load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"method": "cvae"}))
    with pytest.raises(BadInput, match=f"{tmp_path}: method is 'cvae'"):
        Magnusson(TINY).load(tmp_path)
    with pytest.raises(BadInput, match="not a saved magnusson"):
        Magnusson(TINY).load(tmp_path / "nowhere")


def test_the_label_picks_the_weights(lively: Magnusson, corpus: TrainingData) -> None:
    asked = source_request(corpus)
    happy = lively.generate([asked])[0].frames
    from_happy = replace(asked, reference_emotion="happy", emotion="neutral")
    assert (lively.generate([from_happy])[0].frames != happy).any()


def test_a_still_is_tiled_and_a_source_played_forth_and_back(lively: Magnusson, corpus: TrainingData) -> None:
    asked = source_request(corpus)
    still = replace(asked, reference=asked.reference[:1], reference_landmarks=asked.reference_landmarks[:1])
    assert lively.generate([still])[0].frames.shape == (14, SIZE, SIZE, 3)
    short = replace(asked, reference=asked.reference[:5], reference_landmarks=asked.reference_landmarks[:5])
    order = [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4, 3]
    spread = replace(
        asked, reference=asked.reference[order], reference_landmarks=asked.reference_landmarks[order]
    )
    np.testing.assert_array_equal(lively.generate([short])[0].frames, lively.generate([spread])[0].frames)
    assert (lively.generate([short])[0].frames != lively.generate([still])[0].frames).any()


def test_hull_model_generates(lively: Magnusson, corpus: TrainingData) -> None:
    method = Magnusson(TINY.model_copy(update={"mask": "hull"}))
    method._generators = lively._generators
    asked = source_request(corpus)
    pictures = method._pictures(asked, 0, 5)
    assert not (pictures[:, :3] == 0).all() and pictures.shape == (5, 6, SIZE, SIZE)


def test_a_clip_does_not_depend_on_its_company_or_on_chunks(
    lively: Magnusson, corpus: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = source_request(corpus)
    second = replace(first, reference_emotion="happy", emotion="neutral", audio=-first.audio)
    together = lively.generate([first, second])
    np.testing.assert_array_equal(lively.generate([second])[0].frames, together[1].frames)
    monkeypatch.setattr("methods.magnusson._CHUNK", 3)
    chunked = lively.generate([second])[0].frames.astype(int)
    assert abs(chunked - together[1].frames).max() <= 1  # rounding of another batch size


def test_short_sound_and_silence_are_answered(lively: Magnusson, corpus: TrainingData) -> None:
    asked = source_request(corpus, frames=3)
    short = lively.generate([replace(asked, audio=asked.audio[:SAMPLES_PER_FRAME])])[0]
    assert short.frames.shape == (3, SIZE, SIZE, 3)
    silent = lively.generate([replace(asked, audio=np.zeros_like(asked.audio))])[0]
    assert silent.frames.shape == (3, SIZE, SIZE, 3)


def test_ten_minutes_stream_in_the_memory_of_a_chunk(
    lively: Magnusson, corpus: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The networks' own pass is left out: it is the same for every chunk."""
    frames = 10 * 60 * 25
    asked = source_request(corpus)
    long = replace(
        asked,
        audio=np.zeros(frames * SAMPLES_PER_FRAME, np.float32),
        frames=frames,
        eyes=np.repeat(asked.eyes[:1], frames, axis=0),
    )
    monkeypatch.setattr("methods.magnusson._painted", lambda _, pictures, mel: np.zeros((len(mel), 1)))

    def peak(request: Request) -> tuple[int, int]:
        tracemalloc.start()
        made = sum(len(part) for part in lively.stream(request))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return made, found

    made, most = peak(long)
    assert made == frames
    assert most < 400 * 2**20  # a spectrogram's block of 102 s, not the 250 MB of all frames and pictures


def test_requests_that_the_model_cannot_answer(lively: Magnusson, corpus: TrainingData) -> None:
    asked = source_request(corpus)
    small = replace(asked, reference=asked.reference[:, :32, :32])
    for bad, message in (
        (small, "32x32.*64x64"),
        (replace(asked, emotion="fear"), "neutral->fear is no pair.*neutral->happy, happy->neutral"),
        (replace(asked, reference_emotion=None), "None->happy is no pair"),
        (replace(asked, audio=None), "no sound"),
    ):
        with pytest.raises(BadInput, match=f"{asked.id}: .*{message}"):
            lively.generate([bad])
    with pytest.raises(BadInput, match="fit or load first"):
        Magnusson(TINY).generate([asked])
