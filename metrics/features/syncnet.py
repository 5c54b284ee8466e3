"""SyncNet v2 (Chung and Zisserman, Out of Time: Automated Lip Sync in the Wild, ACCV Workshops 2016).

The layers bear the names of the published `syncnet_v2.model` (joonson/syncnet_python), so its state dict
loads as it is; `syncnet_fast` then runs them. Input as there: 5 frames of 224x224 BGR in 0..255 without
normalisation, 20 MFCC steps. Where frames come from is said in `sync_streams`.
"""

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.types import BadInput, Frames
from metrics.features.syncnet_fast import FastAudioStream, FastVideoStream

SIDE = 224
DIMENSIONS = 1024
_VIDEO_CHUNK = 32  # windows at once: a frame of floats takes 0.6 MB
_AUDIO_CHUNK = 64

Float32 = NDArray[np.float32]


def _audio_convolutions() -> nn.Sequential:
    """(B, 1, 13, 20) -> (B, 512, 1, 1)."""
    return nn.Sequential(
        *_flat(1, 64, 3, 1),
        nn.MaxPool2d(1),
        *_flat(64, 192, 3, 1),
        nn.MaxPool2d(3, stride=(1, 2)),
        *_flat(192, 384, 3, 1),
        *_flat(384, 256, 3, 1),
        *_flat(256, 256, 3, 1),
        nn.MaxPool2d(3, stride=2),
        *_flat(256, 512, (5, 4), 0),
    )


def _video_convolutions() -> nn.Sequential:
    """(B, 3, T, 224, 224) -> (B, 512, T - 4, 1, 1): only the first layer spans time."""
    return nn.Sequential(
        *_deep(3, 96, (5, 7, 7), stride=2),
        nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
        *_deep(96, 256, (1, 5, 5), stride=2, padding=1),
        nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        *_deep(256, 256, (1, 3, 3), padding=1),
        *_deep(256, 256, (1, 3, 3), padding=1),
        *_deep(256, 256, (1, 3, 3), padding=1),
        nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
        *_deep(256, 512, (1, 6, 6)),
    )


def _flat(inputs: int, outputs: int, kernel: int | tuple[int, int], padding: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU()]


def _deep(
    inputs: int, outputs: int, kernel: tuple[int, int, int], stride: int = 1, padding: int = 0
) -> list[nn.Module]:
    convolution = nn.Conv3d(
        inputs, outputs, kernel, stride=(1, stride, stride), padding=(0, padding, padding)
    )
    return [convolution, nn.BatchNorm3d(outputs), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, DIMENSIONS))


class SyncNet(nn.Module):
    """The two streams, in the published state dict's layout."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud = _audio_convolutions()
        self.netfcaud = _head()
        self.netcnnlip = _video_convolutions()
        self.netfclip = _head()

    def audio(self, windows: Tensor) -> Tensor:
        """Return (B, 1024) for (B, 1, 13, 20)."""
        out: Tensor = self.netfcaud(self.netcnnaud(windows).flatten(1))
        return out

    def video(self, frames: Tensor) -> Tensor:
        """Return (T - 4, 1024), one row a window, for (3, T, 224, 224) BGR in 0..255."""
        maps = self.netcnnlip(frames[None])[0, :, :, 0, 0]  # (512, T - 4)
        out: Tensor = self.netfclip(maps.T)
        return out


class SyncNetBackbone:
    """SyncNet as the reference `SyncBackbone`."""

    def __init__(self, state_dict: Mapping[str, Tensor]) -> None:
        """Load the published weights; BadInput names the layers that do not fit."""
        net = SyncNet().eval()
        try:
            outcome = net.load_state_dict(state_dict, strict=False)
        except RuntimeError as error:
            raise BadInput(f"syncnet-v2: a layer of another shape ({error}); fetch the file again") from error
        # The published file is older than BatchNorm's batch counter, which evaluation does not use.
        missing = [key for key in outcome.missing_keys if not key.endswith("num_batches_tracked")]
        if missing or outcome.unexpected_keys:
            raise BadInput(
                f"syncnet-v2: missing layers {missing[:3]}, unknown layers {outcome.unexpected_keys[:3]}"
            )
        self.video = FastVideoStream(net.netcnnlip, net.netfclip)
        self.audio = FastAudioStream(net.netcnnaud, net.netfcaud)

    @torch.inference_mode()
    def video_features(self, frames: Frames) -> Float32:
        """Return (T - 4, 1024) for (T, H, W, 3) uint8 RGB, each frame resized whole to 224x224."""
        windows = len(frames) - 4
        parts = [
            self.video(_as_input(frames[start : min(start + _VIDEO_CHUNK, windows) + 4]))
            for start in range(0, windows, _VIDEO_CHUNK)
        ]
        return torch.cat(parts).numpy()

    @torch.inference_mode()
    def audio_features(self, windows: Float32) -> Float32:
        """Return (n, 1024) for (n, 13, 20) MFCC windows."""
        parts = [self.audio(part) for part in torch.split(torch.from_numpy(windows)[:, None], _AUDIO_CHUNK)]
        return torch.cat(parts).numpy()


def _as_input(frames: Frames) -> Tensor:
    """(T, H, W, 3) uint8 RGB -> (T, 224, 224, 3) float32 BGR, 0..255."""
    whole = [cv2.cvtColor(cv2.resize(frame, (SIDE, SIDE)), cv2.COLOR_RGB2BGR) for frame in frames]
    return torch.from_numpy(np.stack(whole)).float()
