"""What a clip's words and voice say: speech emotion, sentiment, language, and models by name."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.datasets.crema_d import SENTENCES
from harness.datasets.synthetic import SynthSpec, plan
from harness.types import EMOTIONS, SAMPLE_RATE, Audio, BadInput
from methods.synchrorama import speech_emotion, train_speech_emotion
from methods.synchrorama.affect import affect_of
from methods.synchrorama.language import require_english
from methods.synchrorama.sentiment import sentiment_of
from methods.synchrorama.speech_emotion import FUNCTIONALS, SpeechEmotionNet

WEIGHTS = Path(train_speech_emotion.__file__).parent / "weights"
VALENCE, AROUSAL = 0, 1


def tone(hertz: float, seconds: float = 1.0) -> Audio:
    phase = 2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.1 * sum(np.sin(k * phase) / k for k in range(1, 6))).astype(np.float32)


@pytest.fixture(scope="module")
def voices() -> list[tuple[Audio, str]]:
    """Six speakers of a seed that no network was taught on, six emotions each, acted as sweeps' are."""
    spec = SynthSpec(speakers=6, seed=4321, clips_per_speaker=6)
    return [train_speech_emotion.say(clip)[:2] for clip in plan(spec)]


@pytest.mark.parametrize("hertz", [80, 125, 220, 330])
def test_pitch_is_that_of_a_tone(hertz: float) -> None:
    found, voicing = speech_emotion.pitch(tone(hertz))
    assert np.median(found) == pytest.approx(hertz, rel=0.03)
    assert np.median(voicing) > 0.9


def test_pitch_is_told_at_every_step() -> None:
    sound = np.concatenate([tone(110), tone(180)])
    found, voicing = speech_emotion.pitch(sound)
    assert len(found) == len(voicing) == len(speech_emotion.levels(sound)) == 1 + len(sound) // 200
    assert np.median(found[:70]) == pytest.approx(110, rel=0.03)
    assert np.median(found[90:]) == pytest.approx(180, rel=0.03)


def test_long_sound_is_heard_piece_by_piece(voices: list[tuple[Audio, str]]) -> None:
    piece = np.tile(next(audio for audio, emotion in voices if emotion == "sad"), 2)[: 3 * SAMPLE_RATE]
    once = affect_of(piece, None)
    assert np.allclose(affect_of(np.tile(piece, 10), None).speech, once.speech, atol=1e-6)
    silence = np.zeros(12 * SAMPLE_RATE, np.float32)
    between = affect_of(np.concatenate([silence, piece, silence]), None)
    assert np.allclose(between.speech, once.speech, atol=1e-6)


def test_noise_has_less_voice_than_a_tone() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    assert np.median(speech_emotion.pitch(noise)[1]) < 0.6


def test_level_of_a_full_sine_is_minus_three_decibel() -> None:
    sine = np.sin(2 * np.pi * 200 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    found = speech_emotion.levels(sine)
    assert len(found) == 81
    assert found[40] == pytest.approx(-3.01, abs=0.02)


def test_unseen_voices_are_told_apart(voices: list[tuple[Audio, str]]) -> None:
    right, valence, arousal = 0, [], []
    for audio, emotion in voices:
        affect = affect_of(audio, None)
        assert affect.speech.sum() == pytest.approx(1, abs=1e-4) and affect.heard and not affect.read
        assert np.abs(affect.valence_arousal).max() <= 1
        right += EMOTIONS[int(affect.speech.argmax())] == emotion
        wanted = speech_emotion.CIRCUMPLEX[emotion]
        valence.append((affect.valence_arousal[VALENCE], wanted[VALENCE]))
        arousal.append((affect.valence_arousal[AROUSAL], wanted[AROUSAL]))
    assert right / len(voices) > 0.6  # chance is 1 in 6
    assert np.corrcoef(np.array(arousal).T)[0, 1] > 0.7
    assert np.corrcoef(np.array(valence).T)[0, 1] > 0.4


def test_the_committed_weights_are_small_and_described() -> None:
    assert (WEIGHTS / "speech_emotion.safetensors").stat().st_size < 1_000_000
    about = json.loads((WEIGHTS / "speech_emotion.json").read_text())
    assert about["trained_on"]["seed"] != about["checked_on"]["seed"]
    assert about["figures"]["accuracy"] > 0.6


def test_an_answer_does_not_depend_on_where_it_is_asked(voices: list[tuple[Audio, str]]) -> None:
    audio = voices[0][0]
    first = affect_of(audio, "We won!")
    affect_of(voices[1][0], "We lost.")
    again = affect_of(audio, "We won!")
    assert np.array_equal(first.speech, again.speech)
    assert np.array_equal(first.sentiment, again.sentiment)


def test_every_parameter_learns() -> None:
    net = SpeechEmotionNet()
    logits, plane = net(torch.randn(4, 80, 40), torch.randn(4, FUNCTIONALS))
    (logits.square().sum() + plane.square().sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize("text", [None, "", "  \n", "...", "!?"])
def test_no_word_is_an_absent_cue(text: str | None) -> None:
    affect = affect_of(None, text)
    assert not affect.read and not affect.heard
    assert not affect.sentiment.any() and not affect.speech.any() and not affect.valence_arousal.any()


@pytest.mark.parametrize("seconds", [0.01, 30])
def test_silence_is_an_absent_cue(seconds: float) -> None:
    silence = np.random.default_rng(2).normal(0, 2e-4, int(seconds * SAMPLE_RATE)).astype(np.float32)
    assert not affect_of(silence, "Hello there.").heard
    assert not affect_of(np.zeros_like(silence), "Hello there.").heard


def test_words_have_their_mood() -> None:
    glad, sad = sentiment_of("What a wonderful day, I am so happy!"), sentiment_of("I cry, it is so sad.")
    plain = sentiment_of("The shop opens at nine.")
    assert glad is not None and sad is not None and plain is not None
    assert glad[2] > 0.5 and glad[0] == 0
    assert sad[0] > 0.5 and sad[2] == 0
    assert plain.tolist() == [0, 1, 0]
    assert glad.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    "text",
    [
        *SENTENCES.values(),
        "Dogs are sitting by the door.",
        "I hate you",
        "Yes!",
        "No",
        "OK",
        "Leave me alone.",
    ],
)
def test_english_is_read(text: str) -> None:
    assert sentiment_of(text) is not None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ich habe heute einen sehr schönen Tag.", "de"),
        ("Je suis très content de te voir", "fr"),
        ("Estoy muy feliz", "es"),
        ("今日は", "ja"),
        ("Я тебя люблю", "uk"),
        ("آج میں خوش ہوں", "ur"),
        ("Ik ben blij", "nl"),
    ],
)
def test_another_language_is_refused_by_name(text: str, language: str) -> None:
    with pytest.raises(BadInput, match=rf'is not English \(language "{language}"\).*VADER.*`sentiment`'):
        affect_of(None, text)
    with pytest.raises(BadInput, match="a reader of this test"):
        require_english(text, "a reader of this test", "do nothing")


