"""Samples in tars: the same bytes wherever they stand, found again by shard, offset and digest.

Headers name no time, no user and no machine, so a sample's bytes are a function of its members alone and a
shard is its samples one after the other.
"""

import io
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote, unquote

from harness.store import file_digest

END = bytes(2 * tarfile.BLOCKSIZE)
"""What ends a tar."""

_ADDRESS = re.compile(r"[0-9a-f]{20}@(\d+)")

Members = Iterator[tuple[str, IO[bytes]]]
"""A sample's members, extension and content, to be read in this order."""


def key(clip: str) -> str:
    """Return a clip's id as WebDataset can have it: ASCII, without dot or slash."""
    return quote(clip, safe="#+,=@() ").replace(".", "%2E")


def clip_of(key: str) -> str:
    """Return the id that `key` was made of."""
    return unquote(key)


def write_sample(path: Path, clip: str, members: Mapping[str, bytes | Path]) -> None:
    """Write a tar of one sample; `members` are contents, or the files that hold them, by extension."""
    with path.open("wb") as out:
        for extension, content in members.items():
            if isinstance(content, bytes):
                _add(out, f"{key(clip)}.{extension}", io.BytesIO(content), len(content))
            else:
                with content.open("rb") as source:
                    _add(out, f"{key(clip)}.{extension}", source, content.stat().st_size)
        out.write(END)


def join(out: IO[bytes], path: Path, clip: str, about: bytes) -> None:
    """Add a sample that has a tar of its own to a shard, as `clip` and with another member `json`."""
    with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
        for entry in tar:
            extension, source = entry.name.partition(".")[2], tar.extractfile(entry)
            if extension == "json":
                _add(out, f"{key(clip)}.json", io.BytesIO(about), len(about))
            elif source is not None:
                _add(out, f"{key(clip)}.{extension}", source, entry.size)


def _add(out: IO[bytes], name: str, source: IO[bytes], size: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = size
    out.write(entry.tobuf(tarfile.GNU_FORMAT, "ascii", "strict"))
    shutil.copyfileobj(source, out, 1 << 20)
    out.write(bytes(-size % tarfile.BLOCKSIZE))


def address(shard: Path, offset: int, digest: str) -> Path:
    """Return the path by which a sample inside a shard is named: its last part says what and where it is."""
    return shard / f"{digest}@{offset}"


def content(path: Path) -> str | None:
    """Return a digest of what a file or an address holds; None where there is no such file."""
    if _ADDRESS.fullmatch(path.name):
        return path.name.partition("@")[0]
    return file_digest(path) if path.is_file() else None


def is_sample(path: Path) -> bool:
    """Whether a path is a sample's own tar or an address in a shard."""
    return path.suffix == ".tar" or _ADDRESS.fullmatch(path.name) is not None


@contextmanager
def open_sample(path: Path) -> Iterator[Members]:
    """Open a sample's own tar, or the one at an address. Raises TarError or OSError where there is none."""
    inside = _ADDRESS.fullmatch(path.name)
    with (path.parent if inside else path).open("rb") as file:
        file.seek(max(0, file.seek(0, io.SEEK_END) - len(END)))
        if file.read() != END:
            raise tarfile.ReadError("cut short")
        file.seek(int(inside[1]) if inside else 0)
        yield members(file)


def members(file: IO[bytes]) -> Members:
    """Yield the members of the sample that begins where the file stands; it is only read on."""
    with tarfile.open(fileobj=file, mode="r|") as tar:
        name = None
        for entry in tar:
            stem, _, extension = entry.name.partition(".")
            name = name or stem
            content = tar.extractfile(entry)
            if stem != name or content is None:
                return
            yield extension, content
