"""The engine tells where a split comes from, and stops before it trains on people whom it tests."""

import json
from pathlib import Path

import pytest

from harness import config, corpus, datasets
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.jobs import InProcess
from harness.pipeline import Engine, Run
from harness.record import Record, about_sweep
from harness.store import Store
from harness.trials import run_in_process
from harness.types import BadInput
from harness.weights import Weights
from tests.datasets.layouts import made

SPLIT = "name: three\nversion: 4\nspeakers: {train: [1001], val: [1002], test: [1003]}\n"
SWEEP = """
name: leak
data: {{reader: crema_d, root: {root}, split: {file}}}
training_data: {{reader: crema_d, root: {root}, size: 32, split: {trained}}}
methods: [{{name: tests.toys, label: toy}}]
metrics: [psnr]
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(SynthSpec(speakers=3, size=64, seed=5, clips_per_speaker=1), folder)
    return folder


def test_a_corpus_says_what_it_is_and_where_its_split_is_from(root: Path, tmp_path: Path) -> None:
    (tmp_path / "three.yaml").write_text(SPLIT)
    data = config.validated(
        config.Data, {"reader": "crema_d", "root": root, "split": tmp_path / "three.yaml"}, "test"
    )
    found = corpus.gather(InProcess(), data, 1, Store(tmp_path / "store"), Weights(None))
    assert {s.speaker: s.split for s in found.samples} == {"1001": "train", "1002": "val", "1003": "test"}
    assert found.split_source.startswith("three version 4 (")
    assert len(found.emotions) == 6 and found.notes == ()
    assert found.population == ("embedded", "5")


def test_which_corpora_show_the_same_people(root: Path, tmp_path: Path) -> None:
    def population(reader: str, folder: Path) -> tuple[str, ...]:
        return datasets.read(reader, folder).population

    published, elsewhere = tmp_path / "one", tmp_path / "two"
    for folder in (published, elsewhere):
        for name in ("VideoFlash/1001_DFA_ANG_XX.flv", "M003#sad#level_1#001.mp4"):
            made(folder / name).write_bytes(b"film")
        made(folder / "M003/video/left_30/sad/level_1/001.mp4").write_bytes(b"film")
    assert population("synthetic", root) == population("crema_d", root) == ("embedded", "5")
    assert population("crema_d", published) == population("crema_d", elsewhere) == ("crema_d",)
    assert population("mead", published) == population("mead:left_30", elsewhere) == ("mead",)
    assert population("folder", published) != population("folder", elsewhere)
    assert population("folder", published) == population("folder", elsewhere / ".." / "one")


def test_training_on_a_tested_speaker_stops_the_run_and_the_record_names_both_splits(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "three.yaml").write_text(SPLIT)
    path = tmp_path / "leak.yaml"
    path.write_text(
        SWEEP.format(root=root, file=tmp_path / "three.yaml", trained="{train: 1, val: 0, test: 0}")
    )
    chosen = config.load(path)
    out = tmp_path / "out"
    out.mkdir()
    record = Record.begin(out, about_sweep(chosen), ["test"], resume=False)
    road = Run(chosen, out, Engine(InProcess(), run_in_process), record, Store(tmp_path / "store"))
    with pytest.raises(BadInput, match="trains on 1 speakers that data tests: 1003: a leak"):
        road.go()
    told = json.loads((out / "run.json").read_text())
    assert told["split"]["source"].startswith("three version 4 (")
    assert told["training_split"]["source"] == "drawn with seed 1"
    assert told["split"]["hash"] != told["training_split"]["hash"]