def saved_wav2vec2(folder: Path, labels: list[str]) -> str:
    """A classifier in wav2vec2's layout with random weights, saved as the published ones are."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

    torch.manual_seed(1)
    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8, 8),
        conv_stride=(5, 4),
        conv_kernel=(10, 8),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        classifier_proj_size=8,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )
    Wav2Vec2ForSequenceClassification(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)
    return str(folder)


def test_a_wav2vec2_by_name_fills_the_emotions_it_names(tmp_path: Path) -> None:
    name = saved_wav2vec2(tmp_path, ["neu", "hap", "ang", "sad"])
    affect = affect_of(tone(150), None, speech=name)
    known = [EMOTIONS.index(e) for e in ("neutral", "happy", "angry", "sad")]
    assert affect.speech[known].sum() == pytest.approx(1, abs=1e-5)
    assert (affect.speech[known] > 0).all() and np.delete(affect.speech, known).sum() == 0
    expected = sum(
        affect.speech[EMOTIONS.index(e)] * np.array(xy) for e, xy in speech_emotion.CIRCUMPLEX.items()
    )
    assert np.allclose(affect.valence_arousal, expected, atol=1e-6)


def test_a_classifier_of_something_else_is_refused(tmp_path: Path) -> None:
    name = saved_wav2vec2(tmp_path, ["dog", "cat"])
    with pytest.raises(BadInput, match=r'class "dog".*none of neutral, happy'):
        affect_of(tone(150), None, speech=name)


def test_a_cue_that_is_switched_off_is_not_looked_at() -> None:
    affect = affect_of(tone(150), "Estoy muy feliz", sentiment=None, speech=None)
    assert not affect.read and not affect.heard
    assert not affect.sentiment.any() and not affect.speech.any()


def test_models_that_are_not_there_are_named_with_the_way_out(tmp_path: Path) -> None:
    away = str(tmp_path / "away")
    with pytest.raises(BadInput, match=r"speech: .*away.*cannot be loaded.*online.*speech: embedded"):
        affect_of(tone(150), None, speech=away)
    with pytest.raises(BadInput, match=r"sentiment: .*away.*cannot be loaded.*online.*sentiment: vader"):
        affect_of(None, "Hello", sentiment=away)


def saved_bert(folder: Path, labels: list[str]) -> str:
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    torch.manual_seed(1)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "gut", "tag"]))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=7,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    return str(folder)


def test_a_text_classifier_by_name_reads_its_own_language(tmp_path: Path) -> None:
    affect = affect_of(None, "Guten Tag", sentiment=saved_bert(tmp_path, ["POSITIVE", "NEGATIVE"]))
    assert affect.read and affect.sentiment.sum() == pytest.approx(1, abs=1e-5)
    assert affect.sentiment[0] > 0 and affect.sentiment[1] == 0 and affect.sentiment[2] > 0


def test_a_classifier_of_stars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r'class "1 star".*negative, neutral, positive'):
        affect_of(None, "Guten Tag", sentiment=saved_bert(tmp_path, ["1 star", "2 stars"]))
