"""metrics/lse_c.py, lse_d.py, lse_d0.py, av_offset.py: one pass, named protocols, what is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.contracts import LSEProtocol, Setup
from harness.media import encode, read_clip
from harness.store import Store
from harness.types import BadInput, Clip, Measurement, Pair, Unscorable
from harness.weights import Weights
from metrics.av_offset import AVOffset
from metrics.features.s3fd import S3FD
from metrics.features.sync import mean_of_tracks, score_distances, shift_distances
from metrics.features.sync_judge import SyncJudge
from metrics.features.sync_protocols import load_protocol
from metrics.lse_c import LSEConfidence
from metrics.lse_d import LSEDistance
from metrics.lse_d0 import LSEDistanceAtZero
from tests.metrics.random_syncnet import film, state_dict

FAMILY = (LSEConfidence, LSEDistance, LSEDistanceAtZero, AVOffset)


def pair_of(clip: Clip) -> Pair:
    return Pair("one", clip, clip, "1001", "happy")


@pytest.fixture
def clip() -> Clip:
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (40, 64, 64, 3)).astype(np.uint8)
    return Clip(frames, (generator.standard_normal(40 * 640) * 0.1).astype(np.float32))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    """Random files under the published names."""
    folder = tmp_path_factory.mktemp("weights")
    torch.save(state_dict(film(27)), folder / "syncnet_v2.model")
    torch.save(S3FD().state_dict(), folder / "sfd_face.pth")
    return Weights(folder, allow_unverified=True)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    shown = film(29, side=64)
    encode(path, shown.frames, shown.audio)
    own = read_clip(path)
    return Clip(own.frames, own.audio, path=path)


def test_the_metrics_read_one_pass(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []

    def counted(video: np.ndarray, audio: np.ndarray) -> np.ndarray:
        passes.append(shift_distances(video, audio))
        return passes[-1]

    monkeypatch.setattr("metrics.features.sync.shift_distances", counted)
    pair, setup = pair_of(clip), Setup("embedded", Weights())
    confidence, distance, at_zero, offset = (metric(setup).measure(pair) for metric in FAMILY)
    (distances,) = passes
    assert confidence.value == pytest.approx(np.median(distances) - distances.min())
    assert distance.value == pytest.approx(distances.min())
    assert at_zero.value == pytest.approx(distances[15])
    assert offset.value == 15 - distances.argmin()
    assert confidence.speaker == "1001" and confidence.emotion == "happy"
    assert "short: 35 windows" in str(confidence.detail)


@pytest.mark.parametrize("frames", [3, 6, 24])
def test_few_frames_are_unscorable_in_all(clip: Clip, frames: int) -> None:
    pair, setup = pair_of(Clip(clip.frames[:frames], clip.audio)), Setup("embedded", Weights())
    for metric in FAMILY:
        with pytest.raises(Unscorable, match=f"{frames} frames with sound, fewer than the 25"):
            metric(setup).measure(pair)


def test_a_failure_is_found_once(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    monkeypatch.setattr("metrics.features.sync.window_count", lambda clip: looks.append(1) or _refuse())
    pair, setup = pair_of(clip), Setup("embedded", Weights())
    for metric in FAMILY:
        with pytest.raises(Unscorable, match="refused"):
            metric(setup).measure(pair)
    assert looks == [1]


def _refuse() -> int:
    raise Unscorable("refused")


def test_the_aggregate_counts_what_is_unscored() -> None:
    score = AVOffset(Setup("embedded", Weights())).aggregate(
        [
            Measurement("a", value=2.0),
            Measurement("b", value=-1.0),
            Measurement("c", reason="silent sound track"),
        ]
    )
    assert (score.value, score.n, score.n_unscored) == (0.5, 2, 1)


def test_sound_is_embedded_once_for_all_methods_and_pictures_for_each(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("video_features", "audio_features"):
        original = getattr(SyncJudge, name)

        def counted(self: Any, content: Any, name: str = name, original: Any = original) -> Any:
            calls.append(name)
            return original(self, content)

        monkeypatch.setattr(SyncJudge, name, counted)
    metric = LSEDistance(Setup("embedded", Weights()))
    values = []
    for frames in (clip.frames, clip.frames[:33], clip.frames):
        generated = Clip(frames, clip.audio)
        values.append(metric.measure(Pair("one", generated, clip, store=Store(tmp_path))).value)
    assert sorted(calls) == ["audio_features"] + 3 * ["video_features"]
    assert values[0] == values[2] != values[1]
    truth = Clip(clip.frames, clip.audio, shared=True)
    for _ in range(2):
        assert metric.measure(Pair("one", truth, truth, store=Store(tmp_path))).value == values[0]
    assert len(calls) == 5


def test_strict_decoding_is_the_default_of_syncnet_and_changes_the_number(
    weights: Weights, filmed: Clip
) -> None:
    values = {}
    for protocol in (None, "wav2lip-lrs", "decoded"):
        metric = LSEDistance(Setup("reference", weights, lse_protocol=protocol))  # type: ignore[arg-type]
        values[protocol] = metric.measure(pair_of(filmed)).value
    assert values[None] == values["wav2lip-lrs"]
    assert values[None] != pytest.approx(values["decoded"], rel=1e-6)
    assert values[None] == pytest.approx(values["decoded"], rel=0.2)
    bare = pair_of(Clip(filmed.frames, filmed.audio))
    with pytest.raises(Unscorable, match="the clip has none"):
        LSEDistance(Setup("reference", weights)).measure(bare)


def test_cards_tell_backbones_and_protocols_apart(weights: Weights) -> None:
    card = LSEConfidence(Setup("embedded", Weights())).card
    assert (card.comparable, card.domain, card.family) == (False, "embedded-corpus", "sync")
    assert card.needs_audio and not card.paired and card.variant.startswith("decoded: ")
    directions = {m.name: m(Setup("embedded", Weights())).card.higher_is_better for m in FAMILY}
    assert directions == {"lse_c": True, "lse_d": False, "lse_d0": False, "av_offset": None}
    seen = set()
    names: list[LSEProtocol] = ["decoded", "wav2lip-lrs", "wav2lip-real", "latentsync"]
    for name in names:
        card = AVOffset(Setup("reference", weights, lse_protocol=name)).card
        assert card.variant.startswith(f"{name}: ") and card.variant.endswith("> 0: audio leads")
        assert card.backbone == "syncnet_v2 [unverified]" and not card.comparable
        seen.add(card.variant)
    assert len(seen) == 4


def test_genuine_weights_are_comparable_by_a_published_protocol_alone() -> None:
    assert load_protocol("wav2lip-lrs", Weights()).published
    assert not load_protocol("decoded", Weights()).published


@pytest.mark.parametrize("protocol", ["wav2lip-lrs", "wav2lip-real", "latentsync"])
def test_the_embedded_judge_refuses_syncnets_protocols(protocol: LSEProtocol) -> None:
    with pytest.raises(BadInput, match=f"lse_protocol {protocol} is SyncNet's"):
        LSEDistance(Setup("embedded", Weights(), lse_protocol=protocol))


def test_tracks_of_a_clip_are_averaged() -> None:
    rising, falling = np.linspace(1, 4, 31), np.linspace(4, 1, 31)
    rising[14], falling[12] = 0.0, 0.5
    scores = [score_distances(d.astype(np.float32), 60) for d in (rising, falling)]
    mean = mean_of_tracks(scores)
    assert (mean.distance, mean.offset, mean.windows) == (0.25, 2.0, 120)
    assert mean.confidence == pytest.approx(2.25, abs=0.06)
    assert mean.caveat == "mean over 2 face tracks"
    uneven = [*scores, scores[0]]
    assert mean_of_tracks(uneven).offset == pytest.approx(5 / 3)
    assert mean_of_tracks(uneven, whole_offset=True).offset == 1
