"""The streaming loader: windows are the clips' own, an epoch is a function of its seed, resumed exactly."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from harness import audio, prepare
from harness.loader import Batch, Change, Plan, ShardWindows
from harness.prepare import PreparedClip
from harness.prepared import index
from harness.prepared.packing import Pack, Piece
from harness.prepared.place import Place
from harness.types import BadInput, Sample
from methods.nets.augment import one_change

FRAMES = {"a": 30, "b": 41, "c": 5, "d": 23, "e": 60, "f": 33, "g": 47, "h": 12}
PLAN = Plan(batch=2, every=10, buffer=6)
SIZE = 32


def clip(number: int, frames: int) -> PreparedClip:
    rng = np.random.default_rng(number)
    return PreparedClip(
        rng.integers(0, 256, (frames, SIZE, SIZE, 3), np.uint8),
        None if number == 7 else rng.standard_normal(frames * 640).astype(np.float32) / 10,
        rng.uniform(0, SIZE, (frames, 68, 2)).astype(np.float32),
        rng.random((frames, SIZE, SIZE)) < 0.5,
    )


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four shards of two clips; c is too short for two windows, h is silent."""
    out = tmp_path_factory.mktemp("shards")
    place = Place(str(out))
    place.begin()
    pieces = []
    for number, (name, frames) in enumerate(FRAMES.items()):
        path = out / f"piece-{name}.tar"
        prepare.save(path, clip(number, frames))
        pieces.append(Piece(Sample(name, path, None, None, "happy"), "", path, None))
    rows = [row for n in range(4) for row in Pack(place).open()((n, pieces[2 * n : 2 * n + 2]))]
    index.write(out / index.NAME, [*rows, index.Row("x", "", reason="no face")])
    place.tidy()
    return out


def batches(shards: Path, workers: int = 0, epoch: int = 0, position: int = 0, **more: object) -> list[Batch]:
    windows = ShardWindows(str(shards), PLAN, seed=3, **more)  # type: ignore[arg-type]
    return list(DataLoader(windows.at(epoch, position), batch_size=None, num_workers=workers))


def places(found: list[Batch]) -> list[tuple[str, int]]:
    return [(c, int(s)) for batch in found for c, s in zip(batch.clips, batch.starts, strict=True)]


def same(one: Batch, other: Batch) -> bool:
    arrays = all(torch.equal(a, b) for a, b in zip(one[:-1], other[:-1], strict=True))
    return arrays and one.clips == other.clips


def test_windows_are_the_clips_own(shards: Path) -> None:
    found = batches(shards)
    assert len(found) >= 10
    numbers = {name: i for i, name in enumerate(FRAMES)}
    rows = {r.id: r for r in ShardWindows(str(shards), PLAN, seed=3).rows.values()}
    assert set(rows) == set("abdefg")
    for batch in found:
        for i, (name, start) in enumerate(zip(batch.clips, batch.starts.tolist(), strict=True)):
            real = clip(numbers[name], FRAMES[name])
            part = slice(start, start + 5)
            np.testing.assert_array_equal(batch.frames[i].numpy(), real.frames[part].transpose(0, 3, 1, 2))
            np.testing.assert_array_equal(batch.mask[i, :, 0].numpy(), real.mask[part])
            np.testing.assert_array_equal(batch.landmarks[i].numpy(), real.landmarks[part])
            assert real.audio is not None
            mel = audio.mel_windows(real.audio, FRAMES[name])
            np.testing.assert_allclose(batch.mel[i].numpy(), mel[part], atol=1e-5)
            distance = np.abs(mel - batch.other_mel[i].numpy()).max(axis=(1, 2))
            assert distance.argmin() != start and distance.min() < 1e-5
            assert distance.argmin() <= FRAMES[name] - 5


