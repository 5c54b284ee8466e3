"""What the nodes of a cluster must have in common, asked before hours are spent: packages, code, time, files.

Asked of the nodes that are there when a run begins; one that joins later is not asked.
"""

import platform
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.store import code_version, private_name
from harness.types import BadInput

LARGEST_SKEW = 60.0
"""Seconds by which a node's clock may be off: object stores and tokens refuse what is older."""

_PACKAGES = ("torch", "numpy", "scipy", "av", "mediapipe", "safetensors", "ray")
_REACH_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class About:
    """A node: its host's name, versions by package, digest of the project's code, clock, folders not seen."""

    host: str
    versions: Mapping[str, str]
    code: str
    clock: float
    unseen: tuple[Path, ...]


def about(marks: Sequence[Path]) -> About:
    """Describe the node that this runs on; `marks` are files that lie where the run keeps what it makes."""
    return About(
        host=socket.gethostname(),
        versions={"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        code=code_version("harness", "methods", "metrics"),
        clock=time.time(),
        unseen=tuple(mark.parent for mark in marks if not _writable(mark)),
    )


@contextmanager
def marked(folders: Sequence[Path]) -> Iterator[list[Path]]:
    """Give a file in each folder, for other nodes to find; they are removed at the end."""
    marks = [folder.absolute() / private_name() for folder in folders]
    try:
        for mark in marks:
            mark.touch()
        yield marks
    finally:
        for mark in marks:
            mark.unlink(missing_ok=True)


def check(ask: Callable[[Sequence[Path]], Sequence[About]], folders: Sequence[Path]) -> None:
    """Ask all nodes about themselves. Raises BadInput naming one that differs, and in what.

    ask: gives every other node's answer; this one answers here.
    """
    with marked(folders) as marks:
        before = time.time()
        found = ask(marks)
        here = about(marks)
    for node in found:
        if node.unseen:
            raise BadInput(
                f"{node.unseen[0]}: node {node.host} does not see or cannot write the folder that this node "
                f"({here.host}) uses; with several nodes give an --out on a filesystem that all mount (NFS, "
                "Lustre, a mounted bucket)"
            )
        for name, here_is in here.versions.items():
            if node.versions[name] != here_is:
                raise BadInput(
                    f"node {node.host} has {name} {node.versions[name]}, this one ({here.host}) {here_is}: "
                    "numbers of two versions would be mixed; install the same on all nodes"
                )
        if node.code != here.code:
            raise BadInput(
                f"node {node.host} has other code of the project than this one ({here.host}); update it "
                "there, or send this one along: ray job submit --working-dir"
            )
        off = max(before - node.clock, node.clock - here.clock, 0.0)
        if off > LARGEST_SKEW:
            raise BadInput(
                f"node {node.host}: its clock is {off:.0f} s off this one's ({here.host}); set both right"
            )


def reach(address: str) -> None:
    """Raise BadInput where a cluster's address ("host:port") is none, or nothing answers there."""
    if address in ("auto", "local"):
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise BadInput(f"RAY_ADDRESS={address}: write it as the head's HOST:PORT, such as 10.0.0.1:6379")
    try:
        socket.create_connection((host, int(port)), timeout=_REACH_SECONDS).close()
    except OSError as error:
        raise BadInput(
            f"RAY_ADDRESS={address}: the head does not answer ({error}); is it up (ray start --head), and is "
            "its port open from here? Without RAY_ADDRESS the run starts Ray on this machine"
        ) from error


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _writable(mark: Path) -> bool:
    """Return whether this node sees a mark, and can write beside it."""
    mine = mark.with_name(private_name())
    try:
        if not mark.exists():
            return False
        mine.touch()
        mine.unlink()
    except OSError:
        return False
    return True
