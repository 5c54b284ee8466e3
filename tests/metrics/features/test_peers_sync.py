"""Parity of the LSE family with syncnet-python's SyncNetInstance.evaluate, on files, by random weights."""

from pathlib import Path

import pytest
import torch

from harness.media import encode, read_clip
from metrics.features.peers_sync import compare_sync
from tests.metrics.random_syncnet import film, state_dict

pytest.importorskip("syncnet_python", reason="the peer comes with the extra bench")


def check(clip: Path, weights: Path) -> None:
    torch.save(state_dict(read_clip(clip)), weights / "syncnet_v2.model")
    (found,) = compare_sync([clip], weights)
    assert found.ours[0] == found.peer[0]
    assert found.ours[1:] == pytest.approx(found.peer[1:], abs=1e-4)
    assert found.ours[1] > 1e-3  # else the parity would be of nothing
    assert min(found.peer_seconds, found.our_seconds) > 0


def test_on_a_film_of_this_project(tmp_path: Path) -> None:
    clip = film(29, side=96)
    encode(tmp_path / "film.mp4", clip.frames, clip.audio)
    check(tmp_path / "film.mp4", tmp_path)


@pytest.mark.parametrize("name", ["LRS3_0Fi83BHQsMA_00002.mp4", "GRID_bbaf2n.mpg"])
def test_on_real_clips(shared: Path, tmp_path: Path, name: str) -> None:
    check(shared / "clips" / name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["syncnet_example.avi", "MEAD_W036_level_3_happy_007.mp4", "GRID_lrwp9a.mpg"]
)
def test_on_longer_real_clips(shared: Path, tmp_path: Path, name: str) -> None:
    check(shared / "clips" / name, tmp_path)
