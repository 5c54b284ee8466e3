import pytest
from made_up import EMOTIONS, SIZE, made_up_clip

from harness import prepare
from harness.contracts import TrainingData


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    """Two speakers, two emotions, one clip each."""
    folder = tmp_path_factory.mktemp("prepared")
    paths = [folder / f"{i}.npz" for i in range(4)]
    for i, path in enumerate(paths):
        prepare.save(path, made_up_clip(i, i % 2))
    return TrainingData(tuple(paths), ("a", "a", "b", "b"), EMOTIONS * 2, ("train",) * 4, SIZE)
