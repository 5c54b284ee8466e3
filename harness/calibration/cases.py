"""The clips of a calibration: drawn by the embedded corpus or read from a folder, with their twins.

Clips of the embedded corpus are taken as drawn, before any codec, so that a fault of strength 0 is the clip
itself. A twin is a clip of the same sentence: by the same speaker in another emotion, or by another speaker.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from harness import faces, prepare
from harness.calibration.faults import Fault, Subject
from harness.config import Data
from harness.corpus import gather
from harness.datasets import crema_d, synthetic
from harness.datasets.synthetic.spec import CLIPS_PER_ACTOR, EMOTION_CODES, FIRST_ACTOR, levels_of
from harness.jobs import Executor
from harness.protocol import choose_test
from harness.store import Store, code_version
from harness.types import BadInput, Sample
from harness.weights import Weights

SPEAKERS = 8
MOST_CLIPS = SPEAKERS * CLIPS_PER_ACTOR // 2


@dataclass(frozen=True, slots=True)
class Case:
    """A clip to be made faulty, as paths: what travels to a worker. See `faults.Subject`."""

    id: str
    truth: Path
    speaker: str | None
    emotion: str | None
    level: str | None
    plan: synthetic.ClipPlan | None = None
    other_emotion: Path | None = None
    other_speaker: Path | None = None

    def subject(self) -> Subject:
        """Read the clip."""
        return Subject(prepare.load(self.truth), self.plan, self.other_emotion, self.other_speaker)


@dataclass(frozen=True, slots=True)
class DrawTruth:
    """Draws clips of the embedded corpus as prepared clips, never coded; an item's value is the file."""

    store: Store

    def open(self) -> Callable[[synthetic.ClipPlan], Path]:
        """See Job."""
        cv2.setNumThreads(1)
        code = code_version("harness.datasets.synthetic", *prepare.CODE)

        def one(plan: synthetic.ClipPlan) -> Path:
            path = self.store.path("drawn", [plan.seed, plan.size, plan.name, code], ".tar")

            def build(private: Path) -> None:
                speech, _, drawn = synthetic.draw(plan)
                mask = faces.full_face_mask(drawn.landmarks, plan.size)
                prepare.save(private, prepare.PreparedClip(drawn.frames, speech.audio, drawn.landmarks, mask))

            return self.store.make(path, build)

        return one


def drawn_cases(pool: Executor, clips: int, size: int, seed: int, store: Store) -> list[Case]:
    """Return clips of 8 drawn speakers, each with its twins in another emotion and by another speaker.

    clips: 1 to MOST_CLIPS.
    """
    plans = _plans(clips, size, seed)
    twins = [(p, _in_other_emotion(p), _by_other_speaker(p)) for p in plans]
    wanted = list(dict.fromkeys(p for three in twins for p in three))
    outcomes = pool.map(DrawTruth(store), wanted, "embedded corpus: drawing clips")
    if broken := [o.reason for o in outcomes if o.reason]:
        raise BadInput(f"{len(broken)} clips could not be drawn; the first: {broken[0]}")
    files = {p: o.value for p, o in zip(wanted, outcomes, strict=True) if o.value is not None}
    return [
        Case(
            id=own.name,
            truth=files[own],
            speaker=str(own.actor),
            emotion=crema_d.EMOTIONS[own.emotion],
            level=crema_d.LEVELS[own.level],
            plan=own,
            other_emotion=files[emotion],
            other_speaker=files[speaker],
        )
        for own, emotion, speaker in twins
    ]


def _plans(clips: int, size: int, seed: int) -> list[synthetic.ClipPlan]:
    """Return clips dealt to the speakers in turn, emotions balanced, no sentence twice for a speaker."""
    emotions = len(EMOTION_CODES)
    per_speaker = min(CLIPS_PER_ACTOR, emotions * -(-clips // SPEAKERS))
    spec = synthetic.SynthSpec(speakers=SPEAKERS, size=size, seed=seed, clips_per_speaker=per_speaker)
    planned = synthetic.plan(spec)
    chosen = []
    for n in range(clips):
        turn, speaker = divmod(n, SPEAKERS)
        place = (emotions * turn + (n + turn) % emotions) % per_speaker
        chosen.append(planned[speaker * per_speaker + place])
    return chosen


def _in_other_emotion(plan: synthetic.ClipPlan) -> synthetic.ClipPlan:
    emotion = EMOTION_CODES[(EMOTION_CODES.index(plan.emotion) + 2) % len(EMOTION_CODES)]
    return replace(plan, emotion=emotion, level=levels_of(plan.sentence, emotion)[-1])


def _by_other_speaker(plan: synthetic.ClipPlan) -> synthetic.ClipPlan:
    return replace(plan, actor=FIRST_ACTOR + (plan.actor - FIRST_ACTOR + 1) % SPEAKERS)


def read_cases(
    pool: Executor, data: Data, clips: int, seed: int, store: Store, weights: Weights
) -> list[Case]:
    """Return at most `clips` clips of a corpus, spread over speakers and emotions, with their twins."""
    corpus = gather(pool, data, seed, store, weights)
    usable = [s for s in corpus.samples if s.id in corpus.files]
    return [
        Case(
            id=s.id,
            truth=corpus.files[s.id],
            speaker=s.speaker,
            emotion=s.emotion,
            level=s.level,
            other_emotion=_twin(s, usable, corpus.files, same_speaker=True),
            other_speaker=_twin(s, usable, corpus.files, same_speaker=False),
        )
        for s in choose_test(usable, clips)
    ]


def _twin(
    own: Sample, usable: Sequence[Sample], files: Mapping[str, Path], same_speaker: bool
) -> Path | None:
    """Return a clip of the same sentence that differs in the emotion alone, or in the speaker alone."""
    if own.speaker is None or own.text is None or own.emotion is None:
        return None
    for other in usable:
        named = other.speaker is not None and other.emotion is not None and other.text == own.text
        if (
            named
            and (other.speaker == own.speaker) == same_speaker
            and (other.emotion == own.emotion) != same_speaker
        ):
            return files[other.id]
    return None


def applicable(fault: Fault, cases: Sequence[Case]) -> list[Case]:
    """Return the clips on which a fault can be made."""
    return [c for c in cases if fault.needs is None or getattr(c, fault.needs) is not None]
