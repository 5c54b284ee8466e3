"""Train the embedded speech emotion network on synthetic speakers that no sweep and no judge ever hears.

    python -m methods.synchrorama.train_speech_emotion [--out FILE]

Lets the speakers of SPEC speak (sound alone, nothing is drawn), trains the network, says how well it does on
the other speakers of CHECK_SPEC, and writes FILE, by default the one in this package, with those figures
beside it; its SHA-256 then belongs in harness/weights_table.py. The same corpus version, seed and machine
give the same file. Some minutes on one core.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from harness.audio import mel_spectrogram
from harness.config import JUDGE_SEEDS
from harness.datasets.crema_d import EMOTIONS as SPOKEN
from harness.datasets.synthetic import CORPUS_VERSION, SENTENCES, ClipPlan, SynthSpec, plan
from harness.datasets.synthetic.expression import intensity_of
from harness.datasets.synthetic.identity import identity_of
from harness.datasets.synthetic.speech import speak
from harness.store import file_digest
from harness.types import EMOTIONS, Audio
from methods.synchrorama.speech_emotion import CIRCUMPLEX, SpeechEmotionNet, prosody

SEED = 1
# The metrics' judges and the face detector have other seeds of the same range; sweeps refuse all of it.
SPEC = SynthSpec(speakers=240, seed=JUDGE_SEEDS.start + 70_001, clips_per_speaker=24)
CHECK_SPEC = SynthSpec(speakers=40, seed=JUDGE_SEEDS.start + 80_001, clips_per_speaker=24)
OUT = Path(__file__).parent / "weights" / "speech_emotion.safetensors"
STEPS, BATCH = 2500, 64
_RATE = 3e-3
_STEPS_HEARD = 128  # 1.6 s of mel an example

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Spoken:
    """Clips as the network hears them.

    mels: each (80, steps). prosody (N, FUNCTIONALS), emotions (N,) index in EMOTIONS, plane (N, 2).
    """

    mels: list[Float32]
    prosody: Float32
    emotions: NDArray[np.int64]
    plane: Float32


def say(clip: ClipPlan) -> tuple[Audio, str, float]:
    """Return a clip's sound as its 16-bit file holds it, its emotion and how strongly it is acted."""
    intensity = intensity_of(clip.emotion, clip.level, clip.generator("intensity"))
    voice = identity_of(clip.seed, clip.actor).voice
    text = SENTENCES[clip.sentence]
    audio = speak(text, voice, clip.emotion, intensity, clip.generator("prosody")).audio
    return (np.rint(audio * 32767) / 32767).astype(np.float32), SPOKEN[clip.emotion], intensity


def spoken(spec: SynthSpec) -> Spoken:
    """Let a corpus's speakers say all their clips."""
    clips = [say(clip) for clip in plan(spec)]
    return Spoken(
        mels=[mel_spectrogram(audio) for audio, _, _ in clips],
        prosody=np.stack([prosody(audio) for audio, _, _ in clips]),
        emotions=np.array([EMOTIONS.index(emotion) for _, emotion, _ in clips]),
        plane=np.array([np.multiply(CIRCUMPLEX[e], intensity) for _, e, intensity in clips], np.float32),
    )


def batch(known: Spoken, chosen: NDArray[np.int64], generator: np.random.Generator) -> Tensor:
    """Return (B, 80, 128) of the chosen clips, each from some moment on."""
    out = np.full((len(chosen), *known.mels[0].shape[:1], _STEPS_HEARD), -4.0, np.float32)
    for row, index in zip(out, chosen, strict=True):
        mel = known.mels[index]
        start = int(generator.integers(max(1, mel.shape[1] - _STEPS_HEARD + 1)))
        part = mel[:, start : start + _STEPS_HEARD]
        row[:, : part.shape[1]] = part
    return torch.from_numpy(out)


def fit(known: Spoken, steps: int = STEPS) -> SpeechEmotionNet:
    """Return a network taught on these clips."""
    torch.manual_seed(SEED)
    generator = np.random.default_rng(SEED)
    net = SpeechEmotionNet()
    told = torch.from_numpy(known.prosody)
    net.mean.copy_(told.mean(0))
    net.scale.copy_(told.std(0))
    labels, plane = torch.from_numpy(known.emotions), torch.from_numpy(known.plane)
    optimiser = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    recent: list[float] = []
    for step in range(1, steps + 1):
        chosen = generator.integers(len(labels), size=BATCH)
        logits, found = net(batch(known, chosen, generator), told[chosen])
        loss = functional.cross_entropy(logits, labels[chosen], label_smoothing=0.05)
        loss = loss + functional.mse_loss(found, plane[chosen])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        recent = [*recent[-99:], float(loss.detach())]
        if step % 500 == 0:
            _say(f"step {step} of {steps}, loss {np.mean(recent):.4f}")
    return net.eval()


def figures(net: SpeechEmotionNet, known: Spoken) -> dict[str, float]:
    """Return what a network reaches: shares of clips told right, in all and by emotion, and errors."""
    with torch.inference_mode():
        told = torch.from_numpy(known.prosody)
        both = [net(torch.from_numpy(m)[None], t[None]) for m, t in zip(known.mels, told, strict=True)]
    right = np.array([int(logits.argmax()) for logits, _ in both]) == known.emotions
    error = np.abs(np.stack([plane[0].numpy() for _, plane in both]) - known.plane).mean(0)
    present = sorted(set(known.emotions.tolist()))
    recall = {f"recall_{EMOTIONS[e]}": float(right[known.emotions == e].mean()) for e in present}
    return {
        "accuracy": float(right.mean()),
        **recall,
        "valence_error": float(error[0]),
        "arousal_error": float(error[1]),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m methods.synchrorama.train_speech_emotion")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="where the weights go")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    known = spoken(SPEC)
    _say(f"{len(known.mels)} clips of {SPEC.speakers} speakers")
    net = fit(known)
    reached = {name: round(value, 4) for name, value in figures(net, spoken(CHECK_SPEC)).items()}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    made = {
        "command": "python -m methods.synchrorama.train_speech_emotion",
        "corpus": CORPUS_VERSION,
        "trained_on": SPEC.model_dump(),
        "checked_on": CHECK_SPEC.model_dump(),
        "figures": reached,
    }
    halves = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    save_file(halves, options.out, metadata={k: json.dumps(v) for k, v in made.items() if k != "figures"})
    options.out.with_suffix(".json").write_text(json.dumps(made, indent=2) + "\n")
    print(*(f"{name}: {value:.4f}" for name, value in reached.items()), sep="\n")
    print(f"{options.out}: SHA-256 {file_digest(options.out)}")
    return 0


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
