"""The generator of Eskimez et al. after their released code (eeskimez/emotalkingface, models.py).

A still, a raw 8 kHz wave, noise and an emotion to frames: the emotion is repeated for every frame beside the
codes of speech, noise and still; the still's maps skip to the decoder, whose fourth layer remembers. A second
LSTM says which emotion the speech itself has: it only shapes the speech's features in training.
Where EK pads a clip's ends with faint noise features, ours hears silence there.
"""

from itertools import pairwise
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from methods.eskimez.config import Config
from methods.nets.blocks import SkipConv, activate, initialise, upsample
from methods.nets.convlstm import ConvLSTM, State
from methods.nets.wave import Hearing, start_as_envelopes, start_as_filterbank

HEARING = Hearing(rate=8000, context=1600, levelled=True)  # 5 frames: no padding reaches what is used
_CONVS = ((63, 4), (31, 4), (17, 2), (9, 2))  # kernel and stride; 5 steps a frame are left
_STEPS = 5  # a frame
_CONTEXT = 17  # steps to each side of a frame's first
_FEATURES = 16  # a step


class Identity(NamedTuple):
    """What is seen of a still: code (B, 8 * width), maps of every encoder layer, finest first."""

    code: Tensor
    maps: list[Tensor]


class Memory(NamedTuple):
    """States of speech, noise and map LSTMs after the frames made so far."""

    speech: State
    noise: State
    maps: State


class SpeechEncoder(nn.Module):
    """(B, T * 320 + 3200) samples to (B, T, code): 64-128-256-512 channels at width 64, 35 steps a frame."""

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        channels = (1, *(width * 2**i for i in range(4)))
        layers: list[nn.Module] = []
        for (inputs, outputs), (kernel, stride) in zip(pairwise(channels), _CONVS, strict=True):
            padded = nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2, padding_mode="reflect")
            layers += [padded, nn.LeakyReLU(0.2)]
        self.convs = nn.Sequential(*layers, nn.Conv1d(channels[-1], _FEATURES, 1), nn.LeakyReLU(0.2))
        self.join = nn.Linear(_FEATURES * (2 * _CONTEXT + 1), code)
        initialise(self)
        heard = [layer for layer in self.convs if isinstance(layer, nn.Conv1d)]
        start_as_filterbank(heard[0], HEARING.rate)
        start_as_envelopes(heard[1:-1])

    def forward(self, wave: Tensor) -> Tensor:
        """Return one code a frame."""
        steps = cast(Tensor, self.convs(wave[:, None]))  # (B, 16, 5 * (T + 10))
        margin = _STEPS * HEARING.context // HEARING.per_frame
        used = steps[:, :, margin - _CONTEXT : steps.shape[2] - margin + _CONTEXT]
        around = used.unfold(2, 2 * _CONTEXT + 1, _STEPS)  # (B, 16, T, 35)
        return activate(self.join(around.transpose(1, 2).flatten(2)))


class ImageEncoder(nn.Module):
    """A still (B, 3, S, S) in [-1, 1] to its code and maps, the picture itself joined to each scale."""

    def __init__(self, channels: tuple[int, ...], smallest: int, code: int) -> None:
        super().__init__()
        shapes = zip((3, *(c + 3 for c in channels)), channels, strict=False)
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 3, 2, 1, padding_mode="reflect") for i, o in shapes)
        self.code = nn.Conv2d(channels[-1] + 3, code, smallest)
        initialise(self)

    def forward(self, still: Tensor) -> Identity:
        """Return what is seen."""
        maps = [still]
        for conv in self.convs:
            still = still[:, :, ::2, ::2]
            maps.append(torch.cat([activate(conv(maps[-1])), still], 1))
        return Identity(activate(self.code(maps[-1])).flatten(1), maps[1:])


