from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import prepare, protocol
from harness.contracts import MethodCard
from harness.types import BadInput, Sample

SENTENCES = ("one", "two", "three")
STILL = MethodCard("m", "M", "none", ("reference",))
EDITOR = MethodCard("e", "E", "none", ("reference",), video_to_video=True)
CONTROL = MethodCard("c", "C", "none", (), control=True)


def corpus(folder: Path) -> tuple[list[Sample], dict[str, Path]]:
    """Two speakers, three sentences, neutral and happy; each clip is one colour."""
    samples, files = [], {}
    for speaker in ("a", "b"):
        for text in SENTENCES:
            for emotion in ("neutral", "happy"):
                name = f"{speaker}_{text}_{emotion}"
                samples.append(Sample(name, folder / f"{name}.mp4", None, speaker, emotion, None, text))
                files[name] = folder / f"{name}.npz"
                frames = np.full((3, 32, 32, 3), len(samples), np.uint8)
                mask = np.zeros((3, 32, 32), bool)
                mask[:, 8:24, 8:24] = True
                audio = np.zeros(3 * 640, np.float32)
                prepare.save(
                    files[name], prepare.PreparedClip(frames, audio, np.zeros((3, 68, 2), np.float32), mask)
                )
    return samples, files


def test_the_reference_is_a_neutral_clip_of_the_same_speaker_and_never_the_target(tmp_path: Path) -> None:
    samples, files = corpus(tmp_path)
    for ask in protocol.asks(samples, samples, files, "neutral", seed=1):
        speaker, _, emotion = ask.reference_id.split("_")
        assert (speaker, emotion) == (ask.sample.speaker, "neutral")
        assert ask.reference_id != ask.sample.id


def test_same_clip_is_said_to_be_so(tmp_path: Path) -> None:
    samples, files = corpus(tmp_path)
    assert all(a.reference_id == a.sample.id for a in protocol.asks(samples, samples, files, "same_clip", 1))


def test_controls_get_other_words_and_another_emotion_of_the_same_speaker(tmp_path: Path) -> None:
    samples, files = corpus(tmp_path)
    for ask in protocol.asks(samples, samples, files, "neutral", seed=1):
        assert ask.other_audio is not None
        assert ask.other_emotion is not None
        speaker, text, emotion = ask.other_emotion.stem.split("_")
        assert (speaker, text) == (ask.sample.speaker, ask.sample.text)
        assert emotion != ask.sample.emotion
        assert ask.other_audio.stem.split("_")[0] == ask.sample.speaker
        assert ask.other_audio.stem.split("_")[1] != ask.sample.text


def test_a_speaker_without_a_neutral_clip_is_named_with_the_fix(tmp_path: Path) -> None:
    samples, files = corpus(tmp_path)
    happy = [s for s in samples if s.emotion == "happy"]
    with pytest.raises(BadInput, match="same_clip"):
        protocol.asks(happy, happy, files, "neutral", seed=1)


def test_a_request_hides_the_face_and_shows_the_target_to_controls_only(tmp_path: Path) -> None:
    samples, files = corpus(tmp_path)
    ask = protocol.asks(samples, samples, files, "neutral", seed=1)[1]
    method, truth = protocol.request(ask, STILL)
    assert method.target is None
    assert not method.context[truth.mask].any()
    assert (method.context[~truth.mask] == truth.frames[~truth.mask]).all()
    assert (method.reference != truth.frames[0]).all()
    control, _ = protocol.request(ask, CONTROL)
    assert control.target is not None
    assert control.target.truth == ask.truth


def test_requests_do_not_depend_on_order_and_follow_the_seed(tmp_path: Path) -> None:
    samples, files = corpus(tmp_path)
    forward = protocol.asks(samples, samples, files, "neutral", seed=1)
    backward = protocol.asks(samples[::-1], samples[::-1], files, "neutral", seed=1)[::-1]
    assert forward == backward
    assert [a.seed for a in forward] != [a.seed for a in protocol.asks(samples, samples, files, "neutral", 2)]


def test_a_limited_test_is_spread_over_emotions_and_speakers(tmp_path: Path) -> None:
    samples, _ = corpus(tmp_path)
    chosen = protocol.choose_test(samples, 4)
    assert sorted((s.speaker, s.emotion) for s in chosen) == [
        ("a", "happy"), ("a", "neutral"), ("b", "happy"), ("b", "neutral"),
    ]  # fmt: skip
    assert chosen == protocol.choose_test(samples[::-1], 4)


def test_train_clips_are_never_tested(tmp_path: Path) -> None:
    samples, _ = corpus(tmp_path)
    split = [replace(s, split="train" if s.speaker == "a" else "test") for s in samples]
    assert {s.speaker for s in protocol.choose_test(split, None)} == {"b"}


def test_a_source_is_a_neutral_clip_of_the_same_sentence_and_never_the_target(tmp_path: Path) -> None:
    samples, files = corpus(tmp_path)
    for ask in protocol.asks(samples, samples, files, "source", seed=1):
        speaker, text, emotion = ask.reference_id.split("_")
        assert ask.reference_id != ask.sample.id
        assert (speaker, emotion, ask.reference_emotion) == (ask.sample.speaker, "neutral", "neutral")
        assert (text == ask.sample.text) == (ask.sample.emotion != "neutral")


@pytest.mark.parametrize("policy", ["neutral", "source", "same_clip"])
def test_only_an_editor_is_given_a_whole_clip_and_only_of_a_source(
    tmp_path: Path, policy: protocol.Reference
) -> None:
    samples, files = corpus(tmp_path)
    for ask in protocol.asks(samples, samples, files, policy, seed=1):
        for card in (STILL, EDITOR, CONTROL):
            asked, _ = protocol.request(ask, card)
            expected = 3 if policy == "source" and card is EDITOR else 1
            shapes = [x.shape for x in (asked.reference_eyes, asked.reference_landmarks)]
            assert len(asked.reference) == expected
            assert shapes == [(expected, 2, 2), (expected, 68, 2)]


def test_plays_forth_and_back_without_a_jump() -> None:
    assert protocol.played(4, 0, 10).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
    assert protocol.played(1, 0, 3).tolist() == [0, 0, 0]
    assert set(np.abs(np.diff(protocol.played(7, 0, 50)))) == {1}


def test_parts_are_those_of_the_whole() -> None:
    whole = protocol.played(5, 0, 23)
    np.testing.assert_array_equal(
        np.concatenate([protocol.played(5, 0, 9), protocol.played(5, 9, 14)]), whole
    )
