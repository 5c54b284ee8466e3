"""A made-up run as large as a report must bear: 50 trials x 500 clips x 12 metrics, with films beside it.

Nothing in it was measured. Run it to look at the page: `python -m tests.reports.large DIR`.
"""

import os
import sys
from pathlib import Path

import numpy as np

from harness.media import encode
from harness.results import read_rows
from harness.types import SAMPLES_PER_FRAME
from tests.reports.made_up import Options, make

LARGE = Options(frames=0, trials=49, speakers=42, sentences=2, clips=500, seeds=3, lost=0.01)
"""49 trials of one method, three of them seeds of one point, and a rival."""

FRAMES = 50


def make_large(folder: Path, options: Options = LARGE) -> Path:
    """Write the run directory, one film for all clips of a row, and return it."""
    make(folder, options)
    clips = [row["clip"] for row in read_rows(folder / "clips.csv")]
    rows = dict.fromkeys((row["method"], row["trial"]) for row in read_rows(folder / "results.csv"))
    sound = (0.2 * np.sin(np.arange(FRAMES * SAMPLES_PER_FRAME) / 12)).astype(np.float32)
    for tone, (method, trial) in enumerate(rows):
        out = folder / "clips" / method / trial
        out.mkdir(parents=True)
        frames = np.full((FRAMES, 32, 32, 3), 60 + 3 * tone, np.uint8)
        encode(out / f"{clips[0]}.mp4", frames, sound)
        for clip in clips[1:]:
            os.link(out / f"{clips[0]}.mp4", out / f"{clip}.mp4")
    return folder


if __name__ == "__main__":
    print(make_large(Path(sys.argv[1])))
