"""The multi-modal emotion embedding: words, voice and label fused by learned gates.

Each cue (`Cues`) has a linear map into the embedding and a score; the gates are a softmax of the scores over
the cues that are there. A label that is there has the only say. Where nothing is there the embedding is a
learned one, which is also what a denoiser is given without guidance.

In training every clip has a label, and it would silence the rest. `hidden` therefore takes cues away at
random, and `fusion_loss` asks the embedding for the label all the same, so that each cue learns to speak for
itself. A corpus's sentences are often neutral in themselves; to teach what words mean, half of the clips are
given instead the sentiment of a sentence of ours (`words`) in the mood of their label.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.types import EMOTIONS
from methods.synchrorama.affect import Affect
from methods.synchrorama.words import sentiments

CUES = ("sentiment", "speech", "valence_arousal", "label")
UNLABELLED = -100
_SIZES = (3, len(EMOTIONS), 2, len(EMOTIONS))
_LABEL = CUES.index("label")
_HIDDEN = 0.5
_WORDS = 0.5


class Cues(NamedTuple):
    """What the fusion is given of B clips; `fusion(*cues)`.

    sentiment (B, 3), speech (B, 8), valence_arousal (B, 2): see `Affect`. label (B, 8): one-hot in the order
    of EMOTIONS, or zeros. present (B, 4) bool: which of CUES there are.
    """

    sentiment: Tensor
    speech: Tensor
    valence_arousal: Tensor
    label: Tensor
    present: Tensor

    def only(self, kept: Tensor) -> "Cues":
        """Return the same without the cues that are false in `kept`, (4,) or (B, 4) bool."""
        return self._replace(present=self.present & kept)

    def rows(self, chosen: Tensor) -> "Cues":
        """Return the clips of these indices."""
        return Cues(*(part[chosen] for part in self))

    def to(self, device: str | torch.device) -> "Cues":
        """Return the same on a device."""
        return Cues(*(part.to(device) for part in self))


class EmotionFusion(nn.Module):
    """Cues to one embedding; `read` tells the label from it and is used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.into = nn.ModuleList(nn.Linear(size, width) for size in _SIZES)
        self.score = nn.ModuleList(nn.Linear(size, 1) for size in _SIZES)
        self.null = nn.Parameter(torch.randn(width) * 0.02)
        self.read = nn.Linear(width, len(EMOTIONS))

    def forward(
        self, sentiment: Tensor, speech: Tensor, valence_arousal: Tensor, label: Tensor, present: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the embedding (B, width) and the gates (B, 4), in the order of CUES; see `Cues`.

        A row's gates sum to 1, or are all 0 where no cue is there.
        """
        cues = (sentiment, speech, valence_arousal, label)
        parts = torch.stack([into(cue) for into, cue in zip(self.into, cues, strict=True)], 1)
        scores = torch.cat([score(cue) for score, cue in zip(self.score, cues, strict=True)], 1)
        labelled = present[:, _LABEL:]
        others = torch.arange(len(CUES), device=present.device) != _LABEL
        counted = present & ~(labelled & others)
        nothing = ~counted.any(1, keepdim=True)
        gates = scores.masked_fill(~(counted | nothing), float("-inf")).softmax(1) * ~nothing
        embedding = torch.einsum("bc,bcd->bd", gates, parts) + nothing * self.null
        return embedding, gates


def cues_of(affects: Sequence[Affect], labels: Sequence[str | None], used: Sequence[str] = CUES) -> Cues:
    """Return the cues of clips with these labels (None: without one); those not in `used` are absent."""
    named = np.array([[label == emotion for emotion in EMOTIONS] for label in labels])
    present = np.array([
        (affect.read, affect.heard, affect.heard, label is not None)
        for affect, label in zip(affects, labels, strict=True)
    ])  # fmt: skip
    return Cues(
        torch.from_numpy(np.stack([a.sentiment for a in affects])),
        torch.from_numpy(np.stack([a.speech for a in affects])),
        torch.from_numpy(np.stack([a.valence_arousal for a in affects])),
        torch.from_numpy(named.astype(np.float32)),
        torch.from_numpy(present & [cue in used for cue in CUES]),
    )


def hidden(cues: Cues, generator: np.random.Generator, share: float = _HIDDEN) -> Cues:
    """Return the cues with each taken away with probability `share`; some rows are left with none."""
    kept = torch.from_numpy(generator.random(cues.present.shape) >= share)
    return cues.only(kept.to(cues.present.device))


def with_words(cues: Cues, labels: Tensor, generator: np.random.Generator) -> Cues:
    """Return the cues with half of the labelled clips' words replaced by ours in the mood of their label.

    labels: (B,) index in EMOTIONS, or UNLABELLED. Clips whose words are not used (absent) stay without.
    """
    bank = torch.from_numpy(sentiments()).to(cues.sentiment)  # (8, sentences, 3)
    chosen = torch.from_numpy(generator.integers(bank.shape[1], size=len(labels))).to(labels.device)
    ours = bank[labels.clamp(min=0), chosen]
    drawn = torch.from_numpy(generator.random(len(labels)) < _WORDS).to(labels.device)
    replaced = (drawn & (labels != UNLABELLED))[:, None]
    return cues._replace(sentiment=torch.where(replaced, ours, cues.sentiment))


def fusion_loss(fusion: EmotionFusion, cues: Cues, labels: Tensor, generator: np.random.Generator) -> Tensor:
    """Return the cross-entropy of the label read from what the fusion makes of some of the cues.

    labels: (B,) index in EMOTIONS, or UNLABELLED; a batch of unlabelled clips, or of clips without a cue
    left, costs nothing.
    """
    seen = hidden(with_words(cues, labels, generator), generator)
    counted = (labels != UNLABELLED) & seen.present.any(1)
    logits = fusion.read(fusion(*seen)[0])
    losses = functional.cross_entropy(logits, labels, ignore_index=UNLABELLED, reduction="none")
    return (losses * counted).sum() / counted.sum().clamp(min=1)


def labels_of(names: Sequence[str | None]) -> Tensor:
    """Return (B,) the labels' indices in EMOTIONS, UNLABELLED where there is none."""
    return torch.tensor([UNLABELLED if name is None else EMOTIONS.index(name) for name in names])


def fit_fusion(fusion: EmotionFusion, cues: Cues, labels: Tensor, seed: int, steps: int = 600) -> None:
    """Teach a fusion alone, in place, by `fusion_loss`: seconds, for it is a few linear maps.

    A stage that trains a denoiser starts from this, so that what it listens to means something from its first
    step on; it may add `fusion_loss` to its own losses to keep it so.
    """
    optimiser = torch.optim.Adam(fusion.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, steps)
    for step in range(steps):
        generator = np.random.default_rng([seed, step])
        chosen = torch.from_numpy(generator.integers(len(labels), size=64)).to(labels.device)
        loss = fusion_loss(fusion, cues.rows(chosen), labels[chosen], generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
