"""Faces and voices to try the demo with: the real clips that a run was tested on."""

from functools import partial
from pathlib import Path

from PIL import Image

from harness import media, results
from harness.store import write_whole

MOST = 6


def write_examples(run: Path, out: Path) -> int:
    """Write `<n>.png` and `<n>.wav` of up to `MOST` tested clips with sound; return how many.

    A neutral clip of each speaker comes first, as a face to start from should be neutral.
    """
    rows = sorted(results.read_rows(run / "clips.csv"), key=lambda row: row["emotion"] != "neutral")
    firsts = {row["speaker"] or row["clip"]: row for row in reversed(rows)}.values()
    ordered = [*reversed(firsts), *rows]
    names = list(dict.fromkeys(row["clip"] for row in ordered))
    paths = {path.stem: path for path in (run / "clips" / "ground_truth").rglob("*.mp4")}
    chosen = [paths[name] for name in names if name in paths][:MOST]
    out.mkdir(parents=True, exist_ok=True)
    found = [(clip, media.read_audio(clip)) for clip in chosen]
    heard = [(clip, sound) for clip, sound in found if sound is not None]
    for index, (clip, sound) in enumerate(heard):
        face = Image.fromarray(next(media.frames_25fps(clip)))
        write_whole(out / f"{index}.png", partial(face.save, format="PNG"))
        write_whole(out / f"{index}.wav", partial(media.write_wav, audio=sound))
    return len(heard)
