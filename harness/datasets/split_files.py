"""A split as a file that labs can share: which speakers are trained on, validated on and tested on.

    name: crema_d-seed1
    version: 1
    speakers:
      train: ["1001", "1002"]
      val: ["1003"]
      test: ["1004"]

The version goes up when the speakers change; the digest tells when they changed without it. A clip without a
speaker is named `clip ID`. `python -m harness.data split` writes such a file.
"""

from pathlib import Path
from typing import get_args

import yaml
from pydantic import ConfigDict, Field

from harness.config import Strict, validated
from harness.store import digest, write_whole
from harness.types import BadInput, Split


class Speakers(Strict):
    """The names of each split's speakers."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    train: tuple[str, ...] = ()
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


class SplitFile(Strict):
    """A split with its name and version."""

    name: str
    version: int = Field(ge=1)
    speakers: Speakers

    @property
    def title(self) -> str:
        """Name, version and digest: what a result says of its split."""
        return f"{self.name} version {self.version} ({digest(self.model_dump())[:12]})"

    def by_speaker(self) -> dict[str, Split]:
        """Return the split of every speaker. Raises BadInput, naming the speaker, when one has two."""
        found: dict[str, Split] = {}
        for split in get_args(Split):
            for speaker in getattr(self.speakers, split):
                if found.setdefault(speaker, split) != split:
                    raise BadInput(
                        f"split {self.name}: speaker {speaker} is in both {found[speaker]} and {split}: "
                        "a leak; leave the name in one of the two"
                    )
        return found


def load(path: Path) -> SplitFile:
    """Read a split file. Raises BadInput when it is none, or when a speaker is in two splits."""
    if not path.is_file():
        raise BadInput(f"data.split: {path}: no such split file; `python -m harness.data split` writes one")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not YAML in UTF-8: {error}") from error
    if not isinstance(tree, dict):
        raise BadInput(f"{path}: a split file has the keys name, version and speakers")
    split = validated(SplitFile, tree, str(path))
    try:
        split.by_speaker()
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    return split


def save(path: Path, split: SplitFile) -> None:
    """Write a split file. Raises BadInput when there is one, so that no published split is lost."""
    if path.exists():
        raise BadInput(f"{path} exists already; give another --out, or remove it")
    text = yaml.safe_dump(split.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100)

    def build(private: Path) -> None:
        private.write_text(text, encoding="utf-8")

    write_whole(path, build)
