"""The lip-sync expert: do five mouth frames and 200 ms of speech belong together?

After Wav2Lip (Prajwal et al. 2020; Phan et al. eq. 4-5): two encoders, embeddings after ReLU, their cosine is
a probability, trained with binary cross-entropy on real clips, frozen while a generator trains against it.
At 64 px the lower half is 32x64 and its last map 2x2, so the last kernel is 2 (METHODS.md, "Sync expert").
Batch normalisation as in Wav2Lip: without it the loss stayed at ln 2 for hundreds of steps.
`public` has the layers of Wav2Lip's own expert (models/syncnet.py), with residual convolutions at each scale.
It is a loss, never a judge: the metrics have their own.
"""

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from methods.nets.blocks import MelEncoder
from methods.nets.wav2lip import Conv, residuals, speech_encoder

FRAMES = 5
_SMALLEST = 1e-7  # clamp of a probability before its logarithm (METHODS.md)


class SyncExpert(nn.Module):
    """Embeds (B, 5, 3, S, S) frames in [0, 1] and (B, 1, 80, 16) mel; Wav2Lip's channels at width 32."""

    def __init__(self, width: int, image_size: int, public: bool = False) -> None:
        super().__init__()
        self.face = _public_face(width, image_size) if public else _plain_face(width, image_size)
        self.speech = speech_encoder(width, 2) if public else MelEncoder(width, normalise=True)

    def forward(self, frames: Tensor, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Return unit embeddings of face and speech, (B, 16 * width) each, no component below 0."""
        lower = frames[:, :, :, frames.shape[3] // 2 :]
        face = cast(Tensor, self.face(lower.flatten(1, 2))).flatten(1)
        return _unit(face), _unit(cast(Tensor, self.speech(mel)).flatten(1))


def sync_loss(expert: SyncExpert, frames: Tensor, mel: Tensor) -> Tensor:
    """Return mean of -log P_sync (Phan et al. eq. 5), P_sync the cosine clamped from below."""
    face, speech = expert(frames, mel)
    return -torch.log((face * speech).sum(1).clamp_min(_SMALLEST)).mean()


def expert_loss(embeddings: tuple[Tensor, Tensor], per_clip: int) -> Tensor:
    """Return balanced binary cross-entropy of face and speech embeddings (clips * per_clip, D).

    A clip's windows lie together. Positives are windows with their own sound; negatives are all
    pairs of different windows of one clip, Wav2Lip's kind, so that neither speaker nor channel gives the
    answer away. Each kind weighs a half.
    """
    face, speech = (x.view(-1, per_clip, x.shape[1]) for x in embeddings)
    cosine = torch.einsum("cvd,csd->cvs", face, speech)
    same = torch.eye(per_clip, dtype=torch.bool, device=cosine.device).expand_as(cosine)
    positive = -torch.log(cosine[same].clamp_min(_SMALLEST)).mean()
    negative = -torch.log((1 - cosine[~same]).clamp_min(_SMALLEST)).mean()
    return (positive + negative) / 2


def _unit(x: Tensor) -> Tensor:
    return nn.functional.normalize(torch.relu(x), dim=1, eps=1e-6)


def _plain_face(width: int, image_size: int) -> nn.Sequential:
    channels = (3 * FRAMES, width, 2 * width, 4 * width, 8 * width, 16 * width)
    strides = ((1, 2), (2, 2), (2, 2), (2, 2), (2, 2))
    layers: list[nn.Module] = []
    for (inputs, outputs), stride in zip(pairwise(channels), strides, strict=True):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.BatchNorm2d(outputs), nn.ReLU()]
    last = image_size // 32  # S/2 x S, halved to S/32 x S/32
    return nn.Sequential(*layers, nn.Conv2d(16 * width, 16 * width, last), nn.BatchNorm2d(16 * width))


def _public_face(width: int, image_size: int) -> nn.Sequential:
    w = width
    return nn.Sequential(
        Conv(3 * FRAMES, w, 7, padding=3),
        Conv(w, 2 * w, 5, (1, 2)),
        *residuals(2 * w, 2),
        Conv(2 * w, 4 * w, stride=2),
        *residuals(4 * w, 3),
        Conv(4 * w, 8 * w, stride=2),
        *residuals(8 * w, 2),
        Conv(8 * w, 16 * w, stride=2),
        *residuals(16 * w, 2),
        Conv(16 * w, 16 * w, stride=2),
        Conv(16 * w, 16 * w, image_size // 32, padding=0),
        Conv(16 * w, 16 * w, 1, padding=0),
    )