class Decoder(nn.Module):
    """Codes and a still's maps to frames: 512-256-128-64-32 channels at width 64, the fourth a ConvLSTM."""

    def __init__(self, channels: tuple[int, ...], smallest: int, code: int) -> None:
        super().__init__()
        self.shape = (channels[-1], smallest, smallest)
        self.start = nn.Linear(code, channels[-1] * smallest**2)
        outputs = (*channels[-2::-1], channels[0] // 2)
        self.joins = nn.ModuleList(
            ConvLSTM(i, i + 3, o) if n == 3 else SkipConv(i, i + 3, o, "reflect", bias=True)
            for n, (i, o) in enumerate(zip(channels[::-1], outputs, strict=True))
        )
        self.paint = nn.Conv2d(outputs[-1], 3, 7, 1, 3, padding_mode="reflect")
        initialise(self)
        nn.init.xavier_normal_(self.paint.weight, 0.1)  # starts grey, not saturated

    def forward(self, z: Tensor, maps: list[Tensor], state: State | None) -> tuple[Tensor, State]:
        """Return frames (B, T, 3, S, S) in [-1, 1] of z (B, T, code), and the ConvLSTM's state."""
        x = activate(self.start(z.flatten(0, 1))).view(-1, *self.shape)
        for join, skip in zip(self.joins, maps[::-1], strict=True):
            if isinstance(join, ConvLSTM):
                x, state = join(x, skip, state)
            else:
                x = activate(join(x, skip))
            x = upsample(x)
        frames = torch.tanh(self.paint(x))
        return frames.view(*z.shape[:2], *frames.shape[1:]), cast(State, state)


class Generator(nn.Module):
    """Still, wave, noise and emotion to frames; at `size: paper` z has 1664 values, frames are 128x128."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config.width
        channels = (width, 2 * width, 4 * width, 8 * width, 8 * width)
        code, smallest = 8 * width, config.image_size // 32
        self.speech_encoder = SpeechEncoder(config.speech_width, code)
        self.speech = nn.LSTM(code, code, 2, batch_first=True)
        self.noise = nn.LSTM(2 * width, 2 * width, batch_first=True)
        self.image = ImageEncoder(channels, smallest, code)
        self.emotion = nn.Sequential(
            nn.Linear(len(config.emotions), code), nn.LeakyReLU(0.2), nn.Linear(code, code), nn.LeakyReLU(0.2)
        )
        self.decoder = Decoder(channels, smallest, 3 * code + 2 * width)
        self.feeling = nn.LSTM(code, code, 2, batch_first=True)
        self.felt = nn.Sequential(
            nn.Linear(code, code), nn.LeakyReLU(0.2), nn.Linear(code, len(config.emotions))
        )
        initialise(self.emotion)
        initialise(self.felt)
        _wake(self.speech)
        _wake(self.feeling)
        _let_through(self.decoder, slice(0, code), slice(2 * width + 2 * code, None))

    def forward(self, still: Tensor, wave: Tensor, noise: Tensor, emotion: Tensor) -> tuple[Tensor, Tensor]:
        """Return frames (B, T, 3, S, S) as `speak` does, and (B, emotions) logits of the speech's own."""
        speech, _ = self.speech(self.speech_encoder(wave))
        frames, _, _ = self._paint(self.image(still), speech, noise, emotion, None)
        steps, _ = self.feeling(speech)
        return frames, self.felt(steps[:, -1])

    def speak(
        self, identity: Identity, wave: Tensor, noise: Tensor, emotion: Tensor, memory: Memory | None
    ) -> tuple[Tensor, Memory]:
        """Return the next T frames of a clip and what its LSTMs remember.

        wave: (B, T * 320 + 3200), the frames' samples with HEARING's context. noise: (B, T, 2 * width)
        standard normal. emotion: (B, emotions) one-hot. memory: what the call before returned, None at first.
        """
        speech, spoken = self.speech(self.speech_encoder(wave), memory.speech if memory else None)
        frames, drifted, drawn = self._paint(identity, speech, noise, emotion, memory)
        return frames, Memory(spoken, drifted, drawn)

    def _paint(
        self, identity: Identity, speech: Tensor, noise: Tensor, emotion: Tensor, memory: Memory | None
    ) -> tuple[Tensor, State, State]:
        drift, drifted = self.noise(noise, memory.noise if memory else None)
        still = torch.cat([identity.code, self.emotion(emotion)], 1)
        z = torch.cat([speech, drift, still[:, None].expand(-1, speech.shape[1], -1)], 2)
        frames, drawn = self.decoder(z, identity.maps, memory.maps if memory else None)
        return frames, drifted, drawn


@torch.no_grad()
def _wake(lstm: nn.LSTM) -> None:
    """Triple what an LSTM takes in, in place: torch's own start lets 2 % of a signal through two layers."""
    for name, weight in lstm.named_parameters():
        if name.startswith("weight_ih"):
            weight.mul_(3)


@torch.no_grad()
def _let_through(decoder: Decoder, speech: slice, emotion: slice) -> None:
    """Let speech and emotion move the first frames nearly as much as the still does, in place.

    With He's start they move them a hundredth: their codes are small, and at each of five joins the still's
    maps have half the say. Copying the still is then all that is learned.
    """
    start, below, still = decoder.start.weight, 1.6, 0.6
    start[:, speech] *= 7
    start[:, emotion] *= 3
    for join in decoder.joins:
        joined = join.join if isinstance(join, ConvLSTM) else cast(SkipConv, join)
        joined.conv.weight[:, : joined.inputs] *= below
        joined.conv.weight[:, joined.inputs :] *= still
