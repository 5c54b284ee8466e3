"""Shared by all tests: one thread a test process, and where the material outside the project may lie."""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

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


@pytest.fixture
def stlpips(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the package's own module, without two debugging aids that it imports and never uses."""
    for name, unused in (("torchsummary", "summary"), ("IPython", "embed")):
        stub = ModuleType(name)
        setattr(stub, unused, None)
        monkeypatch.setitem(sys.modules, name, stub)
    return importlib.import_module("stlpips_pytorch.stlpips")
