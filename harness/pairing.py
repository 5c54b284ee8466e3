"""Which generated clip is compared with which reference: folders paired by file stem, or by a manifest.

The reference folder's manifest.csv (see `datasets.folder`) labels the clips; its column `generated`, where a
row has one, names the file below each generated folder that belongs to the row's `file`. Without it files
pair by their path without the suffix, so 0001.mp4 pairs with 0001.avi.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.datasets import folder
from harness.types import BadInput, Sample

_LISTED = 30


@dataclass(frozen=True, slots=True)
class Match:
    """One clip of the comparison: its reference and, by method, its generated file; None where missing."""

    clip: str
    sample: Sample | None
    generated: Mapping[str, Path | None]
    missing_reference: str | None = None


def match(generated: Mapping[str, Path], reference: Path, allow_missing: bool) -> list[Match]:
    """Return all clips of either side, sorted by id.

    generated: folders by method. Raises BadInput for a folder without clips and, unless `allow_missing`, for
    clips of one side only, which it lists.
    """
    found = folder.read(_folder(reference, "--reference"))
    samples = {s.id: s for s in found.samples}
    if not samples and not found.unusable:
        raise BadInput(f"--reference {reference}: no video file in it ({', '.join(folder.SUFFIXES)})")
    made = {title: _clips(path) for title, path in generated.items()}
    names = folder.generated_names(reference)
    wanted = {clip: names.get(clip, clip) for clip in (*samples, *found.unusable)}
    strangers = {title: sorted(set(clips) - set(wanted.values())) for title, clips in made.items()}
    if not allow_missing:
        _refuse_missing(wanted, made, strangers, generated, reference, found.unusable)
    matches = [
        Match(
            clip,
            samples.get(clip),
            {title: clips.get(name) for title, clips in made.items()},
            found.unusable.get(clip),
        )
        for clip, name in wanted.items()
    ]
    unpaired = sorted({name for found_here in strangers.values() for name in found_here})
    matches += [
        Match(name, None, {title: clips.get(name) for title, clips in made.items()}, "no reference clip")
        for name in unpaired
    ]
    return sorted(matches, key=lambda m: m.clip)


def _folder(path: Path, option: str) -> Path:
    if not path.is_dir():
        raise BadInput(f"{option} {path} is not a folder; give the folder that holds the clips")
    return path


def _clips(path: Path) -> dict[str, Path]:
    clips = folder.clips_below(_folder(path, "GENERATED"))
    if not clips:
        raise BadInput(f"GENERATED {path}: no video file in it ({', '.join(folder.SUFFIXES)})")
    return clips


def _refuse_missing(
    wanted: Mapping[str, str],
    made: Mapping[str, Mapping[str, Path]],
    strangers: Mapping[str, Sequence[str]],
    generated: Mapping[str, Path],
    reference: Path,
    unusable: Mapping[str, str],
) -> None:
    wrong = list(unusable.values())
    for title, clips in made.items():
        if lacking := sorted(name for name in wanted.values() if name not in clips):
            wrong.append(f"{generated[title]} lacks {_listing(lacking)}")
        if strangers[title]:
            wrong.append(f"{reference} lacks the reference of {_listing(strangers[title])}")
    if wrong:
        raise BadInput(
            "\n".join([*dict.fromkeys(wrong), "--allow-missing keeps these as unscored rows of the result"])
        )


def _listing(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{len(names)} clips: {', '.join(names[:_LISTED])}{more}" if len(names) > 1 else names[0]
