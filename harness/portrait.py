"""Anybody's picture and voice as a request: what a method is asked outside a corpus's protocol.

The picture is prepared as every clip is (`prepare`), so a method sees the framing that it was trained on. A
still has no motion of its own: the head's place and what the mask leaves stand still, too. Not done here:
scene descriptions, and blending the result back into the picture (`paste`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from harness import catalog, config, media, prepare
from harness.contracts import Method, Streaming
from harness.faces import eye_centres, open_detector, policy
from harness.prepare import PreparedClip
from harness.protocol import played
from harness.types import FPS, SAMPLES_PER_FRAME, Audio, BadInput, Frames, Request, Sample
from harness.weights import Weights

_FIRST = (0.0, 1 / FPS)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for beside picture and sound; None where nothing is asked for.

    shown: the emotion that the picture or source clip shows, which a method that edits clips needs.
    """

    emotion: str | None = None
    level: str | None = None
    text: str | None = None
    shown: str | None = None
    seed: int = 0
    scene: str | None = None


def trained(name: str, checkpoint: Path | None) -> tuple[Method, int | None]:
    """Return a method ready to generate, and its pictures' side; None where it takes any.

    checkpoint: the folder that `Method.save` wrote; its config is the model's own. Raises BadInput when it is
    missing, holds another method, or is given for one that does not train.
    """
    kind = catalog.method(name)
    if not kind.card.trains:
        if checkpoint is not None:
            raise BadInput(f"--checkpoint {checkpoint}: {name} does not train, so it has none; leave it out")
        return kind(config.validated(kind.Config, {}, name)), None
    if checkpoint is None:
        raise BadInput(f"{name} has to be trained: give --checkpoint, a model's folder (trials in run.json)")
    about = checkpoint / "config.json"
    try:
        saved = json.loads(about.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{about}: not a saved model's config ({error}); give the model's folder") from error
    found = saved.pop("method", None) if isinstance(saved, dict) else None
    if found != name:
        raise BadInput(f"{checkpoint}: holds {found or 'no method'}, not {name}; name that one")
    method = kind(config.validated(kind.Config, saved, str(about)))
    method.load(checkpoint)
    return method, int(saved["image_size"])


def shown(path: Path, faces: str, size: int, weights: Weights, whole: bool) -> PreparedClip:
    """Return a picture, or a clip, cropped to (size, size) by a face policy.

    whole: all of a clip, for a method that edits one; else its first frame. Raises BadInput, naming the file,
    when it cannot be read or shows no face.
    """
    chosen = policy(faces)
    sample = Sample(path.stem, path, None, None, None, cut=None if whole else _FIRST)
    return prepare.prepare(sample, chosen, size, partial(open_detector, chosen, weights))


def voice(path: Path) -> Audio:
    """Return a file's sound, (N,) float32 16 kHz. Raises BadInput, naming it, when it has none."""
    audio = media.audio_16k(path)
    if audio is None or not len(audio):
        raise BadInput(f"{path}: no sound in it; give speech")
    return audio


def asked(name: str, source: PreparedClip, audio: Audio, wish: Wish) -> Request:
    """Return the request for as many frames as the sound begins; the last one ends in silence."""
    frames = -(-len(audio) // SAMPLES_PER_FRAME)
    order = played(len(source.frames), 0, frames)
    context = source.frames.copy()
    context[source.mask] = 0
    eyes = eye_centres(source.landmarks)
    still = len(source.frames) == 1
    return Request(
        id=name,
        reference=source.frames,
        context=_repeated(context, frames) if still else context[order],
        mask=_repeated(source.mask, frames) if still else source.mask[order],
        eyes=eyes[order],
        reference_eyes=eyes,
        reference_landmarks=source.landmarks,
        reference_emotion=wish.shown,
        audio=media.fit_audio(audio, frames),
        frames=frames,
        emotion=wish.emotion,
        level=wish.level,
        text=wish.text,
        scene=wish.scene,
        seed=wish.seed,
    )


def frames_of(method: Method, request: Request) -> Iterator[Frames]:
    """Yield a clip's frames in parts (t, S, S, 3): as they are made where the method streams."""
    if isinstance(method, Streaming):
        yield from method.stream(request)
    else:
        yield method.generate([request])[0].frames


def _repeated(first: np.ndarray, frames: int) -> np.ndarray:
    """(1, ...) seen `frames` times, in the memory of one."""
    return np.broadcast_to(first, (frames, *first.shape[1:]))
