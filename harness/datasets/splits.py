"""Speaker-disjoint train, val and test: deterministic from the seed, named by a hash."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

from harness.config import SplitFractions
from harness.store import digest
from harness.types import BadInput, Sample, Split


def assign(samples: Sequence[Sample], fractions: SplitFractions, seed: int) -> tuple[list[Sample], str]:
    """Return the samples with their split, and the hash of all (id, split) pairs.

    Speakers are put into a seeded order and cut by rounded counts; a clip without a speaker counts as a
    speaker of its own. Raises BadInput when the fractions do not sum to 1 or leave a wanted split empty.
    """
    wanted: dict[Split, float] = {"train": fractions.train, "val": fractions.val, "test": fractions.test}
    if abs(sum(wanted.values()) - 1) > 1e-6:
        raise BadInput(f"data.split: {wanted} sums to {sum(wanted.values()):g}, not 1; set all three")
    speakers = sorted({speaker_of(s) for s in samples}, key=lambda name: _lot(seed, name))
    counts = _counts(len(speakers), wanted)
    named = [split for split in get_args(Split) for _ in range(counts[split])]
    split_of = dict(zip(speakers, named, strict=True))
    placed = [replace(s, split=split_of[speaker_of(s)]) for s in samples]
    check_disjoint(placed)
    return placed, digest(sorted((s.id, s.split) for s in placed))


def check_disjoint(samples: Sequence[Sample]) -> None:
    """Raise BadInput, naming the speaker, when one stands in two splits."""
    seen: dict[str, Split] = {}
    for sample in samples:
        name = speaker_of(sample)
        if seen.setdefault(name, sample.split) != sample.split:
            raise BadInput(f"speaker {name} is in both {seen[name]} and {sample.split}: a leak; split again")


def speaker_of(sample: Sample) -> str:
    """Return the speaker, or the clip itself where none is known."""
    return sample.speaker if sample.speaker is not None else f"clip {sample.id}"


def _counts(speakers: int, wanted: dict[Split, float]) -> dict[Split, int]:
    used = [split for split, fraction in wanted.items() if fraction > 0]
    if speakers < len(used):
        raise BadInput(
            f"data.split: {speakers} speakers cannot fill {', '.join(used)}; "
            "set data.split.test=1 data.split.train=0 data.split.val=0 to test on all"
        )
    counts = {
        split: max(1, round(fraction * speakers)) if fraction else 0 for split, fraction in wanted.items()
    }
    largest = max(used, key=lambda split: counts[split])
    counts[largest] += speakers - sum(counts.values())
    return counts


def _lot(seed: int, name: str) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()
