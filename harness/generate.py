"""Make one clip of a face and a voice.

    python -m harness.generate cvae --checkpoint MODEL --image FACE --audio VOICE --emotion sad --out OUT.mp4

MODEL is the folder of a trained model; a sweep's run.json names it for every trial. FACE is a picture, or a
clip for a method that edits one. Frames are written as they come, so a long recording needs no more memory.
The mp4's metadata says that it is generated, and by what; --mark writes it into the picture, too.
Exit codes: 0 written; 2 bad input, nothing was written.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from harness import portrait
from harness.command import ended
from harness.contracts import Method
from harness.disclosure import encode_generated, marked
from harness.faces import POLICIES
from harness.store import write_whole
from harness.types import EMOTIONS, Frames, Request
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
    add("--audio", type=Path, required=True, metavar="FILE", help="file with the speech")
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
    add("--out", type=Path, required=True, metavar="FILE", help="the mp4 to write")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    options = parser().parse_args(arguments)
    return ended(lambda: _generate(options))


def _generate(options: argparse.Namespace) -> int:
    weights = Weights(options.weights)
    method, size = portrait.trained(options.method, options.checkpoint)
    audio = portrait.voice(options.audio)
    source = portrait.shown(
        options.image, options.faces, size or _ANY_SIZE, weights, method.card.video_to_video
    )
    wish = portrait.Wish(
        options.emotion, options.level, options.text, options.shows, options.seed, options.scene
    )
    request = portrait.asked(options.out.stem, source, audio, wish)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    clock = _Clock()
    made = clock.pictures(method, request)
    pictures = marked(made) if options.mark else made
    write_whole(
        options.out,
        lambda private: encode_generated(private, pictures, request.audio, options.method),
    )
    print(f"{options.out}: {clock.told()}")
    return 0


class _Clock:
    """Counts frames, and the time that their making takes, without what encoding them takes."""

    def __init__(self) -> None:
        self.frames = 0
        self.first = self.seconds = 0.0

    def pictures(self, method: Method, request: Request) -> Iterator[Frames]:
        """Yield a request's frames one by one."""
        parts = portrait.frames_of(method, request)
        started = time.perf_counter()
        for part in parts:
            self.seconds += time.perf_counter() - started
            self.first = self.first or self.seconds
            self.frames += len(part)
            yield from np.asarray(part)
            started = time.perf_counter()

    def told(self) -> str:
        """Return it in words."""
        speed = self.frames / self.seconds
        return (
            f"{self.frames} frames at {speed:.0f} frames/s, the first ones after {self.first * 1000:.0f} ms"
        )


if __name__ == "__main__":
    sys.exit(main())
