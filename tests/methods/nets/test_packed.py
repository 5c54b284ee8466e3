"""Convolutions made ready for one core: the layer's numbers, alone as among others, laid out once."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn
from torch.backends import mkldnn
from torch.utils.flop_counter import FlopCounterMode

from methods.nets.packed import Packed

LAYERS = [
    (nn.Conv2d(6, 8, 3, 1, 1, bias=False), (64, 64)),
    (nn.Conv2d(16, 32, 3, 2, 1), (16, 16)),
    (nn.Conv2d(64, 64, 3, 1, 1), (2, 2)),  # where torch itself takes another algorithm for one picture
    (nn.Conv2d(32, 48, (5, 1)), (5, 1)),
    (nn.Conv2d(32, 16, 1), (3, 3)),
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(threads)


def pictures(layer: nn.Conv2d, sides: tuple[int, int], count: int = 7) -> torch.Tensor:
    made = torch.randn(count, layer.in_channels, *sides, generator=torch.Generator().manual_seed(1))
    return made.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("layer", "sides"), LAYERS)
def test_a_picture_has_the_layers_numbers_alone_as_among_others(
    layer: nn.Conv2d, sides: tuple[int, int]
) -> None:
    x, packed = pictures(layer, sides), Packed(layer)
    together = packed(x)
    torch.testing.assert_close(together, layer(x), atol=1e-5, rtol=1e-5)
    assert torch.equal(together, torch.cat([packed(one) for one in x.chunk(len(x))]))
    assert torch.equal(together[:3], packed(x[:3]))


@pytest.mark.skipif(not mkldnn.is_available(), reason="this torch has no oneDNN")
def test_weights_are_laid_out_once_for_a_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, sides = LAYERS[1]
    x, packed = pictures(layer, sides), Packed(layer)
    expected = packed(x)

    def again(*_: Any) -> torch.Tensor:
        raise AssertionError("laid out again")

    monkeypatch.setattr(packed, "_laid_out", again)
    assert torch.equal(packed(x), expected)
    with pytest.raises(AssertionError, match="laid out again"):
        packed(x[:1])


def test_without_onednn_the_layer_answers_and_its_operations_are_counted() -> None:
    """`harness.cost` counts so: oneDNN's own operations are unknown to torch's counter."""
    layer, sides = LAYERS[1]
    x, packed = pictures(layer, sides), Packed(layer)
    with mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        assert torch.equal(packed(x), layer(x))
    assert counter.get_total_flops() == 2 * (2 * 7 * 8 * 8 * 32 * 16 * 9)


def test_other_devices_have_the_layer_itself() -> None:
    layer = nn.Conv2d(4, 8, 3, 1, 1, device="meta")
    assert Packed(layer)(torch.empty(2, 4, 6, 6, device="meta")).shape == (2, 8, 6, 6)
