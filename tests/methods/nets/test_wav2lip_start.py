"""A generator that starts as a copy: of its reference, with its sound heard, at statistics that stay."""

import pytest
import torch
from torch import nn

from methods.nets.wav2lip import Wav2Lip
from methods.nets.wav2lip_start import settle, start_as_copy


def made(width: int = 6, size: int = 64) -> tuple[Wav2Lip, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return Wav2Lip(width, size, 16), torch.rand(8, 6, size, size), torch.randn(8, 1, 80, 16)


@pytest.mark.parametrize("size", [64, 96])
def test_first_frames_are_the_reference(size: int) -> None:
    generator, pictures, mel = made(size=size)
    start_as_copy(generator, pictures, mel)
    assert not generator.training
    with torch.no_grad():
        off = (generator(pictures, mel) - pictures[:, 3:]).abs()
        other = (generator(pictures.roll(1, 0), mel) - pictures[:, 3:]).abs()
    assert off.mean() < 0.03 < 0.2 < other.mean()


def test_the_sound_moves_the_decoder_as_the_picture_does() -> None:
    """With Wav2Lip's own start the picture moves frames four times as much."""
    generator, pictures, mel = made()
    seen: list[torch.Tensor] = []
    generator.paint[-1].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    start_as_copy(generator, pictures, mel)
    with torch.no_grad():
        for inputs in ((pictures, mel), (pictures, mel.roll(1, 0)), (pictures.roll(1, 0), mel)):
            generator(*inputs)
    _, kept, sound, picture = seen
    assert (sound - kept).abs().mean() > 0.5 * (picture - kept).abs().mean()


def test_statistics_are_those_of_the_batch() -> None:
    generator, pictures, mel = made()
    settle(generator, pictures, mel)
    entry = generator.speech[0]
    with torch.no_grad():
        heard = entry.conv(mel)
    torch.testing.assert_close(entry.norm.running_mean, heard.mean((0, 2, 3)))
    torch.testing.assert_close(entry.norm.running_var, heard.var((0, 2, 3)))
    assert not generator.training
    assert {m.momentum for m in generator.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}


def test_too_narrow_is_refused() -> None:
    generator, pictures, mel = made(width=5)
    with pytest.raises(ValueError, match="width: 5"):
        start_as_copy(generator, pictures, mel)
