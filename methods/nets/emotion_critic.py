"""The emotion discriminator: which emotion do these consecutive frames show?

After Eskimez et al. 2022 at Phan et al.'s 64x64 px: five 3x3 convolutions of stride 2 a frame, a linear
layer, an LSTM over the frames, the last step classifies. At 64 px the
linear layer takes 512x2x2 = 2048 values. Eskimez et al.'s own code has a hidden layer before it.
It is a loss, never a judge: the metrics have their own.
"""

from typing import cast

from torch import Tensor, nn

from methods.nets.blocks import strided_convs

_SLOPE = 0.3


class EmotionCritic(nn.Module):
    """Classifies (B, T, 3, S, S) frames in [0, 1]; the paper's 64-128-256-512-512 at width 64.

    deep: a hidden layer of 32 * width (2048) before the projection, which then stays linear.
    """

    def __init__(self, width: int, image_size: int, classes: int, deep: bool = False) -> None:
        super().__init__()
        self.convs = strided_convs((3, width, 2 * width, 4 * width, 8 * width, 8 * width), _SLOPE)
        features, hidden = 8 * width * (image_size // 32) ** 2, 32 * width
        activation = nn.LeakyReLU(_SLOPE)
        self.hidden = nn.Sequential(nn.Linear(features, hidden), activation) if deep else nn.Identity()
        self.project = nn.Linear(hidden if deep else features, 8 * width)
        self.activation = nn.Identity() if deep else activation
        self.lstm = nn.LSTM(8 * width, 8 * width, batch_first=True)
        self.classify = nn.Linear(8 * width, classes)

    def forward(self, frames: Tensor) -> Tensor:
        """Return (B, classes) logits."""
        batch, time = frames.shape[:2]
        # Colour stays the channel axis and time stays the batch axis: (B, T, C, H, W) -> (B * T, C, H, W).
        features = cast(Tensor, self.convs(frames.flatten(0, 1) - 0.5)).flatten(1)
        projected = self.activation(self.project(self.hidden(features)))
        steps, _ = self.lstm(projected.view(batch, time, -1))
        return cast(Tensor, self.classify(steps[:, -1]))
