"""What words say of a mood: shares of negative, neutral and positive.

`vader`: Hutto and Gilbert, VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media
Text, ICWSM 2014; English only. Anything else is the name of a transformers text classifier whose classes are
these two or three, from a local folder or the hub; its language is the user's affair.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.types import BadInput
from methods.synchrorama.language import require_english

VADER = "vader"
SHARES = ("negative", "neutral", "positive")

Float32 = NDArray[np.float32]


def sentiment_of(text: str | None, sentiment: str = VADER) -> Float32 | None:
    """Return the shares (3,) of SHARES in a text, summing to 1; None where there is no word in it.

    BadInput for a text that is not English (VADER) and for a classifier that cannot be had.
    """
    if text is None or not any(sign.isalnum() for sign in text):
        return None
    return _reader(sentiment)(text.strip())


@lru_cache(maxsize=2)
def _reader(sentiment: str) -> Callable[[str], Float32]:
    return _vader() if sentiment == VADER else _classifier(sentiment)


def _vader() -> Callable[[str], Float32]:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # reads its lexicon

    analyser = SentimentIntensityAnalyzer()

    def read(text: str) -> Float32:
        require_english(
            text, "VADER", "name a classifier of its language as `sentiment`, or set `text_sentiment: false`"
        )
        found = analyser.polarity_scores(text)
        shares = np.array([found["neg"], found["neu"], found["pos"]], np.float32)
        # A text of unknown signs only has no shares at all: it says nothing of a mood.
        return shares / shares.sum() if shares.any() else np.array([0, 1, 0], np.float32)

    return read


def _classifier(name: str) -> Callable[[str], Float32]:
    tokenizer, model = _from_pretrained(name)
    labels = [str(label).lower() for _, label in sorted(model.config.id2label.items())]
    if unknown := [label for label in labels if label not in SHARES]:
        raise BadInput(
            f'sentiment: {name} has a class "{unknown[0]}"; its classes must be of {", ".join(SHARES)}'
        )
    columns = [SHARES.index(label) for label in labels]

    def read(text: str) -> Float32:
        import torch

        with torch.inference_mode():
            logits = model(**tokenizer(text, return_tensors="pt", truncation=True)).logits[0]
        shares = np.zeros(len(SHARES), np.float32)
        shares[columns] = logits.softmax(0).numpy()
        return shares

    return read


def _from_pretrained(name: str) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer  # slow to import

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = AutoModelForSequenceClassification.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise BadInput(
            f'sentiment: "{name}" cannot be loaded ({str(error).splitlines()[0]}); give the folder of a '
            "transformers text classifier, be online once to fetch it, or choose sentiment: vader"
        ) from error
    return tokenizer, model.eval()
