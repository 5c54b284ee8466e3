from collections import Counter

import pytest
from pydantic import ValidationError

from harness.datasets.synthetic import SENTENCES, SynthSpec, plan
from harness.datasets.synthetic.identity import identity_of


def test_a_speaker_has_the_82_clips_of_crema_d() -> None:
    clips = plan(SynthSpec(speakers=2, size=64, seed=3))
    assert len(clips) == 164 and len({clip.name for clip in clips}) == 164
    first = [clip for clip in clips if clip.actor == 1001]
    assert len(first) == 82
    assert Counter(clip.emotion for clip in first) == {
        "NEU": 12, "ANG": 14, "DIS": 14, "FEA": 14, "HAP": 14, "SAD": 14
    }  # fmt: skip
    for clip in first:
        leveled = clip.sentence == "IEO" and clip.emotion != "NEU"
        assert (clip.level in ("LO", "MD", "HI")) == leveled, clip.name


@pytest.mark.parametrize("count", [6, 12, 24, 48])
def test_a_subset_is_balanced_and_has_twins_in_another_emotion(count: int) -> None:
    clips = plan(SynthSpec(speakers=1, size=64, clips_per_speaker=count))
    emotions = Counter(clip.emotion for clip in clips)
    assert set(emotions.values()) == {count // 6}
    assert len({clip.sentence for clip in clips}) == min(len(SENTENCES), count // 2)
    for clip in clips:
        assert any(other.sentence == clip.sentence and other.emotion != clip.emotion for other in clips)


def test_a_subset_is_the_head_of_the_whole() -> None:
    some = plan(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=7))
    whole = plan(SynthSpec(speakers=3, size=64, seed=5))
    assert set(some) < set(whole)


def test_speakers_differ_in_tone_sex_hair_and_voice() -> None:
    cast = [identity_of(0, 1001 + index) for index in range(10)]
    assert sum(speaker.female for speaker in cast) == 5
    assert len({speaker.hair for speaker in cast}) >= 5
    assert len({speaker.voice.name for speaker in cast}) >= 9
    brightness = sorted(sum(speaker.skin) for speaker in cast)
    assert brightness[-1] > 2.5 * brightness[0]


def test_a_speaker_follows_from_seed_and_number_alone() -> None:
    assert identity_of(4, 1005) == identity_of(4, 1005)
    assert identity_of(4, 1005) != identity_of(5, 1005)


@pytest.mark.parametrize(
    "bad", [{"speakers": 0}, {"size": 63}, {"size": 512}, {"clips_per_speaker": 83}, {"colour": 1}]
)
def test_a_bad_spec_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        SynthSpec(**{"speakers": 1, "size": 64, **bad})
