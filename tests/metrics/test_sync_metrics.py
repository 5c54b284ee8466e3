"""metrics/lse_c.py, lse_d.py, av_offset.py on the embedded judge: they share one pass."""

from pathlib import Path

import numpy as np
import pytest

from harness.contracts import Setup
from harness.types import Clip, Measurement, Pair, Unscorable
from harness.weights import Weights
from metrics.av_offset import AVOffset
from metrics.features.sync import shift_distances
from metrics.lse_c import LSEConfidence
from metrics.lse_d import LSEDistance


def pair_of(clip: Clip) -> Pair:
    return Pair("one", clip, clip, "1001", "happy")


@pytest.fixture
def clip() -> Clip:
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (40, 64, 64, 3)).astype(np.uint8)
    return Clip(frames, (generator.standard_normal(40 * 640) * 0.1).astype(np.float32))


def test_the_three_metrics_read_one_pass(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []

    def counted(video: np.ndarray, audio: np.ndarray) -> np.ndarray:
        passes.append(len(video))
        return shift_distances(video, audio)

    monkeypatch.setattr("metrics.features.sync.shift_distances", counted)
    pair = pair_of(clip)
    weights = Weights()
    confidence, distance, offset = (
        metric(Setup("embedded", weights)).measure(pair) for metric in (LSEConfidence, LSEDistance, AVOffset)
    )
    assert passes == [35]
    assert confidence.value is not None and confidence.value >= 0
    assert distance.value is not None and 0 < distance.value < 2
    assert offset.value is not None and offset.value in range(-15, 16)
    assert confidence.speaker == "1001" and confidence.emotion == "happy"
    assert "short: 35 windows" in str(confidence.detail)


def test_a_clip_without_sound_is_unscorable_in_all_three(clip: Clip) -> None:
    pair = pair_of(Clip(clip.frames, None))
    for metric in (LSEConfidence, LSEDistance, AVOffset):
        with pytest.raises(Unscorable, match="no sound track"):
            metric(Setup("embedded", Weights())).measure(pair)


def test_the_aggregate_counts_what_is_unscored() -> None:
    score = AVOffset(Setup("embedded", Weights())).aggregate(
        [
            Measurement("a", value=2.0),
            Measurement("b", value=-1.0),
            Measurement("c", reason="silent sound track"),
        ]
    )
    assert (score.value, score.n, score.n_unscored) == (0.5, 2, 1)


def test_cards_tell_the_backbones_apart(tmp_path: Path) -> None:
    card = LSEConfidence(Setup("embedded", Weights())).card
    assert (card.comparable, card.domain, card.family, card.needs_audio) == (
        False,
        "embedded-corpus",
        "sync",
        True,
    )
    assert LSEDistance(Setup("embedded", Weights())).card.higher_is_better is False
    assert AVOffset(Setup("embedded", Weights())).card.higher_is_better is None
