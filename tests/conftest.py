"""Shared by all tests: one thread a test process, and where the material outside the project may lie."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips and weights; a test that needs it skips where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared"
    folder = Path(os.environ.get("HARNESS_SHARED", default))
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: real clips and weights are not part of the project")
    return folder
