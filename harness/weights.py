"""The only way from the name of a pretrained file (`harness.weights_table`) to the verified file.

Searched in order: the folder given, $HARNESS_WEIGHTS, the cache ($XDG_CACHE_HOME or ~/.cache, then
talking-face-harness/weights). A sweep's `weights` and $HARNESS_WEIGHTS may be URLs that fsspec opens (s3://,
gs://), whose files are copied into the cache as they are asked for. Files that a Python package or this
project carries are found in that package.
Each file's SHA-256 is compared with the table before use. Nothing is downloaded unless asked for:

    python -m harness.weights list                       # all files: licence, citation, what uses them
    python -m harness.weights fetch face-landmarker fer-mini-xception
    python -m harness.weights verify --weights DIR

Exit codes: 0 done; 1 a file fails to verify, or was named and is missing; 2 bad input.
"""

import argparse
import hashlib
import json
import os
import pickle
import sys
import urllib.request
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness.command import ended
from harness.mirror import copied, is_url
from harness.store import digest
from harness.types import BadInput
from harness.weights_table import TABLE, WeightsFile, known

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 1 << 20


class Weights:
    """Finds and verifies pretrained files; plain data, so a worker can be handed one.

    folder: searched first; BadInput if it does not exist; a str is a URL. allow_unverified: use a file whose
    SHA-256 is not the table's, and remember its name in `unverified`, so that every score made with it is
    marked.
    """

    def __init__(self, folder: Path | str | None = None, allow_unverified: bool = False) -> None:
        if isinstance(folder, Path) and not folder.is_dir():
            raise BadInput(f"weights folder {folder} does not exist")
        self.folder = folder
        self.allow_unverified = allow_unverified
        self.unverified: set[str] = set()
        self._digests: dict[str, str] = {}

    def __eq__(self, other: object) -> bool:
        """Whether the other finds the same files: copies that jobs carry to a worker share what is loaded."""
        return isinstance(other, Weights) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[Path | str | None, bool]:
        return self.folder, self.allow_unverified

    def path(self, name: str) -> Path:
        """Return the file of `name`, verified once.

        BadInput when it is not in the table, not found (names the file and where to put it) or not genuine.
        """
        entry = known(name)
        found = locate(entry, self.folder)
        if found is None:
            raise BadInput(_missing(entry, self.folder))
        if name not in self._digests:
            sha256 = file_sha256(found)
            if not entry.matches(sha256):
                if not self.allow_unverified:
                    raise BadInput(_mismatch(entry, found, sha256) + " (--allow-unverified uses it, marked)")
                self.unverified.add(name)
            self._digests[name] = sha256
        return found

    def sha256(self, name: str) -> str:
        """Return the full SHA-256 of the file as found: what names a network in a cache key."""
        self.path(name)
        return self._digests[name]

    def label(self, title: str, *names: str) -> str:
        """Return `title` as a card shows it: marked if a file among `names` is not the published one."""
        for name in names:
            self.path(name)
        return title + (" [unverified]" if self.unverified.intersection(names) else "")

    def state_dict(self, name: str) -> "dict[str, Tensor]":
        """Return the tensors of a .pth, .model or .safetensors file, on the CPU; no pickled code is run."""
        path = self.path(name)
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            stored: dict[str, Tensor] = load_file(path)
            return stored
        import torch

        try:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise BadInput(f"{path}: not a PyTorch state dict ({error}); fetch it again") from error
        if not isinstance(tensors, dict):
            raise BadInput(f"{path}: holds a {type(tensors).__name__}, not a state dict; fetch it again")
        return tensors


