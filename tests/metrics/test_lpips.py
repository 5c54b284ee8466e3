"""metrics/lpips.py: identities, parity with lpips and stlpips-pytorch, and what its card says."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from harness.contracts import Setup
from harness.types import BadInput, Unscorable
from harness.weights import Weights
from metrics.bench.peers import lpips_peer
from metrics.features import lpips_net
from metrics.lpips import LPIPS
from metrics.lpips_squeeze import LPIPSSqueeze
from metrics.lpips_vgg import LPIPSVGG
from tests.metrics.frames import moving_frames, noisy, pair

TITLES = {LPIPS: "LPIPS(alex)", LPIPSVGG: "LPIPS(vgg)", LPIPSSqueeze: "LPIPS(squeeze)"}


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


@pytest.mark.parametrize("kind", TITLES)
def test_reference_equals_lpips(random_weights: Path, kind: type[LPIPS]) -> None:
    metric = kind(Setup("reference", Weights(random_weights, allow_unverified=True)))
    peer = lpips_peer(kind.trunk, random_weights)
    net = lpips_net.load(kind.trunk, "reference", Weights(random_weights, allow_unverified=True))
    for size in (64, 50, 32):
        real, fake = moving_frames(3, size), noisy(moving_frames(3, size), 15)
        expected = peer(fake, real, 3)
        assert expected.min() > 1e-4
        np.testing.assert_allclose(lpips_net.frame_lpips(net, fake, real, 2), expected, rtol=0, atol=1e-6)
        assert metric.measure(pair(fake, real)).value == pytest.approx(expected.mean(), abs=1e-6)


@pytest.mark.parametrize("trunk", ["alex", "vgg"])
def test_embedded_equals_stlpips(stlpips: ModuleType, trunk: lpips_net.Trunk) -> None:
    peer = stlpips.LPIPS(net=trunk, variant="shift_tolerant", verbose=False)
    net = lpips_net.load(trunk, "embedded", Weights())
    for size in (64, 65):
        real, fake = moving_frames(3, size), noisy(moving_frames(3, size), 15)
        with torch.no_grad():
            expected = peer(to_peer(fake), to_peer(real)).flatten().numpy()
        np.testing.assert_allclose(lpips_net.frame_lpips(net, fake, real, 3), expected, rtol=0, atol=1e-6)


def test_batch_size_does_not_matter() -> None:
    net = lpips_net.load("alex", "embedded", Weights())
    real, fake = moving_frames(7), noisy(moving_frames(7), 15)
    one, all_at_once = (lpips_net.frame_lpips(net, fake, real, batch) for batch in (1, 7))
    np.testing.assert_allclose(one, all_at_once, rtol=0, atol=1e-6)


def test_embedded_takes_every_fifth_frame(embedded: LPIPS) -> None:
    real, fake = moving_frames(11), noisy(moving_frames(11), 15)
    chosen = [0, 5, 10]
    net = lpips_net.load("alex", "embedded", Weights())
    expected = lpips_net.frame_lpips(net, fake[chosen], real[chosen], 4).mean()
    assert embedded.measure(pair(fake, real)).value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", TITLES)
def test_cards_tell_trunks_apart_and_mark_unverified_files(kind: type[LPIPS], random_weights: Path) -> None:
    card = kind(Setup("reference", Weights(random_weights, allow_unverified=True))).card
    assert card.title == TITLES[kind]
    assert not card.comparable and card.backbone.endswith("[unverified]")


@pytest.mark.parametrize("kind", [LPIPS, LPIPSVGG])
def test_embedded_relatives_bear_their_own_name(kind: type[LPIPS]) -> None:
    card = kind(Setup("embedded", Weights())).card
    assert (card.title, card.comparable) == (f"ST-{TITLES[kind]}", False)
    assert card.backbone == card.title


def test_squeeze_has_no_embedded_relative() -> None:
    with pytest.raises(BadInput, match=r"LPIPS\(squeeze\) has no embedded backbone: use lpips or lpips_vgg"):
        LPIPSSqueeze(Setup("embedded", Weights()))


def test_a_trunk_of_another_layout_is_bad_input(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "vgg16-397923af.pth")
    with pytest.raises(BadInput, match=r"vgg16-397923af\.pth: not in the layout of vgg16"):
        LPIPSVGG(Setup("reference", Weights(tmp_path, allow_unverified=True)))


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
