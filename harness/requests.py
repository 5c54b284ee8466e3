"""What a sweep asks of its methods, as plain files: for programs that are no method of this harness.

`requests.csv` has a row a tested clip; beside it lie the reference picture (`CLIP.png`), the source clip
where `data.reference` is `source` (`CLIP.source.mp4`) and the sound (`CLIP.wav`, mono 16 kHz). A clip made of
them, called CLIP.mp4, `frames` long at 25 frames/s and of the picture's size, then enters that sweep's
leaderboard by the method `external`. Not given are the target clip, its masked frames and scene descriptions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from harness import corpus, media, prepare, protocol, results
from harness.config import Sweep
from harness.contracts import MethodCard
from harness.jobs import Executor
from harness.protocol import Ask
from harness.store import Store, write_whole
from harness.types import BadInput

TABLE = "requests.csv"
COLUMNS = (
    *("clip", "reference", "source", "audio", "frames", "size"),
    *("emotion", "level", "text", "reference_emotion", "seed"),
)
_ANYBODY = MethodCard("external", "anybody", "", ("audio",), video_to_video=True)


@dataclass(frozen=True, slots=True)
class _Write:
    """Writes one request's files; an item is an Ask, its value the row of the table."""

    out: Path

    def open(self) -> "_Write":
        """See Job."""
        return self

    def __call__(self, ask: Ask) -> dict[str, object]:
        asked, _ = protocol.request(ask, _ANYBODY)
        name = asked.id
        picture = Image.fromarray(asked.reference[0])
        write_whole(self.out / f"{name}.png", partial(picture.save, format="PNG"))
        audio, source = None, None
        if asked.audio is not None:
            audio = f"{name}.wav"
            write_whole(self.out / audio, partial(media.write_wav, audio=asked.audio))
        if len(asked.reference) > 1:
            source = f"{name}.source.mp4"
            sound = prepare.load(ask.reference).audio
            write_whole(self.out / source, partial(media.encode, frames=asked.reference, audio=sound))
        return {
            "clip": name,
            "reference": f"{name}.png",
            "source": source,
            "audio": audio,
            "frames": asked.frames,
            "size": asked.reference.shape[1],
            "emotion": asked.emotion,
            "level": asked.level,
            "text": asked.text,
            "reference_emotion": asked.reference_emotion,
            "seed": asked.seed,
        }


def write(pool: Executor, sweep: Sweep, out: Path) -> Sequence[dict[str, object]]:
    """Write the requests of a sweep into the folder `out`; return the rows of requests.csv.

    The clips are those that the sweep will test. Raises BadInput where there are none.
    """
    data, weights = sweep.data, corpus.weights_of(sweep)
    found = corpus.gather(pool, data, sweep.seed, Store(out.absolute().parent / ".store"), weights)
    unasked = protocol.without_reference(found.samples, found.files, data.reference)
    asked = corpus.asks_of(found, data, sweep.seed, unasked)
    outcomes = pool.map(_Write(out), asked, "writing requests")
    if lost := [outcome.reason for outcome in outcomes if outcome.reason is not None]:
        raise BadInput(f"{out}: {len(lost)} requests could not be written; the first: {lost[0]}")
    rows = [outcome.value for outcome in outcomes if outcome.value is not None]
    results.write_rows(out / TABLE, COLUMNS, rows)
    return rows
