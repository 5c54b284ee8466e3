"""One made-up run for all tests of a session; each study has a database of its own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.study.site import Site, make_run, make_site


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("study") / "run")


@pytest.fixture
def begin_site(run_dir: Path, tmp_path: Path) -> Callable[..., Site]:
    def begin(**keys: object) -> Site:
        return make_site(run_dir, f"sqlite:///{tmp_path}/votes.sqlite", **keys)

    return begin
