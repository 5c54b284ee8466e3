"""Write clips of the embedded corpus in CREMA-D's layout, with their truth.

    root/VideoFlash/{actor}_{sentence}_{emotion}_{level}.mp4   H.264 and AAC, 25 frames/s
    root/AudioWAV/{same}.wav                                   16 kHz mono 16 bit
    root/Truth/{same}.npz                                      see `truth_of`
    root/corpus.json                                           what was made

A clip that is there is not made again. The same plan gives the same bytes on any number of workers.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from harness.datasets.crema_d import SENTENCES
from harness.media import encode, write_wav
from harness.types import BadInput

from .expression import AU_NAMES, Performance, frame_times, intensity_of, perform
from .face import Drawn, face_of
from .identity import identity_of
from .spec import CORPUS_VERSION, ClipPlan, SynthSpec, plan
from .speech import Speech, speak
from .visemes import VISEME_NAMES, viseme_track


def render(clip: ClipPlan, root: Path) -> None:
    """Make one clip: sound, video and truth, each written whole or not at all; skip it if present."""
    paths = _paths(clip, root)
    if all(path.exists() for path in paths.values()):
        return
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)  # workers are the parallelism; OpenCV's threads would fight them
    speech, performance, drawn = draw(clip)
    _write_whole(paths["audio"], lambda path: write_wav(path, speech.audio))
    _write_whole(paths["truth"], lambda path: _save(path, truth_of(speech, performance, drawn)))
    _write_whole(paths["video"], lambda path: encode(path, drawn.frames, speech.audio))


def draw(clip: ClipPlan, gain: float = 1.0) -> tuple[Speech, Performance, Drawn]:
    """Return what one clip says, does and shows; `gain` scales its emotion's action units (see `perform`)."""
    identity = identity_of(clip.seed, clip.actor)
    intensity = intensity_of(clip.emotion, clip.level, clip.generator("intensity"))
    text = SENTENCES[clip.sentence]
    speech = speak(text, identity.voice, clip.emotion, intensity, clip.generator("prosody"))
    act = clip.generator("act")
    performance = perform(speech, clip.emotion, intensity, identity.articulation, act, gain)
    return speech, performance, face_of(clip.seed, clip.actor, clip.size).draw(performance)


def truth_of(speech: Speech, performance: Performance, drawn: Drawn) -> dict[str, Any]:
    """Return what is known of a clip, by name, as arrays without pickles; T is its number of frames.

    au (T, n) 0..1 with au_names; landmarks (T, 68, 2) px; pose (T, 3) pitch (up), yaw (to image right),
    roll (clockwise) in degrees; jaw_open (T,) 0..1; viseme (T,) with viseme_names; phonemes (espeak-ng
    mnemonics, "_" is silence) with phoneme_start and phoneme_end in seconds. Frame i shows (i + 0.5) / 25 s.
    """
    times = frame_times(speech.frames)
    return {
        "au": performance.units.astype(np.float32),
        "au_names": np.array(AU_NAMES),
        "landmarks": drawn.landmarks,
        "pose": performance.pose.astype(np.float32),
        "jaw_open": performance.units[:, AU_NAMES.index("AU26")].astype(np.float32),
        "viseme": viseme_track(speech.phonemes, times).astype(np.int32),
        "viseme_names": np.array(VISEME_NAMES),
        "phonemes": np.array([phoneme.symbol for phoneme in speech.phonemes]),
        "phoneme_start": np.array([phoneme.start for phoneme in speech.phonemes], np.float32),
        "phoneme_end": np.array([phoneme.end for phoneme in speech.phonemes], np.float32),
    }


def write_corpus(spec: SynthSpec, root: Path, workers: int = 1) -> list[ClipPlan]:
    """Make a whole corpus on `workers` processes and return its clips.

    Raises BadInput when `root` holds a corpus of another spec or version.
    """
    write_description(spec, root)
    clips = plan(spec)
    make = partial(render, root=root)
    if workers == 1:
        for clip in clips:
            make(clip)
        return clips
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for _ in pool.map(make, clips, chunksize=4):
            pass
    return clips


def write_description(spec: SynthSpec, root: Path) -> None:
    """Write corpus.json, which tells readers that this is the embedded corpus, and which.

    Raises BadInput when `root` holds a corpus of another spec or version.
    """
    path = root / "corpus.json"
    description = _describe(spec, plan(spec))
    if path.exists() and path.read_text() != description:
        raise BadInput(f"{path}: another corpus is in this folder; choose an empty one, or remove it")
    root.mkdir(parents=True, exist_ok=True)
    _write_whole(path, lambda target: target.write_text(description))


def _paths(clip: ClipPlan, root: Path) -> dict[str, Path]:
    return {
        "audio": root / "AudioWAV" / f"{clip.name}.wav",
        "truth": root / "Truth" / f"{clip.name}.npz",
        "video": root / "VideoFlash" / f"{clip.name}.mp4",
    }


def _describe(spec: SynthSpec, clips: list[ClipPlan]) -> str:
    return json.dumps(
        {
            "corpus": "synthetic",
            "version": CORPUS_VERSION,
            "spec": spec.model_dump(),
            "clips": len(clips),
            "clips_by_emotion": dict(sorted(Counter(clip.emotion for clip in clips).items())),
            "sentences": SENTENCES,
        },
        indent=2,
    )


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write under a temporary name beside `path`, then rename: a reader never sees half a file."""
    partial_path = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(partial_path)
        partial_path.replace(path)
    finally:
        partial_path.unlink(missing_ok=True)
