"""What the embedded corpus contains: sentences, emotions, levels, and the list of clips to make.

Names, codes and the combinations follow CREMA-D (Cao et al. 2014, IEEE Trans. Affective Computing):
82 clips an actor, levels only for the sentence IEO and never for a neutral face. Nothing is drawn here.
"""

from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from harness.datasets.crema_d import SENTENCES

# Part of every stored corpus's address: raise it whenever a pixel, a sound or a truth value changes.
CORPUS_VERSION = "5"
FIRST_ACTOR = 1001

# Neighbours share their sentence in a subset, so that every clip has a twin in another emotion.
EMOTION_CODES = ("NEU", "HAP", "SAD", "ANG", "FEA", "DIS")
LEVEL_CODES = ("LO", "MD", "HI")
UNSPECIFIED_LEVEL = "XX"
CLIPS_PER_ACTOR = 82

Emotion = Literal["NEU", "HAP", "SAD", "ANG", "FEA", "DIS"]
Level = Literal["LO", "MD", "HI", "XX"]


class SynthSpec(BaseModel):
    """A corpus to make: how many speakers, frame size in px, seed, and clips a speaker (None: all 82)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    speakers: int = Field(ge=1, le=999)
    size: int = Field(default=128, ge=64, le=256, multiple_of=2)
    seed: int = Field(default=0, ge=0)
    clips_per_speaker: int | None = Field(default=None, ge=1, le=CLIPS_PER_ACTOR)


@dataclass(frozen=True, slots=True)
class ClipPlan:
    """One clip to make; its content depends on these values alone."""

    seed: int
    size: int
    actor: int
    sentence: str
    emotion: str
    level: str

    @property
    def name(self) -> str:
        """The file stem, as in CREMA-D: `1001_IEO_HAP_HI`."""
        return f"{self.actor}_{self.sentence}_{self.emotion}_{self.level}"

    def generator(self, purpose: str) -> np.random.Generator:
        """Return this clip's own randomness for one purpose ("prosody", "head", ...), size apart."""
        content = crc32(f"{self.sentence} {self.emotion} {self.level} {purpose}".encode())
        return np.random.default_rng([self.seed, self.actor, content])


def plan(spec: SynthSpec) -> list[ClipPlan]:
    """Return every clip of a corpus, speaker by speaker; cheap, and the same list for the same spec."""
    actors = range(FIRST_ACTOR, FIRST_ACTOR + spec.speakers)
    return [
        ClipPlan(spec.seed, spec.size, actor, *content)
        for actor in actors
        for content in _actor_contents(spec.seed, actor)[: spec.clips_per_speaker]
    ]


def _actor_contents(seed: int, actor: int) -> list[tuple[str, str, str]]:
    """Return an actor's 82 (sentence, emotion, level), ordered so that any head of it is balanced.

    Six emotions take turns; a round of six uses three sentences, four rounds use all twelve.
    """
    generator = np.random.default_rng([seed, actor, crc32(b"order")])
    sentences = generator.permutation(list(SENTENCES)).tolist()
    rounds = len(sentences)
    contents = []
    for turn in range(rounds):
        for index, emotion in enumerate(EMOTION_CODES):
            sentence = sentences[(3 * turn + turn // 4 + index // 2) % rounds]
            levels = levels_of(sentence, emotion)
            contents.append((sentence, emotion, levels[int(generator.integers(len(levels)))]))
    chosen = set(contents)
    rest = [
        ("IEO", emotion, level)
        for level in LEVEL_CODES
        for emotion in EMOTION_CODES
        if emotion != "NEU" and ("IEO", emotion, level) not in chosen
    ]
    return contents + rest


def levels_of(sentence: str, emotion: str) -> tuple[str, ...]:
    """Return the level codes recorded for a sentence in an emotion."""
    return LEVEL_CODES if sentence == "IEO" and emotion != "NEU" else (UNSPECIFIED_LEVEL,)
