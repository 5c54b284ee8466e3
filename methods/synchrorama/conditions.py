"""What a denoiser is told beside the noise, and how any of it is taken away: for dropout and for guidance."""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

DROPPED = ("reference", "audio", "emotion", "text")
"""The conditions that are dropped in training, so that each has a guidance scale of its own."""


class Conditions(NamedTuple):
    """Of B windows of F frames.

    reference: (B, 4, s, s) latents of the still; zeros without one. guides: (B, F, 3, S, S) in [0, 1], zeros
    without audio-to-motion. mel: (B, F, 80, 16); heard: (B,) bool, whether it is listened to.
    emotion: (B, D) embedding; calm: (B, D), the embedding of nothing said, which stands in for a dropped one.
    text: (B, N, E) token states; read: (B, N) bool, which of them are words.
    """

    reference: Tensor
    guides: Tensor
    mel: Tensor
    heard: Tensor
    emotion: Tensor
    calm: Tensor
    text: Tensor
    read: Tensor

    def kept(self, keep: Mapping[str, Tensor]) -> "Conditions":
        """Return the same without the conditions whose (B,) bool in `keep` is false."""
        found = self
        if (mask := keep.get("reference")) is not None:
            found = found._replace(reference=self.reference * mask[:, None, None, None])
        if (mask := keep.get("audio")) is not None:
            found = found._replace(heard=self.heard & mask)
        if (mask := keep.get("emotion")) is not None:
            found = found._replace(emotion=self.emotion.where(mask[:, None], self.calm))
        if (mask := keep.get("text")) is not None:
            found = found._replace(read=self.read & mask[:, None])
        return found

    def without(self, name: str) -> "Conditions":
        """Return the same without one of DROPPED."""
        return self.kept({name: self.heard.new_zeros(len(self.heard))})

    def rows(self, chosen: slice) -> "Conditions":
        """Return some of the windows."""
        return Conditions(*(part[chosen] for part in self))

    def to(self, device: str) -> "Conditions":
        """Return the same on `device`."""
        return Conditions(*(part.to(device) for part in self))
