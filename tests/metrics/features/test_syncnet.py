"""metrics/features/syncnet.py: equal to the published evaluation on the same weights."""

import contextlib
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from harness.media import write_wav
from harness.types import BadInput, Clip
from metrics.features.sync import sync_score
from metrics.features.syncnet import SyncNet, SyncNetBackbone, _as_input

FRAMES = 27


@pytest.fixture(scope="module")
def state_dict() -> dict[str, torch.Tensor]:
    """He-initialised weights, with normalisation that keeps activations near 1."""
    generator = torch.Generator().manual_seed(0)
    net = SyncNet()
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.Conv3d | torch.nn.Linear):
            deviation = (2 / module.weight[0].numel()) ** 0.5
            module.weight.data = deviation * torch.randn(module.weight.shape, generator=generator)
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.running_mean = 0.3 * torch.randn(module.num_features, generator=generator)
            module.running_var = torch.rand(module.num_features, generator=generator) + 1
    net.netcnnlip[1].running_var *= 150.0**2
    net.netcnnaud[1].running_var *= 50.0
    return net.state_dict()


def noisy_frames(count: int) -> Any:
    """Return moving blobs at 224 px: random pictures that JPEG and resizing keep."""
    small = np.random.default_rng(2).integers(0, 256, (count, 14, 14, 3)).astype(np.uint8)
    return np.stack([cv2.resize(frame, (224, 224), interpolation=cv2.INTER_CUBIC) for frame in small])


def test_equal_to_the_peer_on_the_same_files(state_dict: dict[str, torch.Tensor], tmp_path: Path) -> None:
    peer = pytest.importorskip("syncnet_python.SyncNetInstance")
    model = pytest.importorskip("syncnet_python.SyncNetModel")
    audio = (np.random.default_rng(4).standard_normal(FRAMES * 640) * 0.1).astype(np.float32)
    write_wav(tmp_path / "audio.wav", audio)
    for index, frame in enumerate(noisy_frames(FRAMES)):
        cv2.imwrite(str(tmp_path / f"{index:06d}.jpg"), frame)
    read = np.stack([cv2.imread(str(path))[:, :, ::-1] for path in sorted(tmp_path.glob("*.jpg"))])

    net = model.S()
    net.load_state_dict(state_dict)
    options = SimpleNamespace(tmp_dir=str(tmp_path), batch_size=20, vshift=15)
    with contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        offset, confidence, distance = peer.SyncNetInstance(net, device="cpu").evaluate(options)

    ours = sync_score(Clip(read, audio), SyncNetBackbone(state_dict))
    assert ours.offset == offset
    assert ours.confidence == pytest.approx(confidence, abs=1e-4)
    assert ours.distance == pytest.approx(distance, abs=1e-4)
    assert ours.confidence > 1e-3  # else the parity would be of nothing


def test_windows_in_one_pass_equal_windows_one_by_one(state_dict: dict[str, torch.Tensor]) -> None:
    backbone = SyncNetBackbone(state_dict)
    frames = noisy_frames(18)
    together = backbone.video_features(frames)
    alone = np.concatenate([backbone.video_features(frames[i : i + 5]) for i in (0, 6, 13)])
    assert together.shape == (14, 1024)
    np.testing.assert_allclose(together[[0, 6, 13]], alone, atol=1e-4)


def test_frames_are_fed_blue_first_in_0_to_255() -> None:
    red = np.zeros((5, 96, 96, 3), np.uint8)
    red[..., 0] = 200
    fed = _as_input(red)
    assert fed.shape == (5, 224, 224, 3)
    assert fed.amax(dim=(0, 1, 2)).tolist() == [0.0, 0.0, 200.0]


def test_a_file_without_batch_counters_loads_and_a_wrong_one_does_not(
    state_dict: dict[str, torch.Tensor],
) -> None:
    published = {key: value for key, value in state_dict.items() if not key.endswith("num_batches_tracked")}
    SyncNetBackbone(published)
    with pytest.raises(BadInput, match=r"netfclip\.3\.bias"):
        SyncNetBackbone({key: value for key, value in published.items() if key != "netfclip.3.bias"})
    with pytest.raises(BadInput, match="another shape"):
        SyncNetBackbone({**published, "netfcaud.3.bias": torch.zeros(7)})
