"""What every method checks of a request before it answers, and how an answer in parts becomes a clip."""

from collections.abc import Iterator, Sequence

import numpy as np

from harness.types import Audio, BadInput, Clip, Frames, Request


def sound_asked_for(request: Request, method: str, size: int, emotions: Sequence[str]) -> Audio:
    """Return the request's sound. Raises BadInput for what a model of (size, size) pictures cannot answer.

    emotions: what the model was taught; none, and it does not look at the label.
    """
    if request.audio is None:
        raise BadInput(f"{request.id}: has no sound; {method} is driven by it")
    if request.reference.shape[1:3] != (size, size):
        height, width = request.reference.shape[1:3]
        raise BadInput(f"{request.id}: the pictures are {width}x{height}, this {method} makes {size}x{size}")
    if emotions and request.emotion not in emotions:
        taught = ", ".join(emotions)
        raise BadInput(f"{request.id}: emotion {request.emotion!r} is none of this {method}'s {taught}")
    if len(request.eyes) < request.frames:
        raise BadInput(f"{request.id}: eyes must have all {request.frames} frames asked for")
    return request.audio


def collected(parts: Iterator[Frames], request: Request) -> Clip:
    """Return the clip whose frames come in parts (t, S, S, 3), with the request's sound."""
    frames = np.empty((request.frames, *request.reference.shape[1:]), np.uint8)
    start = 0
    for part in parts:
        frames[start : start + len(part)] = part
        start += len(part)
    return Clip(frames, request.audio)
