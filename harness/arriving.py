"""Sound that is still arriving: PCM from a stream, and a method's frames of it, each as soon as it can be.

PCM is mono 16 kHz signed 16-bit little-endian, the samples alone, without a header. Not done here:
microphones, and keeping pace with a clock: whoever writes the sound sets it.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from harness.contracts import Live, Method
from harness.types import SAMPLE_RATE, SAMPLES_PER_FRAME, Audio, BadInput, Frames, Request

_BLOCK = 1 << 16  # bytes


def live_method(method: Method) -> Live:
    """Return the method as one that answers arriving sound. Raises BadInput, saying why, when it cannot."""
    if isinstance(method, Live):
        return method
    why = method.card.whole or "it has no `live`"
    raise BadInput(f"--stream: {method.card.name} needs the whole recording: {why}; leave out --stream")


def pcm(read: Callable[[int], bytes]) -> Iterator[Audio]:
    """Yield PCM in float32 pieces (n,) as it comes; `read` returns at most so many bytes, none at the end.

    Raises BadInput when it ends without any sample or within one.
    """
    rest, count = b"", 0
    while block := read(_BLOCK):
        count += len(block)
        whole = rest + block
        cut = len(whole) - len(whole) % 2
        rest = whole[cut:]
        yield np.frombuffer(whole[:cut], "<i2").astype(np.float32) / np.float32(32768)
    if not count:
        raise BadInput("stdin: no sound came; --stream reads mono 16 kHz s16le PCM from it")
    if rest:
        raise BadInput(f"stdin: {count} bytes are no 16-bit samples; --stream reads mono 16 kHz s16le PCM")


def one_frame(request: Request) -> Request:
    """Return a request whose first frame's head holds for all of a live clip (`contracts.Live`)."""
    return replace(
        request,
        frames=1,
        audio=np.zeros(SAMPLES_PER_FRAME, np.float32),
        context=request.context[:1],
        mask=request.mask[:1],
        eyes=request.eyes[:1],
    )


def waited(
    method: Method, request: Request, whole: float, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return milliseconds from a first frame's first sample to that frame.

    For a method that answers arriving sound: the sound that it must hear, which plays in real time, and the
    time that it then takes. For any other: the whole recording, and the `whole` seconds that its clip takes.
    """
    if not isinstance(method, Live) or request.audio is None:
        return 1000 * (request.frames * SAMPLES_PER_FRAME / SAMPLE_RATE + whole)
    heard = request.audio[: method.ahead]
    sound = iter([np.pad(heard, (0, method.ahead - len(heard)))])
    started = clock()
    next(method.live(one_frame(request), sound))
    return 1000 * (method.ahead / SAMPLE_RATE + clock() - started)


def write_raw(frames: Iterator[Frames], descriptor: int) -> None:
    """Write frames as raw rgb24, each at once. Raises BrokenPipeError when nobody reads."""
    for part in frames:
        left = memoryview(part.tobytes())
        while left:
            left = left[os.write(descriptor, left) :]
