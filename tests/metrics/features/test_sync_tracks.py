"""metrics/features/sync_tracks.py: planted faces through the whole road, beside the peer's pipeline."""

import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import torch

from harness.media import encode
from harness.types import Clip, Unscorable
from metrics.features.sync import sync_score
from metrics.features.sync_tracks import LATENTSYNC, WAV2LIP_REAL, FaceStreams, scenes
from metrics.features.syncnet import SyncNetBackbone
from tests.metrics.random_syncnet import film, state_dict

FRAMES = 60


class Planted:
    """A detector that finds one slowly moving face, but for some frames."""

    def __init__(self, missing: tuple[int, ...] = (7, 31)) -> None:
        self.missing, self.frame = missing, -1

    def faces(self, picture: Any) -> Any:
        self.frame += 1
        box = np.array([60.0, 50, 180, 190]) + self.frame / 4
        return np.empty((0, 4)) if self.frame in self.missing else box[None]

    def detect_faces(self, image: Any, conf_th: float, scales: list[float]) -> Any:
        """The peer's signature."""
        assert (conf_th, scales) == (0.9, [0.25])
        return np.pad(self.faces(image), ((0, 0), (0, 1)), constant_values=0.99)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    clip = film(FRAMES, side=256)
    encode(path, clip.frames, clip.audio)
    return path


def of(path: Path) -> Clip:
    return Clip(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1, np.float32), path=path)


def test_the_road_is_the_peers(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = pytest.importorskip("syncnet_python", reason="the peer comes with the extra bench")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    # SyncNet's own pipeline hears the sound of the normalised file, the peer by itself that of the original.
    heard = tmp_path / "heard.avi"
    normalise = ["-qscale:v", "2", "-async", "1", "-r", "25", str(heard)]
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", str(source), *normalise], check=True)
    streams = FaceStreams(Planted(), replace(WAV2LIP_REAL, shortest_track=50))(of(source))  # type: ignore[arg-type]
    weights = state_dict(streams[0])
    network = package.SyncNetModel()
    network.load_state_dict(weights)
    peer = object.__new__(package.SyncNetPipeline)
    vars(peer).update(cfg=package.syncnet_pipeline.PipelineConfig(), device="cpu", s3fd=Planted())
    peer.syncnet = package.SyncNetInstance(network, device="cpu")
    with torch.no_grad():
        offsets, confidences, distances, *_ = peer.inference(str(source), str(heard))
    (ours,) = [sync_score(stream, SyncNetBackbone(weights)) for stream in streams]
    assert [ours.offset] == offsets
    assert [ours.confidence, ours.distance] == pytest.approx([*confidences, *distances], abs=1e-4)
    assert ours.confidence > 1e-3


@pytest.mark.parametrize("recipe", [LATENTSYNC, replace(WAV2LIP_REAL, shortest_track=50)])
def test_a_track_becomes_a_clip_of_its_frames_and_sound(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (stream,) = FaceStreams(Planted(missing=(0, 1, 59)), recipe)(of(source))  # type: ignore[arg-type]
    assert stream.frames.shape == (57, 224, 224, 3)
    assert stream.audio is not None
    assert len(stream.audio) == pytest.approx(57 * 640, abs=1100)  # AAC comes in blocks of 1024
    assert list(tmp_path.iterdir()) == []


def test_a_clip_without_a_long_track_says_so(source: Path) -> None:
    blind = SimpleNamespace(faces=lambda picture: np.empty((0, 4)))
    with pytest.raises(Unscorable, match="no face track of more than 50 frames and 100 px"):
        FaceStreams(blind, LATENTSYNC)(of(source))  # type: ignore[arg-type]
    with pytest.raises(Unscorable, match="no face track of more than 100 frames"):
        FaceStreams(Planted(), WAV2LIP_REAL)(of(source))  # type: ignore[arg-type]


def test_scenes_are_cut_where_the_picture_changes(tmp_path: Path) -> None:
    dark = np.full((30, 64, 64, 3), 20, np.uint8)
    encode(tmp_path / "cut.mp4", np.concatenate([dark, dark + 200]), None)
    encode(tmp_path / "whole.mp4", dark, None)
    assert scenes(tmp_path / "cut.mp4") == [(0, 30), (30, 60)]
    assert scenes(tmp_path / "whole.mp4") == [(0, 30)]
