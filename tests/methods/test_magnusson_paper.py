"""`size: paper`: Wav2Lip's shapes and settings, as Magnusson et al. began from them."""

import pytest
import torch

from methods.magnusson import training as loops
from methods.magnusson.config import Config
from methods.magnusson.training import PairModel
from methods.nets.wav2lip import QualityDiscriminator


def test_paper_is_wav2lip_at_96_px() -> None:
    config = Config(size="paper", batch=4)
    assert (config.batch, config.image_size, config.width, config.sync_public) == (4, 96, 16, True)
    assert (config.recon, config.sync, config.gan, config.emotion) == (0.8, 0.03, 0.07, 0.1)
    model = PairModel(config)
    assert sum(p.numel() for p in model.generator.parameters()) == 36_298_035
    assert sum(p.numel() for p in model.discriminator.parameters()) == 14_113_793
    assert model.generator(torch.rand(2, 6, 96, 96), torch.randn(2, 1, 80, 16)).shape == (2, 3, 96, 96)


def test_paper_starts_and_learns_as_wav2lip() -> None:
    config = Config(size="paper")
    chosen = (config.start, config.even_inputs, config.pretrain_norm, config.pretrain_mouth)
    assert chosen == ("random", None, "l1", 0.0)


@pytest.mark.slow
def test_paper_takes_a_step() -> None:
    config = Config(size="paper")
    generator, expert = loops.make_generator(config), loops.make_expert(config)
    frames = generator(torch.rand(10, 6, 96, 96), torch.randn(10, 1, 80, 16)).unflatten(0, (2, 5))
    face, speech = expert(frames, torch.randn(2, 1, 80, 16))
    logits = QualityDiscriminator(config.discriminator_width, 96)(frames.flatten(0, 1))
    ((face * speech).sum() + logits.mean() + loops.make_judge(config)(frames).mean()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in generator.parameters())
