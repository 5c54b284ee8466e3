"""The emotions that a method with an emotion input is taught: one type for every config."""

from typing import Annotated

from pydantic import AfterValidator

from harness.types import EMOTIONS


def taught(emotions: tuple[str, ...]) -> tuple[str, ...]:
    """Return `emotions` in the harness's order. Raises ValueError unless they are two or more known ones."""
    unknown = [e for e in emotions if e not in EMOTIONS]
    if unknown or len(set(emotions)) < max(2, len(emotions)):
        raise ValueError(f"two or more different emotions of {', '.join(EMOTIONS)}; got {list(emotions)}")
    return tuple(e for e in EMOTIONS if e in emotions)


Emotions = Annotated[tuple[str, ...], AfterValidator(taught)]

CREMA_D: Emotions = ("neutral", "happy", "sad", "angry", "fear", "disgust")
