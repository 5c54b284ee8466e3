"""The file of a prepared clip: lossless, the same bytes every time, read by tar and by Ray Data."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from harness import prepare
from harness.prepare import PreparedClip
from harness.prepared import crops, index, packing, tars
from harness.prepared.index import Row
from harness.prepared.packing import Piece
from harness.types import BadInput, Sample


def pictures(count: int, size: int, seed: int = 0) -> np.ndarray:
    """Noise over a slope: nothing that a codec could lose unseen."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 200, size)[None, :, None, None] + np.arange(count)[:, None, None, None]
    return (slope + rng.integers(0, 55, (count, size, size, 3))).astype(np.uint8)


def clip(count: int = 6, size: int = 32, sound: bool = True, seed: int = 0) -> PreparedClip:
    rng = np.random.default_rng(seed)
    audio = rng.standard_normal(count * 640).astype(np.float32) if sound else None
    landmarks = rng.uniform(0, size, (count, 68, 2)).astype(np.float32)
    mask = rng.random((count, size, size)) < 0.5
    return PreparedClip(pictures(count, size, seed), audio, landmarks, mask, np.ones((count, 3), np.float32))


@pytest.mark.parametrize("size", [32, 50, 64, 256])
def test_crops_are_lossless_and_any_window_can_be_read(size: int, tmp_path: Path) -> None:
    frames = pictures(9, size)
    crops.write(tmp_path / "a.avi", iter(frames), size)
    crops.write(tmp_path / "b.avi", iter(frames), size)
    content = (tmp_path / "a.avi").read_bytes()
    assert content == (tmp_path / "b.avi").read_bytes()
    np.testing.assert_array_equal(np.stack(list(crops.read(io.BytesIO(content)))), frames)
    some = list(crops.read(io.BytesIO(content), {2, 3, 7}))
    np.testing.assert_array_equal(np.stack(some), frames[[2, 3, 7]])
    assert list(crops.read(io.BytesIO(content), ())) == []


@pytest.mark.parametrize("size", [32, 50])
@pytest.mark.parametrize("sound", [True, False])
def test_a_clip_comes_back_as_it_was(size: int, sound: bool, tmp_path: Path) -> None:
    made = clip(size=size, sound=sound)
    prepare.save(tmp_path / "a.tar", made)
    again = prepare.load(tmp_path / "a.tar")
    for name in ("frames", "audio", "landmarks", "mask", "boxes"):
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name))
    assert prepare.frames_and_sound(tmp_path / "a.tar") == (6, sound)


@pytest.mark.parametrize(
    "clip_id", ["M003#angry#level_1#001", "RD_Radio1.2_0", "a/b c", "Zoë__ü%", "x" * 120]
)
def test_ids_are_keys_that_webdataset_groups_by(clip_id: str) -> None:
    key = tars.key(clip_id)
    assert tars.clip_of(key) == clip_id
    assert "." not in key and "/" not in key and key.isascii()


def shard_of(folder: Path, ids: tuple[str, ...]) -> tuple[Path, list[Row]]:
    """Pack clips into one shard."""
    from harness.prepared.packing import Pack
    from harness.prepared.place import Place

    place = Place(str(folder))
    place.begin()
    pieces = []
    for number, name in enumerate(ids):
        path = folder / f"piece{number}.tar"
        prepare.save(path, clip(seed=number))
        pieces.append(Piece(Sample(name, Path("x.mp4"), None, "anna", "happy"), "stamp", path, None))
    rows = Pack(place).open()((0, pieces))
    return folder / "shard-00000.tar", rows


IDS = ("1001_DFA", "a.b", "Zoë")


def test_a_shard_is_read_by_tar_and_each_clip_by_its_address(tmp_path: Path) -> None:
    shard, rows = shard_of(tmp_path, IDS)
    with tarfile.open(shard) as tar:
        names = tar.getnames()
        told = [json.load(tar.extractfile(n)) for n in names if n.endswith(".json")]  # type: ignore[arg-type]
    assert [n.partition(".")[2] for n in names] == ["json", "npz", "wav", "avi"] * 3
    assert [t["id"] for t in told] == list(IDS)
    assert {(t["speaker"], t["emotion"], t["frames"]) for t in told} == {("anna", "happy", 6)}
    for number, row in enumerate(rows):
        assert row.offset is not None and row.digest is not None
        address = tars.address(shard, row.offset, row.digest)
        np.testing.assert_array_equal(prepare.load(address).frames, clip(seed=number).frames)
        assert prepare.describe(address)["id"] == row.id
        assert tars.content(address) == row.digest
        assert tars.is_sample(address)
    assert len({row.digest for row in rows}) == 3


def test_ray_data_reads_a_shard(tmp_path: Path) -> None:
    import ray
    import ray.data

    shard, _ = shard_of(tmp_path, IDS)
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        found = ray.data.read_webdataset(str(shard)).take_all()
    finally:
        ray.shutdown()
    assert [tars.clip_of(row["__key__"]) for row in found] == list(IDS)
    assert [row["json"]["emotion"] for row in found] == ["happy"] * 3
    np.testing.assert_array_equal(
        np.stack(list(crops.read(io.BytesIO(found[1]["avi"])))), clip(seed=1).frames
    )


def test_a_shard_cut_short_is_named(tmp_path: Path) -> None:
    shard, rows = shard_of(tmp_path, IDS)
    address = tars.address(shard, rows[0].offset or 0, rows[0].digest or "")
    shard.write_bytes(shard.read_bytes()[:-2000])
    with pytest.raises(BadInput, match=r"shard-00000\.tar"):
        prepare.load(address)


def test_shards_fill_in_order_up_to_the_limit(tmp_path: Path) -> None:
    def piece(name: str, size: int) -> Piece:
        path = tmp_path / name
        path.write_bytes(bytes(size))
        sample = Sample(name, path, None, None, None)
        return Piece(sample, "", path if size else None, None if size else "bad")

    pieces = [
        piece(n, s) for n, s in (("a", 40), ("b", 0), ("c", 50), ("d", 0), ("e", 20), ("f", 300), ("g", 1))
    ]
    full, left = packing.filled(pieces, 100)
    assert [[p.sample.id for p in shard] for shard in full] == [["a", "b", "c", "d"], ["e"], ["f"]]
    assert [p.sample.id for p in left] == ["g"]
    # However the clips come, the shards are the same.
    early, rest = packing.filled(pieces[:4], 100)
    late, end = packing.filled([*rest, *pieces[4:]], 100)
    assert [*early, *late] == full and end == left


def test_the_index_keeps_every_column(tmp_path: Path) -> None:
    rows = [
        Row("a", "s", "shard-00000.tar", 0, 10, "d", 5, 64, True, "anna", "happy", "low", "Hello.", "train",
            {"happy": 0.75, "sad": 0.25}, "front", [0.5, 2.0], [1, 2, 3, 4]),
        Row("b", "", reason="no face"),
    ]  # fmt: skip
    index.write(tmp_path / "i", rows)
    with (tmp_path / "i").open("rb") as file:
        assert index.read(file, "i") == rows
    (tmp_path / "i").write_bytes(b"no table")
    with (tmp_path / "i").open("rb") as file, pytest.raises(BadInput, match="here: not the index"):
        index.read(file, "here")
