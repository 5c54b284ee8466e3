"""Train the embedded identity judge on drawn speakers that no run may use, and check it on others.

    python -m metrics.features.train_identity [--out DIR] [--check]

Writes DIR/identity_judge.safetensors and what judges.json says of it; DIR is the package's own weights folder
by default. Telling speakers apart takes many of them and few frames of each: 160 are drawn, a dozen frames
each in two emotions. The same corpus version, seed and machine give the same file. Minutes long, on one core.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Generator, Tensor
from torch.nn import functional

from harness.config import JUDGE_SEEDS
from harness.datasets.synthetic import CORPUS_VERSION, SENTENCES, ClipPlan, SynthSpec, plan
from harness.datasets.synthetic.expression import intensity_of, perform
from harness.datasets.synthetic.face import face_of
from harness.datasets.synthetic.identity import identity_of
from harness.datasets.synthetic.speech import speak
from harness.faces import resized
from harness.types import BadInput, Frames
from metrics.features.augment import augment
from metrics.features.face_judge import SIDE
from metrics.features.identity_judge import DIMENSIONS, NAME, IdentityJudge, IdentityJudgeNet
from metrics.features.judge_data import TRAINING_SIDE
from metrics.features.judge_files import DESCRIPTION, FOLDER, file_sha256
from metrics.features.train_judges import halved

SEED = 1
STEPS, BATCH = 700, 64
SCALE, MARGIN = 16.0, 0.2
FRAMES = 6
"""Frames taken of a clip, evenly over it."""
TRAINING = SynthSpec(speakers=160, size=72, seed=JUDGE_SEEDS.start + 30_001, clips_per_speaker=6)
CHECK = SynthSpec(speakers=24, size=64, seed=JUDGE_SEEDS.start + 40_001, clips_per_speaker=6)
_RATE = 3e-3


@dataclass(frozen=True, slots=True)
class Faces:
    """Frames (N, S, S, 3) uint8 RGB and, of each, its speaker (N,), counted from 0, and clip (N,)."""

    frames: Frames
    speaker: NDArray[np.int64]
    clip: NDArray[np.int64]


def two_emotions(spec: SynthSpec) -> list[ClipPlan]:
    """Return two clips of each speaker, of other emotions, which differ from speaker to speaker."""
    plans = plan(spec)
    size = spec.clips_per_speaker or 0
    firsts = [size * speaker + speaker % 3 for speaker in range(spec.speakers)]
    return [plans[first + later] for first in firsts for later in (0, 3)]


def drawn_faces(plans: Sequence[ClipPlan]) -> Faces:
    """Return `FRAMES` frames of each clip."""
    frames = [_some_frames(clip) for clip in plans]
    actors = {actor: index for index, actor in enumerate(dict.fromkeys(clip.actor for clip in plans))}
    speaker = np.repeat([actors[clip.actor] for clip in plans], FRAMES)
    return Faces(np.concatenate(frames), speaker, np.repeat(np.arange(len(plans)), FRAMES))


def _some_frames(clip: ClipPlan) -> Frames:
    """Draw a clip's frames as `synthetic.draw` does, but only those that are taken: ten times as fast."""
    identity = identity_of(clip.seed, clip.actor)
    intensity = intensity_of(clip.emotion, clip.level, clip.generator("intensity"))
    sentence, prosody = SENTENCES[clip.sentence], clip.generator("prosody")
    speech = speak(sentence, identity.voice, clip.emotion, intensity, prosody)
    whole = perform(speech, clip.emotion, intensity, identity.articulation, clip.generator("act"))
    taken = np.linspace(0, len(whole.units) - 1, FRAMES).astype(int)
    part = replace(whole, **{field.name: getattr(whole, field.name)[taken] for field in fields(whole)})
    return face_of(clip.seed, clip.actor, clip.size).draw(part).frames


