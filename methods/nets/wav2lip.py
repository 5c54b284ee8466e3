"""Wav2Lip's generator and visual quality discriminator (Prajwal et al. 2020), as Wav2Lip-Emotion keeps them.

Layers, channels and strides are those of the public definition (Rudrabha/Wav2Lip, models/wav2lip.py) at
width 16 and 96 px; the discriminator is Wav2Lip-Emotion's, which sees the whole face (Magnusson et al. 2021).
Other sizes keep the ladder of strides, so the innermost kernel is size / 32: 3 at 96 px, 2 at 64 px.
The generator has batch normalisation throughout, as the public one: a loop with several workers keeps its
statistics fixed, or their shares of a batch would not train one model.
"""

from typing import cast

from torch import Tensor, cat, nn

_LEAK = 0.01


class Conv(nn.Module):
    """Convolution, batch normalisation, x added if `residual`, ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 3,
        stride: int | tuple[int, int] = 1,
        padding: int = 1,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding)
        self.norm = nn.BatchNorm2d(outputs)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, H / stride, W / stride)."""
        found = self.norm(self.conv(x))
        return nn.functional.relu(found + x if self.residual else found)


class Up(nn.Module):
    """Transposed convolution that doubles the side, or makes 1x1 a first map of `first` px; norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, first: int | None = None) -> None:
        super().__init__()
        if first is None:
            self.conv = nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, 1)
        else:
            self.conv = nn.ConvTranspose2d(inputs, outputs, first)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, 2 * H, 2 * W), or (N, outputs, first, first)."""
        return nn.functional.relu(self.norm(self.conv(x)))


def _at_most(channels: int, most: int | None) -> int:
    return channels if most is None else min(channels, most)


def residuals(channels: int, count: int) -> list[nn.Module]:
    """Return `count` residual 3x3 convolutions."""
    return [Conv(channels, channels, residual=True) for _ in range(count)]


def speech_encoder(width: int, last_residuals: int, most: int | None = None) -> nn.Sequential:
    """Return (N, 1, 80, 16) mel to (N, 16 * width, 1, 1): 32-64-128-256-512 at width 32.

    last_residuals: residual convolutions at 256 channels, 1 in the generator, 2 in the sync expert.
    most: no layer is wider.
    """
    a, b, c, d, e = (_at_most(width * 2**i, most) for i in range(5))
    return nn.Sequential(
        Conv(1, a),
        *residuals(a, 2),
        Conv(a, b, stride=(3, 1)),
        *residuals(b, 2),
        Conv(b, c, stride=3),
        *residuals(c, 2),
        Conv(c, d, stride=(3, 2)),
        *residuals(d, last_residuals),
        Conv(d, e, padding=0),
        Conv(e, e, 1, padding=0),
    )


class Wav2Lip(nn.Module):
    """Paints (N, 3, S, S) frames from [masked | reference] pictures and a mel window each.

    width: channels at full size, 16 in the public definition; most: no layer is wider than this.
    """

    def __init__(self, width: int, size: int, most: int | None = None) -> None:
        super().__init__()
        innermost = size // 32
        channels = [_at_most(width * 2**i, most) for i in range(6)]
        deep = channels[-1]
        self.speech = speech_encoder(2 * width, 1, most)
        stages: list[nn.Module] = [Conv(6, width, 7, padding=3)]
        for inputs, outputs, count in zip(channels, channels[1:], (2, 3, 2, 2, 1), strict=False):
            stages.append(nn.Sequential(Conv(inputs, outputs, stride=2), *residuals(outputs, count)))
        last = nn.Sequential(Conv(deep, deep, innermost, padding=0), Conv(deep, deep, 1, padding=0))
        self.face = nn.ModuleList([*stages, last])
        first = nn.Sequential(Up(2 * deep, deep, innermost), *residuals(deep, 1))
        rungs = [nn.Sequential(Conv(deep, deep, 1, padding=0)), first]
        painted = deep
        for share, skip in zip((32, 24, 16, 8, 4), reversed(channels[1:]), strict=True):
            outputs = _at_most(share * width, most)
            rungs.append(nn.Sequential(Up(painted + skip, outputs), *residuals(outputs, 2)))
            painted = outputs
        self.paint = nn.ModuleList(rungs)
        self.output = nn.Sequential(Conv(painted + width, 2 * width), nn.Conv2d(2 * width, 3, 1))

    def forward(self, pictures: Tensor, mel: Tensor) -> Tensor:
        """Return (N, 3, S, S) in [0, 1]. pictures: (N, 6, S, S) in [0, 1]; mel: (N, 1, 80, 16) in [-4, 4]."""
        skips = []
        x = pictures
        for stage in self.face:
            x = stage(x)
            skips.append(x)
        x = self.speech(mel)
        for rung, skip in zip(self.paint, reversed(skips), strict=True):
            x = cat([rung(x), skip], 1)
        return cast(Tensor, self.output(x)).sigmoid()


class QualityDiscriminator(nn.Module):
    """Is this whole face real? One logit a picture; 32-64-128-256-512-512 at width 32, without norm."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        w = width
        layers: list[nn.Module] = [nn.Conv2d(3, w, 7, 1, 3)]
        ladder = ((w, 2 * w), (2 * w, 4 * w), (4 * w, 8 * w), (8 * w, 16 * w), (16 * w, 16 * w))
        for (inputs, outputs), kernel in zip(ladder, (5, 5, 5, 3, 3), strict=True):
            layers.append(nn.Conv2d(inputs, outputs, kernel, 2, kernel // 2))
            layers.append(nn.Conv2d(outputs, outputs, kernel, 1, kernel // 2))
        layers += [nn.Conv2d(16 * w, 16 * w, size // 32), nn.Conv2d(16 * w, 16 * w, 1)]
        self.layers = nn.Sequential(*(m for conv in layers for m in (conv, nn.LeakyReLU(_LEAK))))
        self.judge = nn.Conv2d(16 * w, 1, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Return (N,) logits of (N, 3, S, S) frames in [0, 1]."""
        return cast(Tensor, self.judge(self.layers(frames))).flatten()
