from dataclasses import replace

import numpy as np
import pytest
from made_up import EMOTIONS, SIZE, request_for
from tiny import TINY, spoken_clip

from harness import prepare
from harness.contracts import Training, TrainingData
from harness.types import Request
from harness.weights import Weights
from methods.synchrorama import Synchrorama
from methods.synchrorama.mood import frozen_fusion
from methods.synchrorama.scenes import Scene, Scenes


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    folder = tmp_path_factory.mktemp("spoken")
    paths = tuple(folder / f"{i}.tar" for i in range(4))
    for i, path in enumerate(paths):
        prepare.save(path, spoken_clip(i))
    texts, scenes = ("Hello there.",) * 4, ("A bright face that looks ahead.", "A dark face, close.") * 2
    return TrainingData(paths, ("a", "a", "b", "b"), EMOTIONS * 2, ("train",) * 4, SIZE, texts, scenes)


@pytest.fixture(scope="session")
def ready(corpus: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Training:
    root = tmp_path_factory.mktemp("stages")
    artefacts = {stage: root / stage for stage in Synchrorama.stages}
    start = Training(data=corpus, artefacts={}, report=lambda *_: None, seed=5, weights=Weights())
    for stage, needs in Synchrorama.stages.items():
        artefacts[stage].mkdir()
        needed = replace(start, artefacts={name: artefacts[name] for name in needs})
        Synchrorama(TINY).run_stage(stage, needed, artefacts[stage])
    return replace(start, artefacts=artefacts)


@pytest.fixture(scope="session")
def fitted(ready: Training) -> Synchrorama:
    method = Synchrorama(TINY)
    method.fit(ready)
    return method


@pytest.fixture(scope="session")
def asked(corpus: TrainingData) -> Request:
    return replace(request_for(corpus.clips[0]), text="Hello there.", frames=16)


@pytest.fixture(scope="session")
def scene(ready: Training) -> Scene:
    config = TINY.model_copy(update={"drop": 0.0})
    return Scenes(config, ready, frozen_fusion(config, ready), 2, 6).draw(np.random.default_rng(0), 2)
