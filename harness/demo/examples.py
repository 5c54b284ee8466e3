"""Faces and voices to try the demo with: the real clips that a run was tested on."""

from functools import partial
from pathlib import Path

from PIL import Image

from harness import media
from harness.store import write_whole

MOST = 6


def write_examples(run: Path, out: Path) -> int:
    """Write `<n>.png` and `<n>.wav` of up to `MOST` tested clips, of as many speakers; return how many.

    The names of CREMA-D's layout begin with the speaker; of other names each is a speaker by itself.
    """
    clips = sorted((run / "clips" / "ground_truth").rglob("*.mp4"))
    by_speaker: dict[str, Path] = {}
    for clip in clips:
        by_speaker.setdefault(clip.stem.partition("_")[0], clip)
    chosen = list(by_speaker.values())[:MOST]
    chosen += [clip for clip in clips if clip not in chosen][: MOST - len(chosen)]
    out.mkdir(parents=True, exist_ok=True)
    found = [(clip, media.read_audio(clip)) for clip in chosen]
    heard = [(clip, sound) for clip, sound in found if sound is not None]
    for index, (clip, sound) in enumerate(heard):
        face = Image.fromarray(next(media.frames_25fps(clip)))
        write_whole(out / f"{index}.png", partial(face.save, format="PNG"))
        write_whole(out / f"{index}.wav", partial(media.write_wav, audio=sound))
    return len(heard)
