"""The emotion discriminator: which emotion do these consecutive frames show?

After Eskimez et al. 2022 at Phan et al.'s 64x64 px: five 3x3 convolutions of stride 2 a frame, a linear
layer, an LSTM over the frames, the last step classifies. At 64 px the
linear layer takes 512x2x2 = 2048 values.
It is a loss, never a judge: the metrics have their own.
"""

from itertools import pairwise
from typing import cast

from torch import Tensor, nn

_SLOPE = 0.3


class EmotionCritic(nn.Module):
    """Classifies (B, T, 3, S, S) frames in [0, 1]; the paper's 64-128-256-512-512 at width 64."""

    def __init__(self, width: int, image_size: int, classes: int) -> None:
        super().__init__()
        channels = (3, width, 2 * width, 4 * width, 8 * width, 8 * width)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.LeakyReLU(_SLOPE)]
        self.convs = nn.Sequential(*layers)
        self.project = nn.Linear(8 * width * (image_size // 32) ** 2, 8 * width)
        self.lstm = nn.LSTM(8 * width, 8 * width, batch_first=True)
        self.classify = nn.Linear(8 * width, classes)

    def forward(self, frames: Tensor) -> Tensor:
        """Return (B, classes) logits."""
        batch, time = frames.shape[:2]
        # Colour stays the channel axis and time stays the batch axis: (B, T, C, H, W) -> (B * T, C, H, W).
        features = cast(Tensor, self.convs(frames.flatten(0, 1) - 0.5)).flatten(1)
        projected = nn.functional.leaky_relu(self.project(features), _SLOPE)
        steps, _ = self.lstm(projected.view(batch, time, -1))
        return cast(Tensor, self.classify(steps[:, -1]))
