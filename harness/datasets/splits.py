"""Speaker-disjoint train, val and test: drawn from a seed or read from a split file, named by a hash.

None of the corpora read here has an official split by speaker: CREMA-D and HDTF have none at all, MEAD's test
rule shares its speakers with training. A split of a paper can be written down as a file.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from harness.config import SplitFractions
from harness.datasets import split_files
from harness.datasets.split_files import Speakers, SplitFile
from harness.store import digest
from harness.types import BadInput, Sample, Split


def assign(samples: Sequence[Sample], fractions: SplitFractions, seed: int) -> tuple[list[Sample], str]:
    """Return the samples with their split, and the hash of all (id, split) pairs.

    Speakers have the split that the file gives them; without a file they are put into a seeded order and cut
    by rounded counts. A clip without a speaker counts as a speaker of its own. Raises BadInput when the
    fractions do not sum to 1 or leave a wanted split empty, or the file does not name every speaker.
    """
    file = fractions.file
    split_of = _draw(samples, fractions, seed) if file is None else _read(samples, file)
    placed = [replace(s, split=split_of[speaker_of(s)]) for s in samples]
    check_disjoint(placed)
    return placed, digest(sorted((s.id, s.split) for s in placed))


def source(fractions: SplitFractions, seed: int) -> str:
    """Return where a split comes from, in words: the file with its version and digest, or the seed."""
    return f"drawn with seed {seed}" if fractions.file is None else split_files.load(fractions.file).title


def written_down(samples: Sequence[Sample], fractions: SplitFractions, seed: int, name: str) -> SplitFile:
    """Return the split that `assign` gives as a file's content, version 1."""
    placed, _ = assign(samples, fractions, seed)
    speakers = {
        split: sorted({speaker_of(s) for s in placed if s.split == split}) for split in get_args(Split)
    }
    return SplitFile(name=name, version=1, speakers=Speakers(**speakers))


def _read(samples: Sequence[Sample], path: Path) -> dict[str, Split]:
    split_of = split_files.load(path).by_speaker()
    if unknown := sorted({speaker_of(s) for s in samples} - split_of.keys()):
        raise BadInput(
            f"{path}: {len(unknown)} speakers of the corpus are in no split: {', '.join(unknown[:10])}"
            f"{' ...' if len(unknown) > 10 else ''}; add them, and raise the version"
        )
    return split_of


def _draw(samples: Sequence[Sample], fractions: SplitFractions, seed: int) -> dict[str, Split]:
    wanted: dict[Split, float] = {"train": fractions.train, "val": fractions.val, "test": fractions.test}
    if abs(sum(wanted.values()) - 1) > 1e-6:
        raise BadInput(f"data.split: {wanted} sums to {sum(wanted.values()):g}, not 1; set all three")
    speakers = sorted({speaker_of(s) for s in samples}, key=lambda name: _lot(seed, name))
    counts = _counts(len(speakers), wanted)
    named = [split for split in get_args(Split) for _ in range(counts[split])]
    return dict(zip(speakers, named, strict=True))


def check_disjoint(samples: Sequence[Sample]) -> None:
    """Raise BadInput, naming the speaker, when one stands in two splits."""
    seen: dict[str, Split] = {}
    for sample in samples:
        name = speaker_of(sample)
        if seen.setdefault(name, sample.split) != sample.split:
            raise BadInput(f"speaker {name} is in both {seen[name]} and {sample.split}: a leak; split again")


def check_untrained(tested: Sequence[Sample], trained: Sequence[Sample]) -> None:
    """Raise BadInput, naming the speakers, when one of `tested`'s test split is trained or validated on."""
    asked = {speaker_of(s) for s in tested if s.split == "test"}
    if both := sorted(asked & {speaker_of(s) for s in trained if s.split != "test"}):
        raise BadInput(
            f"training_data trains on {len(both)} speakers that data tests: {', '.join(both[:10])}"
            f"{' ...' if len(both) > 10 else ''}: a leak; give both the same split file"
        )


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