def test_an_epoch_is_a_function_of_its_seed_and_each_window_comes_once(shards: Path) -> None:
    first = batches(shards)
    assert all(same(a, b) for a, b in zip(first, batches(shards), strict=True))
    taken = places(first)
    assert max(Counter(taken).values()) == 1
    assert all(times <= FRAMES[name] // 10 for name, times in Counter(name for name, _ in taken).items())
    assert set(places(batches(shards, epoch=1))) != set(taken)
    # Shuffled: neighbours in a batch are not all of one clip.
    assert any(len(set(batch.clips)) == 2 for batch in first)


@pytest.mark.parametrize("workers", [0, 2])
def test_resumed_at_any_batch_the_rest_is_the_same(shards: Path, workers: int) -> None:
    whole = batches(shards, workers)
    for position in (1, 4, 7, len(whole)) if workers == 0 else (3,):
        rest = batches(shards, workers, position=position)
        assert len(rest) == len(whole) - position
        assert all(same(a, b) for a, b in zip(whole[position:], rest, strict=True))


def test_ranks_share_the_shards_and_get_equally_many_batches(shards: Path) -> None:
    ranks = [batches(shards, share=(rank, 2)) for rank in range(2)]
    assert len(ranks[0]) == len(ranks[1]) == ShardWindows(str(shards), PLAN, 3, share=(0, 2)).batches(0)
    owners = [{c for batch in rank for c in batch.clips} for rank in ranks]
    assert not owners[0] & owners[1]
    with pytest.raises(BadInput, match="4 shards for 5 readers"):
        batches(shards, share=(0, 5))


def test_only_the_clips_asked_for_are_given(shards: Path) -> None:
    found = batches(shards, clips={"a", "g", "h"})
    assert {c for batch in found for c in batch.clips} <= {"a", "g"}
    with pytest.raises(BadInput, match="none of its 9 clips"):
        batches(shards, clips={"c"})


def test_a_change_of_colours_is_drawn_once_a_clip(shards: Path) -> None:
    def grey(rng: np.random.Generator, size: int) -> Change:
        value = np.float32(rng.random())
        return lambda frames: np.full(frames.shape, value, np.float32)

    found = batches(shards, colours=grey)
    assert places(found) == places(batches(shards))
    values: dict[str, set[float]] = defaultdict(set)
    for batch in found:
        for name, frames in zip(batch.clips, batch.frames, strict=True):
            values[name].update(frames.unique().tolist())
    assert all(len(one) == 1 for one in values.values())
    assert len(set.union(*values.values())) == len(values) > 3


def test_the_papers_change_fits_the_loader(shards: Path) -> None:
    plain, changed = batches(shards), batches(shards, colours=one_change)
    pairs = [(b.frames / 255, c.frames) for b, c in zip(plain, changed, strict=True)]
    assert all(c.dtype == torch.float32 and c.min() >= 0 and c.max() <= 1 for _, c in pairs)
    assert any(not torch.allclose(b, c, atol=1e-6) for b, c in pairs)


def test_a_shard_that_is_damaged_is_named(shards: Path, tmp_path: Path) -> None:
    for file in shards.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    victim = tmp_path / "shard-00002.tar"
    content = bytearray(victim.read_bytes())
    content[:600] = bytes(600)
    victim.write_bytes(content)
    with pytest.raises(BadInput, match=r"shard-00002\.tar"):
        batches(tmp_path)
    victim.unlink()
    with pytest.raises(BadInput, match=r"shard-00002\.tar"):
        batches(tmp_path)


def test_shards_are_streamed_from_a_url(shards: Path) -> None:
    import fsspec

    fsspec.filesystem("memory").put(str(shards), "/loader", recursive=True)
    url = ShardWindows("memory://loader", PLAN, seed=3)
    assert all(same(a, b) for a, b in zip(batches(shards), url, strict=True))


def test_mel_slices_equal_the_whole_mel() -> None:
    sound = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    whole = np.pad(audio.mel_spectrogram(sound), ((0, 0), (0, 40)), constant_values=-4.0)
    for first in (0, 1, 2, 3, 40, 64, 70, 80, 95):
        np.testing.assert_allclose(audio.mel_slice(sound, first, 16), whole[:, first : first + 16], atol=1e-5)
