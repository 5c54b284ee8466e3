"""Shared by the tests of the metrics."""

from pathlib import Path

import pytest

from harness.datasets.crema_d import read
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.types import Pair, Sample
from metrics.bench import random_weights as random_weights_module
from metrics.features.judge_data import check_pair


@pytest.fixture(scope="session")
def drawn_samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Twelve clips of two speakers of the embedded corpus, of a seed that no judge was trained on."""
    root = tmp_path_factory.mktemp("drawn")
    write_corpus(SynthSpec(speakers=2, size=64, seed=77, clips_per_speaker=6), root)
    return list(read(root).samples)


@pytest.fixture(scope="session")
def drawn_pairs(drawn_samples: list[Sample]) -> list[Pair]:
    """The same clips as a run would measure the ground truth, at 64 px."""
    return [check_pair(sample) for sample in drawn_samples]


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of random weights under the published names, in the layouts of the peers."""
    folder = tmp_path_factory.mktemp("weights")
    random_weights_module.write(folder)
    return folder
