"""A clip's affect: what its words and its voice say of a mood, as the fusion reads it (`emotion`)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import prepare
from harness.contracts import TrainingData
from harness.types import EMOTIONS, Audio, BadInput
from harness.weights import Weights
from methods.synchrorama.sentiment import SHARES, VADER, sentiment_of
from methods.synchrorama.speech_emotion import EMBEDDED, speech_emotion

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Affect:
    """What was found in a clip.

    sentiment: (3,) shares of negative, neutral, positive in its words. speech: (8,) shares of EMOTIONS in its
    voice; valence_arousal: (2,) in -1..1, of its voice. All zeros where `read`, there are words, or `heard`,
    somebody speaks, is false.
    """

    sentiment: Float32
    speech: Float32
    valence_arousal: Float32
    read: bool
    heard: bool


def affect_of(
    audio: Audio | None,
    text: str | None,
    sentiment: str | None = VADER,
    speech: str | None = EMBEDDED,
    weights: Weights | None = None,
) -> Affect:
    """Return the affect of (N,) mono 16 kHz sound and of the words said; no words and silence are absent.

    sentiment, speech: which models (see `sentiment`, `speech_emotion`); None does not look, so that a text in
    any language will do. BadInput for a text outside the model's language and for a model that cannot be had.
    """
    words = None if sentiment is None else sentiment_of(text, sentiment)
    voice = None if audio is None or speech is None else speech_emotion(audio, speech, weights)
    shares, plane = (_nothing(len(EMOTIONS)), _nothing(2)) if voice is None else voice
    said = _nothing(len(SHARES)) if words is None else words
    return Affect(said, shares, plane, words is not None, voice is not None)


def affects_of(
    data: TrainingData,
    sentiment: str | None = VADER,
    speech: str | None = EMBEDDED,
    weights: Weights | None = None,
) -> list[Affect]:
    """Return the affect of every training clip, in order; see `affect_of`. BadInput names the clip too."""
    found = []
    for path, text in zip(data.clips, data.texts or [None] * len(data.clips), strict=True):
        try:
            found.append(affect_of(prepare.sound(path), text, sentiment, speech, weights))
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from error
    return found


def _nothing(size: int) -> Float32:
    return np.zeros(size, np.float32)
