"""The public definition's counts: derived here from its layers, and once counted by its own printout."""

import pytest
import torch
from torch import nn

from methods.nets.sync_expert import SyncExpert
from methods.nets.wav2lip import QualityDiscriminator, Wav2Lip


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def normed(*layers: tuple[int, int, int]) -> int:
    """Weights of (inputs, outputs, kernel) convolutions with bias and batch normalisation."""
    return sum(i * o * k * k + 3 * o for i, o, k in layers)


SPEECH = (
    (1, 32, 3), *[(32, 32, 3)] * 2, (32, 64, 3), *[(64, 64, 3)] * 2, (64, 128, 3), *[(128, 128, 3)] * 2,
    (128, 256, 3), (256, 256, 3), (256, 512, 3), (512, 512, 1),
)  # fmt: skip
FACE = (
    (6, 16, 7), (16, 32, 3), *[(32, 32, 3)] * 2, (32, 64, 3), *[(64, 64, 3)] * 3, (64, 128, 3),
    *[(128, 128, 3)] * 2, (128, 256, 3), *[(256, 256, 3)] * 2, (256, 512, 3), (512, 512, 3), (512, 512, 3),
    (512, 512, 1),
)  # fmt: skip
PAINT = (
    (512, 512, 1), (1024, 512, 3), (512, 512, 3), (1024, 512, 3), *[(512, 512, 3)] * 2, (768, 384, 3),
    *[(384, 384, 3)] * 2, (512, 256, 3), *[(256, 256, 3)] * 2, (320, 128, 3), *[(128, 128, 3)] * 2,
    (160, 64, 3), *[(64, 64, 3)] * 2, (80, 32, 3),
)  # fmt: skip
EXPERT_FACE = (
    (15, 32, 7), (32, 64, 5), *[(64, 64, 3)] * 2, (64, 128, 3), *[(128, 128, 3)] * 3, (128, 256, 3),
    *[(256, 256, 3)] * 2, (256, 512, 3), *[(512, 512, 3)] * 2, (512, 512, 3), (512, 512, 3), (512, 512, 1),
)  # fmt: skip


def test_generator_has_the_public_count() -> None:
    """Wav2Lip's training script prints 36298035."""
    expected = normed(*SPEECH, *FACE, *PAINT) + 32 * 3 + 3
    assert count(Wav2Lip(16, 96)) == expected == 36_298_035


def test_discriminator_has_the_public_count() -> None:
    """Wav2Lip's training script prints 14113793 for its own, which differs in one stride only."""
    ladder = [(3, 32, 7), (32, 64, 5), (64, 64, 5), (64, 128, 5), (128, 128, 5), (128, 256, 5), (256, 256, 5)]
    ladder += [(256, 512, 3)] + [(512, 512, 3)] * 4 + [(512, 512, 1), (512, 1, 1)]
    assert count(QualityDiscriminator(32, 96)) == sum(i * o * k * k + o for i, o, k in ladder) == 14_113_793


def test_public_expert_has_the_public_count() -> None:
    expert = SyncExpert(32, 96, public=True)
    assert count(expert) == normed(*EXPERT_FACE, *SPEECH, (256, 256, 3))
    face, speech = expert.eval()(torch.rand(1, 5, 3, 96, 96), torch.randn(1, 1, 80, 16))
    assert face.shape == speech.shape == (1, 512)


@pytest.mark.parametrize("size", [64, 96, 128])
def test_shapes_and_range(size: int) -> None:
    frames = Wav2Lip(2, size)(torch.rand(2, 6, size, size), torch.randn(2, 1, 80, 16))
    assert frames.shape == (2, 3, size, size) and frames.min() >= 0 and frames.max() <= 1
    assert QualityDiscriminator(4, size)(frames).shape == (2,)


def test_gradient_reaches_every_parameter() -> None:
    torch.manual_seed(0)
    generator, discriminator = Wav2Lip(2, 64), QualityDiscriminator(4, 64)
    discriminator(generator(torch.rand(4, 6, 64, 64), torch.randn(4, 1, 80, 16))).mean().backward()
    # A bias before batch normalisation is taken away again: its gradient is rounding.
    for name, parameter in [*generator.named_parameters(), *discriminator.named_parameters()]:
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
