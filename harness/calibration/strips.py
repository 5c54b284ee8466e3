"""What the faults look like: one frame of one clip, without the fault and at every strength, side by side."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from harness.calibration.cases import Case, applicable
from harness.calibration.faults import Fault, Subject
from harness.calibration.measure import fault_seed
from harness.types import Frames

SIDE = 64
FOLDER = "faults"


def write_strips(out: Path, faults: Sequence[Fault], cases: Sequence[Case], seed: int) -> None:
    """Write faults/<fault>.png of every fault of the picture, made on the first clip that it applies to.

    Frames are those of `strip_strengths`, shown at 64 px, at the moment where they differ most.
    """
    (out / FOLDER).mkdir(exist_ok=True)
    for fault in faults:
        if fault.touches != "sound":
            case = applicable(fault, cases)[0]
            clips = faulty_frames(case.subject(), fault, fault_seed(seed, case.id, fault.name))
            Image.fromarray(strip(clips)).save(out / FOLDER / f"{fault.name}.png")


def strip_strengths(fault: Fault) -> list[float]:
    """Return what a strip shows: no fault, then each strength of each direction; a replaced clip but once."""
    return [fault.unfaulted, *((1.0,) if fault.of_set else (s for arm in fault.arms for s in arm))]


def faulty_frames(subject: Subject, fault: Fault, seed: tuple[int, ...]) -> list[Frames]:
    """Return the clip's frames at each of `strip_strengths`."""
    return [fault.apply(subject, s, seed).frames for s in strip_strengths(fault)]


def strip(clips: Sequence[Frames]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return (64, 64 n, 3) uint8: of n clips the frame in which they differ most from the first."""
    length = min(len(clip) for clip in clips)
    change = [
        np.abs(clip[:length].astype(np.int16) - clips[0][:length]).mean(axis=(1, 2, 3)) for clip in clips
    ]
    moment = int(np.sum(change, axis=0).argmax())
    shown = [cv2.resize(clip[moment], (SIDE, SIDE), interpolation=cv2.INTER_AREA) for clip in clips]
    return np.concatenate(shown, axis=1)
