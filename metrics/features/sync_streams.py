"""How a clip's frames and sound reach a sync network without a face detector: two of the LSE protocols.

`decoded`: the clip as the harness decoded or cropped it. `wav2lip-lrs`: its own file through the ffmpeg
program, as Wav2Lip's LSE script does it (evaluation/scores_LSE/SyncNetInstance_calc_scores.py): JPEG files of
the encoder's default quality, which is part of the number, and 16 kHz 16-bit sound; whole frames resized to
224x224. Added to that script: other frame rates become 25 frames/s, which SyncNet takes for granted.
`sync_tracks` has the protocols that look for faces.
"""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile

from harness.types import FPS, SAMPLE_RATE, Clip, Unscorable

SIDE = 224
Frame = NDArray[np.uint8]
Streams = Callable[[Clip], Sequence[Clip]]
"""From a clip to what the network is shown: one clip, or one for each face track, (T, H, W, 3) RGB."""

# What `-async 1` of the published scripts means: sound starts with the file's clock, gaps are filled.
SOUND = ["-vn", "-ac", "1", "-ar", str(SAMPLE_RATE), "-acodec", "pcm_s16le"]
KEEP_TIME = ["-af", "aresample=async=1:first_pts=0"]


def decoded(clip: Clip) -> list[Clip]:
    """Return the clip as it is."""
    return [clip]


def whole_frames(clip: Clip) -> list[Clip]:
    """Return the clip's file as Wav2Lip's script sees it. Unscorable without a file, sound or pictures."""
    source = source_file(clip)
    with private_folder() as folder:
        return [dumped(source, Path(folder))]


def private_folder() -> "tempfile.TemporaryDirectory[str]":
    """Return a new folder that no other process knows, removed at the end of its `with`."""
    return tempfile.TemporaryDirectory(prefix="lse-")


def source_file(clip: Clip) -> Path:
    """Return the file that the clip was decoded from; Unscorable where there is none, or no sound in it."""
    if clip.path is None:
        raise Unscorable("this LSE protocol decodes the clip's own file, and the clip has none (Clip.path)")
    if clip.audio is None:
        raise Unscorable("no sound track")
    return clip.path.resolve()


def dumped(source: Path, folder: Path) -> Clip:
    """Return a file as JPEG frames and 16-bit sound read back, (T, 224, 224, 3) RGB; `folder` is empty."""
    dump(source, folder)
    return read_dump(folder)


def dump(source: Path, folder: Path) -> None:
    """Write audio.wav and 000001.jpg, 000002.jpg, ... as SyncNet's published evaluation reads them."""
    ffmpeg("-i", source, *SOUND, *KEEP_TIME, folder / "audio.wav")
    ffmpeg("-i", source, "-r", FPS, "-threads", 1, "-f", "image2", folder / "%06d.jpg")


def read_dump(folder: Path) -> Clip:
    """Return what `dump` wrote, each whole frame resized to 224x224."""
    paths = sorted(folder.glob("*.jpg"))
    pictures = [cv2.cvtColor(cv2.resize(read_picture(p), (SIDE, SIDE)), cv2.COLOR_BGR2RGB) for p in paths]
    if not pictures:
        raise Unscorable("ffmpeg found no picture in the file")
    samples = wavfile.read(folder / "audio.wav")[1]
    return Clip(np.stack(pictures), (samples / 32768).astype(np.float32))


def read_picture(path: Path) -> Frame:
    """Return (H, W, 3) uint8 BGR; Unscorable for a file that is no picture."""
    picture: Frame | None = cv2.imread(str(path))
    if picture is None:
        raise Unscorable(f"{path.name} of the dumped frames cannot be read")
    return picture


def ffmpeg(*arguments: str | int | Path) -> None:
    """Run the program that imageio-ffmpeg carries, one thread; Unscorable with its complaint if it fails."""
    command = [_program(), "-loglevel", "error", "-nostdin", "-y", "-threads", "1", *map(str, arguments)]
    outcome = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if outcome.returncode:
        complaint = outcome.stderr.strip().splitlines() or [f"exit code {outcome.returncode}"]
        raise Unscorable(f"ffmpeg cannot decode the file: {complaint[0]}")


@cache
def _program() -> str:
    import imageio_ffmpeg

    found: str = imageio_ffmpeg.get_ffmpeg_exe()
    return found
