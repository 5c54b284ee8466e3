"""What audio-to-motion is judged by at the end of its stage, on clips of the validation split.

Lips: as `metrics.lmd_mouth`, the distance of the mouth's landmarks, each frame's about their mean, but over
the face's width, and with both heads put where the true one is, so that only lips count; `still` keeps the
reference's lips. Head: spread is the mean deviation over time of yaw, pitch and roll (degrees), speed their
mean change a frame. Beats: how near peaks of that speed lie to peaks of loudness, mean of
exp(-d^2 / (2 * 3^2)) for d frames, after Li et al. (AI Choreographer, ICCV 2021), who ask it of dancers and
music. Each beside the truth's own value.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks
from torch import nn

from harness.types import SAMPLES_PER_FRAME, Audio
from methods.synchrorama.audio_to_motion import AudioToMotion, Reference, joined
from methods.synchrorama.motion_data import MotionClips
from methods.synchrorama.pose import at_rest, placed

_LIPS = slice(48, 68)
_CHEEKS = (0, 16)
_SIGMA = 3.0  # frames
_LEAST_PEAK = 0.1  # of the loudest frame

Floats = NDArray[np.float32]


@torch.inference_mode()
def of_clips(model: AudioToMotion, emotion: nn.Module, clips: MotionClips, device: str) -> dict[str, float]:
    """Return the scores of whole clips, means over them, by column name; noise is drawn by clip index."""
    found = [_of_clip(model, emotion, clips, index, device) for index in clips.kept]
    return {name: float(np.nanmean([f[name] for f in found])) for name in found[0]}


def _of_clip(
    model: AudioToMotion, emotion: nn.Module, clips: MotionClips, index: int, device: str
) -> dict[str, float]:
    whole = clips.whole(index).to(device)
    reference, mel = Reference(whole.pose0, whole.landmarks0), clips.clip(index).mel
    pose, landmarks = joined(model.stream([mel], emotion(whole.clip), reference, seed=index))
    points = at_rest(landmarks, model.depth, pose)
    still = at_rest(whole.landmarks0, model.depth, whole.pose0)[:, None].expand_as(points)
    ours, held = (placed(p, model.depth, whole.pose)[0].cpu().numpy() for p in (points, still))
    true, audio = whole.landmarks[0].cpu().numpy(), clips.clip(index).audio
    heads = {"": pose[0].cpu().numpy(), "_true": whole.pose[0].cpu().numpy()}
    scores = {"lip_error": lip_error(ours, true), "lip_error_still": lip_error(held, true)}
    scores |= {f"head_spread{of}": head_spread(head) for of, head in heads.items()}
    scores |= {f"head_speed{of}": float(_speed(head).mean()) for of, head in heads.items()}
    return scores | {f"beat_alignment{of}": beat_alignment(head, audio) for of, head in heads.items()}


def lip_error(ours: Floats, true: Floats) -> float:
    """Return the lips' distance of (T, 68, 2) landmarks, about their mean, over the true face's width."""
    a, b = (lips - lips.mean(axis=1, keepdims=True) for lips in (ours[:, _LIPS], true[:, _LIPS]))
    width = np.linalg.norm(true[:, _CHEEKS[0]] - true[:, _CHEEKS[1]], axis=1)
    return float((np.linalg.norm(a - b, axis=2).mean(axis=1) / width).mean())


def head_spread(pose: Floats) -> float:
    """Return the mean of the deviations of yaw, pitch and roll over time, in degrees, of a pose (T, 6)."""
    return float(np.degrees(pose[:, :3].std(axis=0)).mean())


def beat_alignment(pose: Floats, audio: Audio) -> float:
    """Return how near the head's speed peaks to loudness, 0..1; NaN where either has no peak."""
    loudness = np.sqrt((audio.reshape(len(pose), SAMPLES_PER_FRAME) ** 2).mean(axis=1))
    beats, moves = _peaks(loudness), _peaks(_speed(pose))
    if not len(beats) or not len(moves):
        return float("nan")
    nearest = np.abs(moves[:, None] - beats).min(axis=1)
    return float(np.exp(-(nearest**2) / (2 * _SIGMA**2)).mean())


def _speed(pose: Floats) -> Floats:
    """Return the head's angular speed (T,), degrees a frame."""
    speed: Floats = np.degrees(np.linalg.norm(np.gradient(pose[:, :3], axis=0), axis=1))
    return speed


def _peaks(curve: Floats) -> NDArray[np.int64]:
    smooth = gaussian_filter1d(curve, 1.0)
    peaks: NDArray[np.int64] = find_peaks(smooth, prominence=_LEAST_PEAK * smooth.max())[0]
    return peaks