def cache_folder() -> Path:
    """Return where `fetch` puts files: $XDG_CACHE_HOME (or ~/.cache)/talking-face-harness/weights."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "talking-face-harness" / "weights"


def search_folders(folder: Path | str | None = None) -> list[Path | str]:
    """Return the folders and URLs that are searched, in order."""
    environment: Path | str | None = os.environ.get("HARNESS_WEIGHTS") or None
    if environment is not None and not is_url(environment):
        environment = Path(environment)
    chosen = [folder, environment, cache_folder()]
    return [place for place in chosen if place is not None]


def locate(entry: WeightsFile, folder: Path | str | None = None) -> Path | None:
    """Return the first file found under its published name or an alias, not verified; None without one.

    One at an URL is first copied into the cache.
    """
    places = search_folders(folder)
    if entry.package is not None:
        spec = find_spec(entry.package)
        places = [Path(p) for p in (spec.submodule_search_locations or [])] if spec else []
    candidates = (_at(place, name) for place in places for name in (entry.file, *entry.aliases))
    return next((path for path in candidates if path is not None), None)


def _at(place: Path | str, name: str) -> Path | None:
    if isinstance(place, str):
        return copied(place, name, cache_folder() / "mirrors" / digest(place))
    return place / name if (place / name).is_file() else None


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fetch(name: str, folder: Path | None = None) -> Path:
    """Download a file into `folder` (the cache by default), verify it, and return its path.

    A verified file already there is kept. BadInput when offline or when what came is not the published file.
    """
    entry = known(name)
    if entry.url is None:
        raise BadInput(f"{name} is not downloaded: it comes with the Python package {entry.package}")
    target = (folder or cache_folder()) / entry.file
    if target.is_file() and entry.matches(file_sha256(target)):
        return target
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(entry.url, part)
        sha256 = file_sha256(part)
        if not entry.matches(sha256):
            raise BadInput(_mismatch(entry, part, sha256))
        part.replace(target)
    except OSError as error:
        raise BadInput(
            f"{name}: cannot download {entry.url} ({error}); download it elsewhere and copy it to {target}"
        ) from error
    finally:
        if part.is_file():
            part.unlink()
    return target


def _download(url: str, part: Path) -> None:
    with urllib.request.urlopen(url, timeout=30) as source, part.open("wb") as sink:
        total = int(source.headers.get("Content-Length") or 0)
        _copy(source, sink, total, part.name)


def _copy(source: IO[bytes], sink: IO[bytes], total: int, label: str) -> None:
    done = 0
    while chunk := source.read(CHUNK):
        sink.write(chunk)
        done += len(chunk)
        if sys.stderr.isatty():
            share = f"{100 * done / total:.0f} %" if total else f"{done / 1e6:.0f} MB"
            print(f"\r{label}: {share}", end="", file=sys.stderr)
    if total and done != total:
        raise OSError(f"connection closed after {done} of {total} bytes")


def _missing(entry: WeightsFile, folder: Path | str | None) -> str:
    if entry.package is not None:
        return (
            f"{entry.name}: {entry.file} is not in the Python package {entry.package}; install that package"
        )
    places = " or ".join(str(place) for place in search_folders(folder))
    return (
        f"{entry.name}: no file {entry.file}; put it in {places}, or run "
        f"python -m harness.weights fetch {entry.name} (from {entry.url})"
    )


def _mismatch(entry: WeightsFile, path: Path, digest: str) -> str:
    return f"{path}: not the published {entry.file}: SHA-256 expected {entry.sha256}, found {digest}"


def describe(entry: WeightsFile, folder: Path | None) -> str:
    """Return one entry of `list`: a line to scan, then the facts indented under it."""
    found = locate(entry, folder)
    size = "size unknown" if entry.size is None else f"{entry.size / 1e6:.2f} MB"
    facts = {
        "file": entry.file,
        "from": entry.url or f"Python package {entry.package}",
        "sha256": entry.sha256,
        "licence": entry.licence,
        "cite": entry.citation,
        "used by": ", ".join(entry.used_by),
        "embedded twin": entry.twin or "none",
        "found at": found or "not here",
    }
    return "\n".join([f"{entry.name}  ({size})", *(f"    {key:14}{value}" for key, value in facts.items())])


def verify(names: list[str], folder: Path | None) -> bool:
    """Print the state of each file (all, if none is named); False if one is wrong, or named and missing."""
    good = True
    for entry in [known(name) for name in names] or list(TABLE.values()):
        found = locate(entry, folder)
        if found is None:
            good = good and not names
            print(f"missing  {entry.name}: {entry.file}")
            continue
        sha256 = file_sha256(found)
        good = good and entry.matches(sha256)
        state = (
            f"ok       {entry.name}: {found}" if entry.matches(sha256) else _mismatch(entry, found, sha256)
        )
        print(state)
    return good


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.weights",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", choices=["list", "fetch", "verify"])
    parser.add_argument("names", nargs="*", metavar="NAME", help="names as `list` shows them")
    parser.add_argument(
        "--weights", type=Path, metavar="DIR", help="folder to search first, or to fetch into"
    )
    parser.add_argument("--json", action="store_true", help="`list` prints JSON")
    options = parser.parse_args(arguments)
    return ended(lambda: _do(options))


def _do(options: argparse.Namespace) -> int:
    names: list[str] = options.names
    if options.action == "fetch":
        if not names:
            raise BadInput("fetch: name the files to fetch; `list` shows the names")
        for name in names:
            print(f"{name}: {fetch(name, options.weights)}")
        return 0
    Weights(options.weights)  # says so where the folder is none
    if options.action == "verify":
        return 0 if verify(names, options.weights) else 1
    entries = [known(name) for name in names or TABLE]
    if options.json:
        found = [{**asdict(e), "found_at": locate(e, options.weights)} for e in entries]
        print(json.dumps(found, indent=2, default=str))
        return 0
    print("\n".join(describe(entry, options.weights) for entry in entries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
