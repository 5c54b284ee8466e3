"""metrics/lpips.py: identities, parity with lpips and stlpips-pytorch, and what its card says."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import torchvision

from harness.contracts import Setup
from harness.types import BadInput, Unscorable
from harness.weights import Weights
from metrics.features import lpips_net
from metrics.lpips import LPIPS
from tests.metrics.frames import moving_frames, noisy, pair


@pytest.fixture(scope="module")
def random_alexnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with random weights under the published name, in torchvision's own layout."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    trunk = torchvision.models.alexnet(weights=None).features
    state = {f"features.{name}": tensor for name, tensor in trunk.state_dict().items()}
    torch.save(state, folder / "alexnet-owt-7be5be79.pth")
    return folder


@pytest.fixture(scope="module")
def embedded() -> LPIPS:
    return LPIPS(Setup("embedded", Weights()))


def to_peer(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_identity_symmetry_and_monotonicity(embedded: LPIPS) -> None:
    real = moving_frames(6)
    fakes = [noisy(real, s) for s in (2, 8, 32)]
    assert embedded.measure(pair(real, real)).value == 0.0
    values = [embedded.measure(pair(fake, real)).value or 0 for fake in fakes]
    assert 0 < values[0] < values[1] < values[2]
    assert embedded.measure(pair(real, fakes[2])).value == pytest.approx(values[2], abs=1e-6)


@pytest.mark.parametrize("size", [64, 50])
def test_reference_equals_lpips(random_alexnet: Path, size: int) -> None:
    lpips = pytest.importorskip("lpips")
    real, fake = moving_frames(4, size), noisy(moving_frames(4, size), 15)
    metric = LPIPS(Setup("reference", Weights(random_alexnet, allow_unverified=True)))
    peer = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = torchvision.models.alexnet(weights=None).features
    state = torch.load(random_alexnet / "alexnet-owt-7be5be79.pth", weights_only=True)
    trunk.load_state_dict({name.removeprefix("features."): tensor for name, tensor in state.items()})
    indices = {
        "slice1": (0, 1),
        "slice2": (2, 3, 4),
        "slice3": (5, 6, 7),
        "slice4": (8, 9),
        "slice5": (10, 11),
    }
    for part, layers in indices.items():
        setattr(peer.net, part, torch.nn.Sequential(*(trunk[i] for i in layers)))
    with torch.no_grad():
        expected = peer(to_peer(fake), to_peer(real)).flatten().numpy()
    assert expected.min() > 1e-4
    net = lpips_net.load("reference", Weights(random_alexnet, allow_unverified=True))
    np.testing.assert_allclose(lpips_net.frame_lpips(net, fake, real), expected, rtol=0, atol=1e-6)
    assert metric.measure(pair(fake, real)).value == pytest.approx(expected.mean(), abs=1e-6)


@pytest.mark.parametrize("size", [64, 65])
def test_embedded_equals_stlpips(stlpips: ModuleType, size: int) -> None:
    real, fake = moving_frames(4, size), noisy(moving_frames(4, size), 15)
    peer = stlpips.LPIPS(net="alex", variant="shift_tolerant", verbose=False)
    with torch.no_grad():
        expected = peer(to_peer(fake), to_peer(real)).flatten().numpy()
    net = lpips_net.load("embedded", Weights())
    np.testing.assert_allclose(lpips_net.frame_lpips(net, fake, real), expected, rtol=0, atol=1e-6)


def test_batch_size_does_not_matter() -> None:
    net = lpips_net.load("embedded", Weights())
    real, fake = moving_frames(7), noisy(moving_frames(7), 15)
    one, all_at_once = (lpips_net.frame_lpips(net, fake, real, batch) for batch in (1, 7))
    np.testing.assert_allclose(one, all_at_once, rtol=0, atol=1e-6)


def test_embedded_takes_every_fifth_frame(embedded: LPIPS) -> None:
    real, fake = moving_frames(11), noisy(moving_frames(11), 15)
    chosen = [0, 5, 10]
    net = lpips_net.load("embedded", Weights())
    expected = lpips_net.frame_lpips(net, fake[chosen], real[chosen]).mean()
    assert embedded.measure(pair(fake, real)).value == pytest.approx(expected, abs=1e-6)


def test_cards_tell_backbones_apart_and_mark_unverified_files(embedded: LPIPS, random_alexnet: Path) -> None:
    assert (embedded.card.title, embedded.card.comparable) == ("ST-LPIPS(alex)", False)
    reference = LPIPS(Setup("reference", Weights(random_alexnet, allow_unverified=True))).card
    assert reference.title == "LPIPS(alex)"
    assert not reference.comparable and "unverified" in reference.backbone


def test_reference_without_its_file_is_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("HARNESS_WEIGHTS", raising=False)
    with pytest.raises(BadInput, match=r"alexnet-owt-7be5be79\.pth"):
        LPIPS(Setup("reference", Weights()))


def test_small_and_unequal_frames_are_unscorable(embedded: LPIPS) -> None:
    with pytest.raises(Unscorable, match=r"31x31.*32x32"):
        embedded.measure(pair(moving_frames(2, 31), moving_frames(2, 31)))
    with pytest.raises(Unscorable, match="32x32 and 64x64"):
        embedded.measure(pair(moving_frames(2, 32), moving_frames(2, 64)))
    smallest = moving_frames(2, 32)
    assert (embedded.measure(pair(noisy(smallest, 9), smallest)).value or 0) > 0
