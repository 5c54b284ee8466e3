import numpy as np
import pytest

from harness.datasets.synthetic.identity import ACCENTS, FEMALE_VOICES, MALE_VOICES
from harness.datasets.synthetic.spec import SENTENCES
from harness.datasets.synthetic.speech import Phoneme, Speech, Voice, speak
from harness.datasets.synthetic.visemes import (
    SHAPE_NAMES,
    VISEME_NAMES,
    mouth_track,
    viseme_segments,
    viseme_track,
)

VOICE = Voice("en-us+m3", 160, 50, 50)


def say(text: str, emotion: str = "NEU", voice: Voice = VOICE) -> Speech:
    return speak(text, voice, emotion, 1.0, np.random.default_rng(0))


def test_speech_does_not_depend_on_what_was_said_before() -> None:
    first = say(SENTENCES["TSI"])
    say(SENTENCES["ITH"])
    again = say(SENTENCES["TSI"])
    assert np.array_equal(first.audio, again.audio) and first.phonemes == again.phonemes


def test_speech_fills_whole_frames_and_phonemes_cover_it() -> None:
    speech = say(SENTENCES["WSI"])
    assert len(speech.audio) == speech.frames * 640
    assert np.abs(speech.audio).max() < 1
    assert speech.phonemes[0].start == 0
    assert speech.phonemes[-1].end == pytest.approx(len(speech.audio) / 16000)
    for before, after in zip(speech.phonemes, speech.phonemes[1:], strict=False):
        assert before.end == after.start


def test_phoneme_times_match_the_sound() -> None:
    """Hiss is where an "s" is said, and silence where nothing is."""
    speech = say(SENTENCES["TSI"])
    hiss: list[float] = []
    other: list[float] = []
    for phoneme in speech.phonemes:
        piece = speech.audio[int(phoneme.start * 16000) : int(phoneme.end * 16000)]
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)))) ** 2
        high = spectrum[len(spectrum) // 2 :].sum() / spectrum.sum()
        if phoneme.symbol == "_":
            assert np.abs(piece).mean() < 0.01
        else:
            (hiss if phoneme.symbol == "s" else other).append(high)
    assert min(hiss) > max(np.median(other), 0.3)


def test_anger_is_louder_and_sadness_slower_than_neutral() -> None:
    loud = {
        emotion: np.sqrt((say(SENTENCES["IEO"], emotion).audio ** 2).mean())
        for emotion in ("NEU", "ANG", "SAD")
    }
    assert loud["ANG"] > 1.3 * loud["NEU"] > 1.3 * loud["SAD"]
    assert say(SENTENCES["IEO"], "SAD").frames > say(SENTENCES["IEO"]).frames


@pytest.mark.parametrize("accent", sorted(set(ACCENTS)))
def test_every_phoneme_of_every_accent_has_a_viseme(accent: str) -> None:
    for text in SENTENCES.values():
        assert viseme_segments(say(text, voice=Voice(f"{accent}+f2", 160, 50, 50)).phonemes)


def test_every_voice_speaks() -> None:
    for name in (*MALE_VOICES, *FEMALE_VOICES):
        assert np.abs(say("Hello.", voice=Voice(f"en-us+{name}", 160, 50, 50)).audio).max() > 0.1


def test_an_unknown_phoneme_is_named() -> None:
    with pytest.raises(KeyError, match="'!!'"):
        viseme_segments((Phoneme("!!", 0, 1),))


def test_lips_close_for_m_and_open_for_a() -> None:
    phonemes = (
        Phoneme("_", 0.0, 0.2),
        Phoneme("m", 0.2, 0.3),
        Phoneme("'A:", 0.3, 0.5),
        Phoneme("_", 0.5, 0.7),
    )
    times = np.array([0.25, 0.4])
    jaw, press = (mouth_track(phonemes, times)[:, SHAPE_NAMES.index(name)] for name in ("jaw", "press"))
    assert press[0] > 0.8 > 0.3 > press[1]
    assert jaw[1] > 0.8 > 0.3 > jaw[0]
    assert [VISEME_NAMES[index] for index in viseme_track(phonemes, times)] == ["p_b_m", "aa"]


def test_lips_round_before_a_w_is_heard() -> None:
    phonemes = (Phoneme("s", 0.0, 0.2), Phoneme("w", 0.2, 0.3))
    early, late = mouth_track(phonemes, np.array([0.05, 0.18]))[:, SHAPE_NAMES.index("round")]
    assert late > 0.3 > early
