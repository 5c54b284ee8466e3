"""Where prepared shards lie: a folder, or an fsspec URL such as s3://bucket/corpus.

What is written is made on this machine first and put there whole, so that a name that exists is complete.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from harness.faults import writing
from harness.store import digest
from harness.types import BadInput

_UNREACHED = (OSError, ValueError, ImportError)
"""What fsspec raises for a place that is not there: no such protocol, its package missing, no access."""


class Place:
    """A folder by path or URL; plain data, so a worker can be handed one."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            files, self._root = fsspec.core.url_to_fs(url)
        except _UNREACHED as error:
            raise BadInput(f"{url}: {error}; give a folder, or a URL that fsspec can open") from error
        self.folder = Path(self._root) if isinstance(files, LocalFileSystem) else None

    @property
    def staging(self) -> Path:
        """The folder on this machine where things are made before they are put here."""
        if self.folder is not None:
            return self.folder / ".work"
        return Path(tempfile.gettempdir()) / f"harness-prepare-{digest(self.url)}"

    def names(self) -> list[str]:
        """Return what lies here, sorted; nothing where the place does not exist yet."""
        with self._reached():
            files = self._files()
            if not files.exists(self._root):
                return []
            return sorted(Path(p).name for p in files.ls(self._root, detail=False))

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file of this place for reading."""
        with self._reached():
            file = self._files().open(self._path(name), "rb")
        with file:
            yield file

    def read_json(self, name: str) -> Any:
        """Return a JSON file's content."""
        with self.open(name) as file:
            return json.load(file)

    def put(self, made: Path, name: str) -> None:
        """Move a finished file of the staging folder here."""
        with writing(self.url):
            if self.folder is not None:
                os.replace(made, self.folder / name)
            else:
                self._files().put_file(str(made), self._path(name))
                made.unlink()

    def remove(self, name: str) -> None:
        """Remove a file of this place."""
        self._files().rm_file(self._path(name))

    def begin(self) -> None:
        """Make the place and its staging folder. Raises BadInput, naming it, where nothing can be written."""
        try:
            self.staging.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.staging) as probe:
                probe.write(bytes(4096))
            self._files().makedirs(self._root, exist_ok=True)
        except OSError as error:
            raise BadInput(f"{self.url}: cannot be written to ({error.strerror or error})") from error

    def tidy(self) -> None:
        """Remove the staging folder if it is there."""
        if self.staging.exists():
            shutil.rmtree(self.staging)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except _UNREACHED as error:
            raise BadInput(f"{self.url}: cannot be read ({error})") from error

    def _files(self) -> Any:
        return fsspec.core.url_to_fs(self.url)[0]

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"
