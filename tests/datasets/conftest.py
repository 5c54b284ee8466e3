"""Four drawn clips for all tests of the readers."""

import pytest

from harness import datasets
from harness.datasets import synthetic
from tests.datasets.layouts import FACE, Drawn, decoded


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Drawn]:
    """Two clips of each of two speakers of the embedded corpus, sorted by id."""
    root = tmp_path_factory.mktemp("embedded")
    synthetic.write_corpus(synthetic.SynthSpec(speakers=2, size=FACE, seed=11, clips_per_speaker=2), root)
    return [decoded(sample) for sample in datasets.read("synthetic", root).samples]