def train_identity(faces: Faces, seed: int, steps: int = STEPS) -> IdentityJudgeNet:
    """Return an identity judge, trained to name the speaker of a frame with a margin to all others."""
    torch.manual_seed(seed)
    generator = Generator().manual_seed(seed)
    pixels = torch.from_numpy(resized(faces.frames, TRAINING_SIDE)).permute(0, 3, 1, 2)
    speakers = torch.from_numpy(faces.speaker)
    net = IdentityJudgeNet()
    centres = torch.nn.Parameter(torch.randn(int(speakers.max()) + 1, DIMENSIONS))
    parameters = [*net.parameters(), centres]
    optimiser = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps, pct_start=0.2)
    net.train()
    for step in range(1, steps + 1):
        chosen = torch.randint(len(pixels), (BATCH,), generator=generator)
        strength = float(torch.rand(1, generator=generator))
        pictures = augment(pixels[chosen][:, None], SIDE, generator, strength)[:, 0]
        loss = margin_loss(net(pictures), centres, speakers[chosen])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step}/{steps}: loss {float(loss.detach()):.3f}", file=sys.stderr, flush=True)
    net.eval()
    return net


def margin_loss(embeddings: Tensor, centres: Tensor, speakers: Tensor) -> Tensor:
    """Return CosFace's loss of (B, D) unit vectors of `speakers` (B,), whose centres are rows (S, D)."""
    cosines = embeddings @ functional.normalize(centres).T
    margins = MARGIN * functional.one_hot(speakers, len(centres))
    return functional.cross_entropy(SCALE * (cosines - margins), speakers)


def check_identity(judge: IdentityJudge, faces: Faces) -> dict[str, Any]:
    """Return how well single frames of two clips are told to be of one speaker or of two.

    same, other: mean cosine; auc: share of (same, other) pairs in the right order; equal_error: the error
    rate, in percent, at the threshold where both kinds of error are as frequent.
    """
    rows = judge.embeddings(faces.frames)
    cosines = rows @ rows.T
    apart = faces.clip[:, None] < faces.clip
    one = faces.speaker[:, None] == faces.speaker
    same, other = np.sort(cosines[apart & one]), np.sort(cosines[apart & ~one])
    missed = np.searchsorted(same, other) / len(same)
    taken = 1 - np.arange(len(other)) / len(other)
    equal = int(np.argmin(np.abs(missed - taken)))
    figures = {
        "same": same.mean(),
        "other": other.mean(),
        "auc": 1 - missed.mean(),
        "equal_error": 50 * (missed[equal] + taken[equal]),
    }
    return {"speakers": int(faces.speaker.max()) + 1, **{k: round(float(v), 4) for k, v in figures.items()}}


def describe_judge(out: Path, figures: dict[str, Any]) -> None:
    """Write into judges.json what the judge is, how it was made and its figures."""
    path = out / DESCRIPTION
    known = json.loads(path.read_text()) if path.is_file() else {}
    known[NAME] = {
        "sha256": file_sha256(out / f"{NAME}.safetensors"),
        "command": "python -m metrics.features.train_identity",
        "corpus_version": CORPUS_VERSION,
        "trained_on": [TRAINING.model_dump()],
        "checked_on": CHECK.model_dump(),
        "figures": figures,
    }
    path.write_text(json.dumps(known, indent=2) + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 2 and one line on bad input."""
    parser = argparse.ArgumentParser(prog="python -m metrics.features.train_identity")
    parser.add_argument("--out", type=Path, default=FOLDER, metavar="DIR", help="where the weights go")
    parser.add_argument("--check", action="store_true", help="train nothing, measure the weights in --out")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        if not options.check:
            options.out.mkdir(parents=True, exist_ok=True)
            net = train_identity(drawn_faces(two_emotions(TRAINING)), SEED)
            save_file(halved(net.state_dict()), options.out / f"{NAME}.safetensors")
            describe_judge(options.out, {})
        figures = check_identity(IdentityJudge.load(options.out), drawn_faces(two_emotions(CHECK)))
        print(f"{NAME}: {', '.join(f'{name} {value}' for name, value in figures.items())}")
        if not options.check:
            describe_judge(options.out, figures)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
