"""metrics/features/syncnet.py and syncnet_fast.py; parity with the published evaluation: test_peers_sync."""

import numpy as np
import pytest
import torch

from harness.types import BadInput
from metrics.features.sync import mfcc_windows
from metrics.features.syncnet import SyncNet, SyncNetBackbone, _as_input
from tests.metrics.random_syncnet import film, state_dict


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return state_dict(film(27))


def test_the_fast_streams_equal_the_published_layers(weights: dict[str, torch.Tensor]) -> None:
    net = SyncNet().eval()
    net.load_state_dict(weights)
    backbone, clip = SyncNetBackbone(weights), film(14, seed=5)
    assert clip.audio is not None
    windows = mfcc_windows(clip.audio, 9)
    with torch.no_grad():
        video = net.video(_as_input(clip.frames).permute(3, 0, 1, 2))
        audio = net.audio(torch.from_numpy(windows)[:, None])
    np.testing.assert_allclose(backbone.video_features(clip.frames), video, atol=1e-4)
    np.testing.assert_allclose(backbone.audio_features(windows), audio, atol=1e-4)
    assert video.std() > 0.3 and audio.std() > 0.3


def test_windows_in_one_pass_equal_windows_one_by_one(weights: dict[str, torch.Tensor]) -> None:
    backbone = SyncNetBackbone(weights)
    frames = film(18).frames
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
    weights: dict[str, torch.Tensor],
) -> None:
    published = {key: value for key, value in weights.items() if not key.endswith("num_batches_tracked")}
    SyncNetBackbone(published)
    with pytest.raises(BadInput, match=r"netfclip\.3\.bias"):
        SyncNetBackbone({key: value for key, value in published.items() if key != "netfclip.3.bias"})
    with pytest.raises(BadInput, match="another shape"):
        SyncNetBackbone({**published, "netfcaud.3.bias": torch.zeros(7)})
