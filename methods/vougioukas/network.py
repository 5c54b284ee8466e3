"""The generator of Vougioukas et al. after their released code (DinoMan/speech-driven-animation, sda/*).

A still and a raw wave to frames: an identity encoder whose maps skip to the decoder, an audio encoder of one
0.2 s window a frame with a GRU behind it, and noise with a GRU of its own, so that blinks have a rhythm.
Where theirs normalises by batch statistics, ours keeps the learned scale and shift alone: gradients averaged
over workers must equal one worker's, and a normalised window would not know loud from silent.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from methods.nets.blocks import SkipConv, initialise
from methods.nets.wave import Hearing, start_as_filterbank
from methods.vougioukas.config import Config

WINDOW = 3200  # samples of 0.2 s
HEARING = Hearing(rate=16_000, context=1280, levelled=False)  # a frame lies in the middle of its window
_STRIDES = (16, 2, 2, 2, 5)  # of 3200 samples: 200, 100, 50, 25, 5 are left
_KERNELS = (80, 4, 4, 4, 10)  # 5 ms, then twice the stride


class Identity(NamedTuple):
    """What is seen of a still: code (B, identity_code), maps of every encoder layer, finest first."""

    code: Tensor
    maps: list[Tensor]


class Memory(NamedTuple):
    """State of both GRUs after the frames made so far: (2, B, speech_code) and (1, B, noise_code)."""

    speech: Tensor
    noise: Tensor


class ScaledReLU(nn.Module):
    """ReLU of a learned scale and shift a channel: batch normalisation as it is after training."""

    def __init__(self, channels: int, dimensions: int) -> None:
        super().__init__()
        shape = (channels, *[1] * dimensions)
        self.scale = nn.Parameter(torch.ones(shape))
        self.shift = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, channels, ...)."""
        return torch.relu(x * self.scale + self.shift)


class AudioEncoder(nn.Module):
    """(N, 1, 3200) samples in [-1, 1] to (N, code) in [-1, 1]: 16-32-64-128-256 channels at width 16."""

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        channels = (1, *(width * 2**i for i in range(5)))
        layers: list[nn.Module] = []
        shapes = zip(pairwise(channels), _KERNELS, _STRIDES, strict=True)
        for (inputs, outputs), kernel, stride in shapes:
            padding = -((stride - kernel) // 2)
            layers += [nn.Conv1d(inputs, outputs, kernel, stride, padding), ScaledReLU(outputs, 1)]
        last = nn.Conv1d(channels[-1], code, 5)
        self.layers = nn.Sequential(*layers, last, nn.Tanh())
        initialise(self)
        start_as_filterbank(cast(nn.Conv1d, self.layers[0]), HEARING.rate)

    def forward(self, windows: Tensor) -> Tensor:
        """Return one code a window."""
        return cast(Tensor, self.layers(windows)).flatten(1)


class IdentityEncoder(nn.Module):
    """A still (B, 3, H, W) in [-1, 1] to its code and maps: 4x4 convolutions of stride 2."""

    def __init__(self, channels: Sequence[int], smallest: tuple[int, int], code: int) -> None:
        super().__init__()
        shapes = pairwise((3, *channels))
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 4, 2, 1, bias=False), ScaledReLU(o, 2)) for i, o in shapes
        )
        self.code = nn.Conv2d(channels[-1], code, smallest, bias=False)

    def forward(self, still: Tensor) -> Identity:
        """Return what is seen."""
        maps = []
        for layer in self.layers:
            still = layer(still)
            maps.append(still)
        return Identity(torch.tanh(self.code(still)).flatten(1), maps)


class Rise(nn.Module):
    """A decoder block: join the skip, then double height and width with half the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.join = SkipConv(channels, channels, channels, "constant", bias=False)
        self.joined = ScaledReLU(channels, 2)
        self.grow = nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False)
        self.grown = ScaledReLU(channels // 2, 2)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Return (B * T, channels / 2, 2 * H, 2 * W)."""
        return cast(Tensor, self.grown(self.grow(self.joined(self.join(x, skip)))))


class Generator(nn.Module):
    """Still, wave and noise to frames; at `size: paper` z has 394 values and the frames are 96x128."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        # Halved down to a map 4 high. As in SDA the finest map skips nowhere: nothing is joined at that size.
        channels = [config.width * 2**i for i in range(config.image_size.bit_length() - 3)]
        smallest = (4, 4 * config.breadth // config.image_size)
        self.identity = IdentityEncoder(channels, smallest, config.identity_code)
        self.audio = AudioEncoder(config.audio_width, config.speech_code)
        self.speech = nn.GRU(config.speech_code, config.speech_code, 2, batch_first=True)
        self.noise = nn.GRU(config.noise_code, config.noise_code, batch_first=True)
        code = config.speech_code + config.noise_code + config.identity_code
        self.start = nn.Sequential(
            nn.ConvTranspose2d(code, channels[-1], smallest, bias=False), ScaledReLU(channels[-1], 2)
        )
        self.rise = nn.ModuleList(Rise(c) for c in channels[:0:-1])
        self.paint = nn.ConvTranspose2d(channels[0], 3, 4, 2, 1, bias=False)
        initialise(self.identity)
        for part in (self.start, self.rise, self.paint):
            initialise(part)
        nn.init.normal_(self.paint.weight, 0, 0.02)  # starts grey, not saturated

    def forward(self, still: Tensor, wave: Tensor, noise: Tensor) -> Tensor:
        """Return frames (B, T, 3, H, W) in [-1, 1]; see `speak`."""
        frames, _ = self.speak(self.identity(still), wave, noise, None)
        return frames

    def speak(
        self, identity: Identity, wave: Tensor, noise: Tensor, memory: Memory | None
    ) -> tuple[Tensor, Memory]:
        """Return the next T frames of a clip and what both GRUs remember.

        wave: (B, T * 640 + 2560), the frames' samples with HEARING's context. noise: (B, T, noise_code),
        normal with sigma 0.33. memory: what the call before returned, None at a clip's start.
        """
        windows = wave.unfold(1, WINDOW, HEARING.per_frame)
        heard = self.audio(windows.flatten(0, 1)[:, None]).view(*windows.shape[:2], -1)
        speech, spoken = self.speech(heard, memory.speech if memory else None)
        drift, drifted = self.noise(noise, memory.noise if memory else None)
        seen = identity.code[:, None].expand(-1, speech.shape[1], -1)
        z = torch.cat([speech, torch.tanh(drift), seen], 2)
        x = self.start(z.flatten(0, 1)[:, :, None, None])
        for block, skip in zip(self.rise, identity.maps[:0:-1], strict=True):
            x = block(x, skip)
        frames = torch.tanh(self.paint(x))
        return frames.view(*z.shape[:2], *frames.shape[1:]), Memory(spoken, drifted)
