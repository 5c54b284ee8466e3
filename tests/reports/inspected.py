"""Folders as `harness.data inspect` writes them, made up: what a page is drawn from without any footage."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from harness.config import SplitFractions
from harness.contact_sheet import Thumbnail
from harness.datasets import Found
from harness.inspection import Inspection, Probe, inspect
from harness.jobs import Outcome, attempt
from harness.probe import Film, Sound
from harness.types import EMOTIONS, LEVELS, Sample
from harness.weights import Weights

FILM = Film(2.5, 30000 / 1001, 480, 360, "flv1", "yuv420p", Sound("mp3float", 44_100, 1, 0.0, 2.5), 0.0, {})


class MadeUpFiles:
    """An executor that opens no file: `film` says what a video holds, every face is a plain colour."""

    def __init__(self, film: Callable[[Path], Film] = lambda video: FILM, face: bool = True) -> None:
        self.film, self.face = film, face

    def map(self, job: Any, items: Sequence[Any], label: str, needs: Any = None) -> list[Outcome[Any]]:
        if isinstance(job, Probe):
            return [attempt(self.film, video) for video, _ in items]
        return [Outcome(value=Thumbnail(_picture(i), self.face)) for i in range(len(items))]


def sample(name: str, **labels: Any) -> Sample:
    return replace(Sample(name, Path(f"/corpus/{name}.flv"), None, None, None), **labels)


def crema_like(speakers: int, emotions: Sequence[str] = EMOTIONS[:6], voted: bool = True) -> list[Sample]:
    """Return clips of many speakers, one or more in each emotion, with votes that mostly agree."""
    found = []
    for s in range(speakers):
        for e, emotion in enumerate(emotions):
            for take in range(1 + (s + e) % 3):
                other = emotions[(e + 1) % len(emotions)]
                agreed = 0.8 if (s + take) % 4 else 0.3
                found.append(
                    sample(
                        f"{1001 + s}_T{take}_{emotion}",
                        speaker=str(1001 + s),
                        emotion=emotion,
                        level=LEVELS[take] if s % 2 else None,
                        view="front" if take else None,
                        votes={emotion: agreed, other: 1 - agreed} if voted else None,
                    )
                )
    return sorted(found, key=lambda s: s.id)


def write(
    out: Path,
    samples: Sequence[Sample],
    unusable: dict[str, str] | None = None,
    files: MadeUpFiles | None = None,
    notes: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Inspect a made-up corpus into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    asked = Inspection("synthetic", Path("/corpus"), 1, SplitFractions(), Weights(), "inspect it")
    found = Found(tuple(samples), unusable or {}, notes=notes)
    return inspect(files or MadeUpFiles(), asked, found, out)


def _picture(index: int) -> bytes:
    out = BytesIO()
    colour = (60 + 37 * index % 180, 60 + 71 * index % 180, 60 + 113 * index % 180)
    Image.new("RGB", (144, 144), colour).save(out, "JPEG")
    return out.getvalue()
