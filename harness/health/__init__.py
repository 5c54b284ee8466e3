"""What `python -m harness.doctor` looks at, as plain findings: the machine, libraries, pretrained files.

A look never raises: what is missing is a finding with its remedy. Nothing heavy is imported here but where it
is the thing looked at, and Ray is tried in a process of its own, so that its failure is a finding, too.
"""

from collections.abc import Iterator
from pathlib import Path

from harness.health import files, libraries, machine
from harness.health.finding import Finding
from harness.health.verdict import verdicts

__all__ = ["Finding", "examine"]


def examine(folder: Path | None, serve_port: int, start_ray: bool) -> list[Finding]:
    """Return all findings, the verdicts last.

    folder: of pretrained files, searched first. serve_port: the one that harness.serve would take.
    """
    found = [*_looked_at(folder, serve_port, start_ray)]
    return [*found, *verdicts(found)]


def _looked_at(folder: Path | None, serve_port: int, start_ray: bool) -> Iterator[Finding]:
    yield from machine.facts()
    yield from libraries.packages()
    yield from libraries.codecs()
    if start_ray:
        yield machine.ray()
    yield machine.port(serve_port)
    yield from files.weights(folder)
