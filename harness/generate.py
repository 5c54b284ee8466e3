"""Make one clip of a face and a voice.

    python -m harness.generate cvae --checkpoint MODEL --image FACE --audio VOICE --emotion sad --out OUT.mp4
    ... | python -m harness.generate cvae --checkpoint MODEL --image FACE --stream --emotion sad --out - | ...

MODEL is the folder of a trained model; a sweep's run.json names it for every trial. FACE is a picture, or a
clip for a method that edits one. Frames are written as they come, so a long recording needs no more memory.
The mp4's metadata says that it is generated, and by what; --mark writes it into the picture, too.

With --stream the sound is read from stdin while it arrives: PCM, mono, 16 kHz, signed 16-bit little-endian,
without a header. Each frame is written as soon as its sound allows: into the mp4, which is there when the
sound has ended, or, with --out -, to stdout as raw rgb24. They are the frames that the same sound gives as a
file. A method that needs the whole recording is refused.
Exit codes: 0 written; 2 bad input: no mp4 was written, and what went to stdout ends early.
"""

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np

from harness import arriving, media, portrait
from harness.command import ended
from harness.contracts import Live
from harness.disclosure import encode_generated, marked
from harness.faces import POLICIES
from harness.store import write_whole
from harness.types import EMOTIONS, FPS, SAMPLES_PER_FRAME, Audio, BadInput, Frames
from harness.weights import Weights

_ANY_SIZE = 256


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    made = argparse.ArgumentParser(
        prog="python -m harness.generate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("method", metavar="METHOD", help="name of the method, such as cvae")
    add("--checkpoint", type=Path, metavar="MODEL", help="folder of its trained model")
    add("--image", type=Path, required=True, metavar="FILE", help="picture of a face, or a clip to be edited")
    add("--audio", type=Path, metavar="FILE", help="file with the speech")
    add("--stream", action="store_true", help="read the speech from stdin: PCM, mono, 16 kHz, s16le")
    add("--emotion", choices=EMOTIONS, help="what the face is to show")
    add("--level", help="how strongly, in the words of the corpus that the model was trained on")
    add("--text", help="what is said, for methods that read it")
    add("--scene", help="what the shot shows, in a sentence, for methods that read it")
    add("--shows", choices=EMOTIONS, help="what the picture shows, for methods that edit clips")
    add("--seed", type=int, default=0, metavar="N", help="same seed, same clip (0)")
    add(
        "--faces",
        choices=tuple(POLICIES),
        default="face-v1",
        help="how the face is found and cropped (face-v1)",
    )
    add("--weights", type=Path, metavar="DIR", help="folder of pretrained files, searched first")
    add("--mark", action="store_true", help='write "generated" into every picture')
    add("--out", type=Path, required=True, metavar="FILE", help="the mp4 to write, or - with --stream")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = parser().parse_args(arguments)
    return ended(lambda: _generate(options))


def _generate(options: argparse.Namespace) -> int:
    if options.stream == (options.audio is not None):
        raise BadInput("give the speech as --audio FILE, or with --stream on stdin: one of the two")
    raw = str(options.out) == "-"
    if raw and not options.stream:
        raise BadInput("--out - writes frames while their sound arrives: give --stream, or name an mp4")
    method, size = portrait.trained(options.method, options.checkpoint)
    live = arriving.live_method(method) if options.stream else None
    if isinstance(method, Live):
        _one_thread()
    audio = np.zeros(SAMPLES_PER_FRAME, np.float32) if live else portrait.voice(options.audio)
    source = portrait.shown(
        options.image,
        options.faces,
        size or _ANY_SIZE,
        Weights(options.weights),
        method.card.video_to_video,
    )
    wish = portrait.Wish(
        options.emotion, options.level, options.text, options.shows, options.seed, options.scene
    )
    request = portrait.asked(options.out.stem, source, audio, wish)
    clock = _Clock()
    if live is None:
        fitted = media.fit_audio(audio, request.frames)
        _write(options, clock.pictures(portrait.frames_of(method, request)), lambda: fitted)
    else:
        sound = clock.heard(arriving.pcm(cast(io.BufferedReader, sys.stdin.buffer).read1))
        parts = clock.pictures(live.live(arriving.one_frame(request), sound))
        if raw:
            _write_raw(options, parts)
        else:
            _write(options, parts, clock.sound)
    print(f"{options.out}: {clock.told()}", file=sys.stderr if raw else sys.stdout)
    return 0


def _write(options: argparse.Namespace, made: Iterator[Frames], sound: Callable[[], Audio]) -> None:
    options.out.parent.mkdir(parents=True, exist_ok=True)
    pictures = marked(made) if options.mark else made
    write_whole(options.out, lambda private: encode_generated(private, pictures, sound, options.method))


def _write_raw(options: argparse.Namespace, made: Iterator[Frames]) -> None:
    try:
        arriving.write_raw(marked(made) if options.mark else made, sys.stdout.fileno())
    except BrokenPipeError as error:
        raise BadInput("--out -: nobody reads the frames any more") from error


def _one_thread() -> None:
    """Give torch one thread, which a method made for real time needs no more than.

    How some sums are shared among threads depends on how many frames are made at once: streamed frames would
    differ by rounding, and so would a clip made on another number of cores.
    """
    import torch

    torch.set_num_threads(1)


class _Clock:
    """Counts frames and the time of their making, without encoding them or waiting for their sound."""

    def __init__(self) -> None:
        self.frames = 0
        self.first = self.seconds = self.waited = 0.0
        self._heard: list[Audio] = []

    def heard(self, pieces: Iterator[Audio]) -> Iterator[Audio]:
        """Yield the pieces, kept for the mp4."""
        started = time.perf_counter()
        for piece in pieces:
            self.waited += time.perf_counter() - started
            self._heard.append(piece)
            yield piece
            started = time.perf_counter()
        self.waited += time.perf_counter() - started

    def sound(self) -> Audio:
        """Return all that was heard, silence up to whole frames."""
        return media.fit_audio(np.concatenate(self._heard), self.frames)

    def pictures(self, parts: Iterator[Frames]) -> Iterator[Frames]:
        """Yield frames (H, W, 3) one by one."""
        started = time.perf_counter()
        for part in parts:
            self.seconds += time.perf_counter() - started
            self.first = self.first or self.seconds
            self.frames += len(part)
            yield from np.asarray(part)
            started = time.perf_counter()

    def told(self) -> str:
        """Return it in words."""
        speed = self.frames / (self.seconds - self.waited)
        return (
            f"{self.frames} frames at {speed:.0f} frames/s ({speed / FPS:.1f} times real time), "
            f"the first ones after {self.first * 1000:.0f} ms"
        )


if __name__ == "__main__":
    sys.exit(main())
