"""Refuses text that is not English, the only language of VADER's lexicon and of the bundled text encoders.

py3langid (after Lui and Baldwin, langid.py: An Off-the-shelf Language Identification Tool, ACL 2012) names
the language. A word or two say too little for that, and such text is taken as it is.
"""

from functools import cache
from typing import Any

from harness.types import BadInput

# Of 31 English sentences (CREMA-D's, RAVDESS's, TIMIT's and one-word answers) none is refused by these, of 16
# short sentences in nine other languages all are.
_SURE = 0.15
_AGAINST_ENGLISH = 10.0


def require_english(text: str, reader: str, instead: str) -> None:
    """Raise BadInput where `text` is clearly in another language than English.

    reader: whose language English is, and `instead`: what a user may do; both for the message.
    """
    language, sure, english = _language(text)
    if sure > _SURE and sure > _AGAINST_ENGLISH * english:
        raise BadInput(
            f'text "{text}" is not English (language "{language}"), outside what {reader} knows; '
            f"give it in English, leave it out, or {instead}"
        )


@cache
def _language(text: str) -> tuple[str, float, float]:
    """Return the likeliest language (ISO 639), its probability and that of English."""
    ranked = _identifier().rank(text)
    return (*ranked[0], dict(ranked)["en"])


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # reads 5 MB

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
