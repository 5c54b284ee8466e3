"""Weights and prepared shards by URL: copied once, checked, and the numbers of local ones."""

import os
from pathlib import Path

import fsspec
import pytest

from harness import catalog, config, datasets, mirror
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.jobs import InProcess
from harness.prepared.command import Asked, Preparation
from harness.store import Store
from harness.types import BadInput
from harness.weights import Weights, cache_folder
from tests.test_weights import entry_of

SWEEP = """
name: far
data: {{reader: prepared, root: "{root}"}}
methods: [{{name: cvae}}]
metrics: [psnr]
"""


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shards")
    write_corpus(SynthSpec(speakers=3, size=64, seed=4, clips_per_speaker=2), root / "corpus")
    made = root / "made"
    Preparation(Asked("synthetic", root / "corpus", str(made), 64, "none", Weights())).run(InProcess())
    return made


@pytest.fixture
def url(shards: Path, tmp_path: Path) -> str:
    """The shards in an object store."""
    fsspec.filesystem("memory").put(f"{shards}/", f"/bucket/{tmp_path.name}", recursive=True)
    return f"memory://bucket/{tmp_path.name}"


def test_a_file_of_weights_is_copied_once_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_of(b"tensors", monkeypatch)
    far = fsspec.filesystem("memory")
    far.pipe_file("/nets/small.pth", b"tensors")
    found = Weights("memory://nets").path("small")
    assert found.read_bytes() == b"tensors" and found.is_relative_to(cache_folder())
    far.rm_file("/nets/small.pth")
    assert Weights("memory://nets").path("small") == found
    monkeypatch.setenv("HARNESS_WEIGHTS", "memory://nets")
    assert Weights().path("small") == found

    far.pipe_file("/others/small.pth", b"random")
    with pytest.raises(BadInput, match="not the published"):
        Weights("memory://others").path("small")
    with pytest.raises(BadInput, match=r"put it in memory://nothing or "):
        monkeypatch.delenv("HARNESS_WEIGHTS")
        Weights("memory://nothing").path("small")


def test_a_place_that_cannot_be_opened_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    entry_of(b"tensors", monkeypatch)
    with pytest.raises(BadInput, match="nosuch://bucket"):
        Weights("nosuch://bucket").path("small")


def test_shards_by_url_are_the_corpus_that_local_ones_are(url: str, shards: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    folder = mirror.prepared(url, store)
    far, near = (datasets.read("prepared", root) for root in (folder, shards))
    assert [s.video.relative_to(folder) for s in far.samples] == [
        s.video.relative_to(shards) for s in near.samples
    ]
    for sample in near.samples:
        shard = sample.video.parent
        assert (folder / shard.name).read_bytes() == shard.read_bytes()
    stamps = {p: os.stat(p).st_mtime_ns for p in folder.iterdir()}
    assert mirror.prepared(url, store) == folder
    assert {p: os.stat(p).st_mtime_ns for p in folder.iterdir()} == stamps


def test_a_clip_that_is_not_what_the_index_says_is_refused(url: str, tmp_path: Path) -> None:
    far = fsspec.filesystem("memory")
    (shard, *_) = [p for p in far.ls(f"/bucket/{tmp_path.name}", detail=False) if p.endswith(".tar")]
    content = bytearray(far.cat_file(shard))
    content[700] ^= 1
    far.pipe_file(shard, bytes(content))
    with pytest.raises(BadInput, match=r"is not what .* says"):
        mirror.prepared(url, Store(tmp_path / "store"))
    assert not [*(tmp_path / "store").rglob("*.tar")]
    far.rm_file(shard)
    with pytest.raises(BadInput, match="a shard of the index that is not there"):
        mirror.prepared(url, Store(tmp_path / "store"))


def test_a_sweep_takes_urls_of_shards_and_weights(url: str, tmp_path: Path) -> None:
    path = tmp_path / "far.yaml"
    path.write_text(SWEEP.format(root=url) + "weights: memory://nets1\n")
    with pytest.raises(BadInput, match="memory://nets1: nothing lies there"):
        config.load(path)
    fsspec.filesystem("memory").pipe_file("/nets1/small.pth", b"tensors")
    chosen = config.load(path)
    assert (chosen.data.root, chosen.data.size, chosen.weights) == (url, 64, "memory://nets1")
    assert config.Sweep.model_validate(chosen.model_dump(mode="json")) == chosen
    near = config.load(path, ["weights=null", f"data={{reader: synthetic, root: {tmp_path}}}"])
    assert near.data.root == tmp_path and catalog.method(near.methods[0].name)
    with pytest.raises(BadInput, match="prepared shards alone"):
        config.load(path, ["data={reader: crema_d, root: 's3://bucket/corpus'}"])
    with pytest.raises(BadInput, match=r"no prepared\.json"):
        config.load(path, ["data.root=memory://bucket/empty"])
