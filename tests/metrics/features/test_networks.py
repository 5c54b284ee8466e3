"""The feature networks against the packages whose layouts they load, with random weights if need be."""

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.store import Store
from harness.types import BadInput, Clip, Pair
from harness.weights import Weights
from metrics.features import efficientnet, inception
from metrics.features.frame_features import PROTOCOLS, frames_to_features, network, pair_features
from metrics.features.frechet import frechet_distance
from tests.metrics.frames import moving_frames, noisy, pair

INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"


def test_inception_equals_pytorch_fid(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer_module = pytest.importorskip("pytorch_fid.inception")
    state = torch.load(random_weights / INCEPTION_FILE, weights_only=True)
    monkeypatch.setattr(peer_module, "load_state_dict_from_url", lambda *_, **__: state)
    peer = peer_module.InceptionV3().eval()
    frames = np.concatenate([moving_frames(4, 64), noisy(moving_frames(4, 64, seed=3), 30)])
    with torch.no_grad():
        expected = peer(torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255)[0][:, :, 0, 0].numpy()
    found = frames_to_features(inception.load(Weights(random_weights, True)), frames, 8)
    assert found.shape == (8, 2048) and expected.std() > 0.01
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.mean())
    assert frechet_distance(found[:4], found[4:]) == pytest.approx(
        frechet_distance(expected[:4], expected[4:]), rel=1e-5
    )


def test_inception_of_another_layout_is_bad_input(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / INCEPTION_FILE)
    with pytest.raises(BadInput, match="not in the layout of pytorch-fid"):
        inception.load(Weights(tmp_path, allow_unverified=True))


def test_efficientnet_equals_its_package() -> None:
    package = pytest.importorskip("efficientnet_lite_pytorch")
    peer = package.EfficientNet.from_name("efficientnet-lite0").eval()
    peer.load_state_dict(Weights().state_dict("efficientnet-lite0"))
    side = efficientnet.INPUT_SIDE
    frames = noisy(moving_frames(3, side), 10)
    inputs = (torch.from_numpy(frames).permute(0, 3, 1, 2).float() - 127) / 128
    with torch.no_grad():
        expected = peer.extract_features(inputs).mean((2, 3)).numpy()
    found = frames_to_features(efficientnet.load(Weights()), frames, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * expected.mean())


def test_efficientnet_knows_a_cat() -> None:
    data = pytest.importorskip("skimage.data")
    cat = np.ascontiguousarray(data.chelsea()[:300, 75:375])
    weights = Weights()
    head = weights.state_dict("efficientnet-lite0")
    pooled = frames_to_features(efficientnet.load(weights), cat[None], 1)
    scores = pooled @ head["_fc.weight"].numpy().T + head["_fc.bias"].numpy()
    assert 281 <= scores.argmax() <= 285, "ImageNet's classes 281 to 285 are cats"


@pytest.mark.parametrize("batch", [1, 3])
def test_batch_size_does_not_matter(batch: int) -> None:
    net = efficientnet.load(Weights())
    frames = moving_frames(7)
    whole = frames_to_features(net, frames, 7)
    np.testing.assert_allclose(frames_to_features(net, frames, batch), whole, rtol=1e-4, atol=1e-5)


def test_one_pass_a_side_is_shared_and_strided(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = Weights()
    calls: list[int] = []
    net = network("embedded", weights)
    net.register_forward_hook(lambda _, inputs, __: calls.append(len(inputs[0])))
    real, fake = moving_frames(12), noisy(moving_frames(13), 10)
    both = pair(fake, real)
    first = pair_features(both, "embedded", weights)
    again = pair_features(both, "embedded", weights)
    assert calls == [3, 3]
    assert np.shares_memory(first["generated"], again["generated"])
    expected = frames_to_features(net, real[[0, 5, 10]], PROTOCOLS["embedded"].batch)
    np.testing.assert_array_equal(first["reference"], expected)
    assert not np.allclose(first["generated"], first["reference"])


def test_a_reference_is_passed_through_once_for_all_methods_whatever_their_length(tmp_path: Path) -> None:
    weights, real = Weights(), moving_frames(30)
    rows = []
    net = network("embedded", weights)
    handle = net.register_forward_hook(lambda _, inputs, __: rows.append(len(inputs[0])))
    for length in (30, 17):
        both = Pair(
            "c", Clip(noisy(real, 9)[:length], None), Clip(real, None, shared=True), store=Store(tmp_path)
        )
        found = pair_features(both, "embedded", weights)
        assert found["generated"].shape == found["reference"].shape == (-(-length // 5), 1280)
        expected = frames_to_features(efficientnet.load(weights), real[:length:5], 16)
        np.testing.assert_allclose(found["reference"], expected, rtol=0, atol=1e-5)
    handle.remove()
    assert sum(rows) == 6 + 6 + 4, "two methods' own frames, and the reference's once"
