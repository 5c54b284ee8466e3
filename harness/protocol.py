"""The run's protocol: which clips are tested, which picture a method is given, what controls may see.

All choices are functions of the samples and the seed, so every method answers the same requests.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.contracts import MethodCard
from harness.faces import eye_centres
from harness.prepare import PreparedClip, load
from harness.types import BadInput, Request, Sample, Target

Reference = Literal["neutral", "source", "same_clip"]
"""Where the reference comes from.

neutral: the first frame of a neutral clip of the same speaker. source: the same, of the same sentence where
there is one, and methods that edit a clip are given the whole of it. same_clip: the target's own first frame.
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request as paths: what travels to a worker. Paths are prepared clips.

    source: the reference clip's own sample, where methods that edit a clip may have the whole of it.
    scene: what describes the reference still and the label asked for (`harness.describe`).
    """

    sample: Sample
    truth: Path
    reference: Path
    reference_id: str
    reference_emotion: str | None
    source: Sample | None
    other_audio: Path | None
    other_emotion: Path | None
    seed: int
    scene: str | None = None


def choose_test(samples: Sequence[Sample], limit: int | None) -> list[Sample]:
    """Return at most `limit` test samples, spread over speakers and emotions, sorted by id."""
    test = [s for s in samples if s.split == "test"]
    if limit is None or len(test) <= limit:
        return sorted(test, key=lambda s: s.id)
    groups: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in sorted(test, key=lambda s: _lot(s.id)):
        groups[(sample.emotion or "", sample.speaker or "")].append(sample)
    rounds = [group[i] for i in range(len(test)) for _, group in sorted(groups.items()) if i < len(group)]
    return sorted(rounds[:limit], key=lambda s: s.id)


def asks(
    tested: Sequence[Sample],
    samples: Sequence[Sample],
    prepared: Mapping[str, Path],
    policy: Reference,
    seed: int,
) -> list[Ask]:
    """Return the request of every tested sample. `prepared` maps sample ids to files; the rest is unusable.

    Raises BadInput for a sample without a reference (see `without_reference`).
    """
    usable = [s for s in samples if s.id in prepared]
    made = []
    for sample in tested:
        reference = sample if policy == "same_clip" else _neutral(sample, usable, policy)
        audio, emotion = _other_audio(sample, usable), _other_emotion(sample, usable)
        made.append(
            Ask(
                sample=sample,
                truth=prepared[sample.id],
                reference=prepared[reference.id],
                reference_id=reference.id,
                reference_emotion=reference.emotion,
                source=reference if policy == "source" else None,
                other_audio=prepared[audio.id] if audio else None,
                other_emotion=prepared[emotion.id] if emotion else None,
                seed=int.from_bytes(hashlib.sha256(f"{seed}:{sample.id}".encode()).digest()[:4], "big"),
            )
        )
    return made


def without_reference(
    samples: Sequence[Sample], prepared: Mapping[str, Path], policy: Reference
) -> dict[str, str]:
    """Return, by id, why a prepared test sample has no reference picture and so cannot be asked for."""
    if policy == "same_clip":
        return {}
    usable = [s for s in samples if s.id in prepared]
    return {s.id: _no_neutral(s) for s in usable if s.split == "test" and not _neutrals(s, usable)}


def request(ask: Ask, card: MethodCard) -> tuple[Request, PreparedClip]:
    """Return the request itself and the clip that it should become; only a control is given the target."""
    truth = load(ask.truth)
    reference = load(ask.reference)
    shown = slice(None) if ask.source is not None and card.video_to_video else slice(1)
    context = truth.frames.copy()
    context[truth.mask] = 0
    made = Request(
        id=ask.sample.id,
        reference=reference.frames[shown],
        reference_emotion=ask.reference_emotion,
        context=context,
        mask=truth.mask,
        eyes=eye_centres(truth.landmarks),
        reference_eyes=eye_centres(reference.landmarks[shown]),
        reference_landmarks=reference.landmarks[shown],
        audio=truth.audio,
        frames=len(truth.frames),
        emotion=ask.sample.emotion,
        level=ask.sample.level,
        text=ask.sample.text,
        scene=ask.scene,
        seed=ask.seed,
        target=Target(ask.truth, ask.other_audio, ask.other_emotion) if card.control else None,
    )
    return made, truth


def played(count: int, first: int, frames: int) -> NDArray[np.int64]:
    """Return which of `count` source frames stand at times first, ..., first + frames - 1.

    0, 1, ..., count - 1, count - 2, ..., 1, 0, 1, ...: neither jumps nor doubles a frame, and leaves the
    speed of what moves as it was. A still, count 1, is repeated.
    """
    if count == 1:
        return np.zeros(frames, np.int64)
    phase = np.arange(first, first + frames) % (2 * count - 2)
    return np.minimum(phase, 2 * count - 2 - phase)


def _neutral(sample: Sample, usable: Sequence[Sample], policy: Reference) -> Sample:
    found = _neutrals(sample, usable)
    if not found:
        raise BadInput(_no_neutral(sample))
    same = [s for s in found if s.text is not None and s.text == sample.text]
    if policy == "source" and same:
        found = same
    return min(found, key=lambda s: _lot(sample.id + s.id))


def _neutrals(sample: Sample, usable: Sequence[Sample]) -> list[Sample]:
    """The neutral clips of the same, known speaker, without the sample itself."""
    if sample.speaker is None:
        return []
    same = [s for s in usable if s.speaker == sample.speaker and s.id != sample.id]
    return [s for s in same if s.emotion == "neutral"]


def _no_neutral(sample: Sample) -> str:
    return (
        f"{sample.video}: speaker {sample.speaker} has no other neutral clip for the reference picture; "
        "set data.reference: same_clip, or add one"
    )


def _other_audio(sample: Sample, usable: Sequence[Sample]) -> Sample | None:
    """Another sentence, of the same speaker where there is one, so that only the words differ."""
    found = [s for s in usable if s.id != sample.id and (s.text is None or s.text != sample.text)]
    same = [s for s in found if s.speaker == sample.speaker]
    return min(same or found, key=lambda s: _lot(sample.id + s.id), default=None)


def _other_emotion(sample: Sample, usable: Sequence[Sample]) -> Sample | None:
    """The same speaker in another emotion, the same sentence where there is one."""
    found = [s for s in usable if s.speaker == sample.speaker and s.emotion not in (None, sample.emotion)]
    found = found if sample.speaker is not None and sample.emotion is not None else []
    same = [s for s in found if s.text is not None and s.text == sample.text]
    return min(same or found, key=lambda s: _lot(sample.id + s.id), default=None)


def _lot(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
