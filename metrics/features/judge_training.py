"""Training loops of the embedded judges: sync by InfoNCE, emotion and AU by cross-entropy, landmarks by L1.

Deterministic for a seed and a number of threads. Clips come from `judge_data`, pictures pass through
`augment`.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from metrics.features.augment import augment, augment_with_points
from metrics.features.face_judge import SIDE, FaceJudgeNet
from metrics.features.judge_data import CLASSES, JudgeClip
from metrics.features.landmark_judge import LandmarkJudgeNet, from_pixels
from metrics.features.sync import WINDOW
from metrics.features.sync_judge import DIMENSIONS, SyncJudgeNet, lip_windows

FACE_STEPS, FACE_BATCH = 800, 128
LANDMARK_STEPS, LANDMARK_BATCH = 1000, 32
SYNC_STEPS, SYNC_CLIPS, SYNC_RUN = 700, 12, 24
_TEMPERATURE = 0.1
_READING_WEIGHT = 10.0
# Every other window: neighbours differ too little to be told apart, and need not be.
_STRIDE = 2
_RAMP = 0.6
_RATE = 3e-3
# Which of the 68 points a point becomes when the picture is mirrored.
MIRRORED_68 = (
    *reversed(range(17)),
    *reversed(range(17, 27)),
    *range(27, 31),
    *reversed(range(31, 36)),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)

Say = Callable[[str], None]


def train_sync(clips: Sequence[JudgeClip], seed: int, say: Say, steps: int = SYNC_STEPS) -> SyncJudgeNet:
    """Return a sync judge, trained to tell a window's own sound from that of all other windows of a batch.

    A batch is 12 clips with 12 windows each, so that the hard negatives are the same voice and face at
    another moment. Two linear heads, thrown away afterwards, read the mouth's true opening from either
    stream: told where to look, the streams meet sooner.
    """
    torch.manual_seed(seed)
    generator = Generator().manual_seed(seed)
    net = SyncJudgeNet()
    heads = nn.ModuleList(nn.Linear(DIMENSIONS, WINDOW * clips[0].mouth.shape[1]) for _ in range(2))
    coefficients = torch.from_numpy(np.concatenate([clip.mfcc[::WINDOW] for clip in clips]))
    net.mfcc_mean.copy_(coefficients.mean(dim=(0, 2))[:, None])
    net.mfcc_scale.copy_(coefficients.std(dim=(0, 2))[:, None])

    def loss(progress: float) -> Tensor:
        # Fine lip motion is found sooner in clear pictures; blur and shifts come in as it is learnt.
        video, audio, mouth = _sync_batch(clips, generator, min(1.0, progress / _RAMP))
        seen, heard = net.video(video)[:, :-1], net.audio(audio)[:, :-1]
        similarity = seen @ heard.T / _TEMPERATURE
        own = torch.arange(len(similarity))
        matching = functional.cross_entropy(similarity, own) + functional.cross_entropy(similarity.T, own)
        reading = [
            functional.mse_loss(head(rows), mouth) for head, rows in zip(heads, (seen, heard), strict=True)
        ]
        return matching / 2 + _READING_WEIGHT * (reading[0] + reading[1])

    _optimise(nn.ModuleList([net, heads]), loss, steps, say)
    return net


def train_emotion(clips: Sequence[JudgeClip], seed: int, say: Say, steps: int = FACE_STEPS) -> FaceJudgeNet:
    """Return an emotion judge of single frames, each labelled with its clip's emotion."""
    torch.manual_seed(seed)
    frames, owner = _all_frames(clips)
    labels = torch.tensor([clip.emotion for clip in clips])[owner]
    net = FaceJudgeNet(len(CLASSES))

    def criterion(logits: Tensor, chosen: Tensor) -> Tensor:
        return functional.cross_entropy(logits, labels[chosen], label_smoothing=0.05)

    _train_face(net, frames, criterion, seed, steps, say)
    return net


def train_au(clips: Sequence[JudgeClip], seed: int, say: Say, steps: int = FACE_STEPS) -> FaceJudgeNet:
    """Return a regressor of the action units that drew each frame."""
    torch.manual_seed(seed)
    frames, _ = _all_frames(clips)
    intensities = torch.from_numpy(np.concatenate([clip.au for clip in clips]))
    # An AU that varies little, such as a blink's, would else be drowned by an emotion's brow.
    weight = 0.25 / intensities.std(dim=0).clamp(min=0.05)
    net = FaceJudgeNet(intensities.shape[1])

    def criterion(logits: Tensor, chosen: Tensor) -> Tensor:
        # Its minimum is the expected intensity, as squared error's is, but it still pulls near 0 and 1.
        return functional.binary_cross_entropy_with_logits(logits, intensities[chosen], weight)

    _train_face(net, frames, criterion, seed, steps, say)
    return net


def train_landmarks(
    clips: Sequence[JudgeClip], seed: int, say: Say, steps: int = LANDMARK_STEPS
) -> LandmarkJudgeNet:
    """Return a regressor of the 68 points that drew each frame."""
    torch.manual_seed(seed)
    frames, _ = _all_frames(clips)
    truth = [from_pixels(clip.landmarks, clip.frames.shape[1]) for clip in clips]
    points = torch.from_numpy(np.concatenate(truth))
    net = LandmarkJudgeNet()
    generator = Generator().manual_seed(seed)
    partners = torch.tensor(MIRRORED_68)

    def loss(_: float) -> Tensor:
        chosen = torch.randint(len(frames), (LANDMARK_BATCH,), generator=generator)
        strength = float(torch.rand(1, generator=generator))
        pixels = frames[chosen][:, None]
        pictures, moved, mirrored = augment_with_points(pixels, points[chosen], SIDE, generator, strength)
        wanted = torch.where(mirrored[:, None, None], moved[:, partners], moved)
        return functional.l1_loss(net(pictures[:, 0]), wanted.flatten(1))

    _optimise(net, loss, steps, say)
    return net


def _train_face(
    net: FaceJudgeNet,
    frames: Tensor,
    criterion: Callable[[Tensor, Tensor], Tensor],
    seed: int,
    steps: int,
    say: Say,
) -> None:
    generator = Generator().manual_seed(seed)

    def loss(_: float) -> Tensor:
        chosen = torch.randint(len(frames), (FACE_BATCH,), generator=generator)
        strength = float(torch.rand(1, generator=generator))
        pictures = augment(frames[chosen][:, None], SIDE, generator, strength)[:, 0]
        return criterion(net(pictures), chosen)

    _optimise(net, loss, steps, say)


def _optimise(net: nn.Module, loss: Callable[[float], Tensor], steps: int, say: Say) -> None:
    optimiser = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps, pct_start=0.2)
    net.train()
    recent: list[float] = []
    for step in range(1, steps + 1):
        value = loss(step / steps)
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        recent.append(float(value.detach()))
        if step % 100 == 0 or step == steps:
            say(f"step {step}/{steps}: loss {np.mean(recent):.3f}")
            recent.clear()
    net.eval()


def _sync_batch(
    clips: Sequence[JudgeClip], generator: Generator, strength: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return video (B, 5, 3, 32, 64), MFCC (B, 13, 20) and mouth units (B, 15) of matching windows."""
    video, audio, mouth = [], [], []
    chosen = torch.randperm(len(clips), generator=generator)[:SYNC_CLIPS]
    for clip in (clips[int(index)] for index in chosen):
        start = int(torch.randint(len(clip.mfcc) - SYNC_RUN + 1, (1,), generator=generator))
        run = slice(start, start + SYNC_RUN + WINDOW - 1)
        video.append(torch.from_numpy(clip.frames[run]))
        audio.append(torch.from_numpy(clip.mfcc[start : start + SYNC_RUN : _STRIDE]))
        mouth.append(torch.from_numpy(clip.mouth[run]).unfold(0, WINDOW, _STRIDE).flatten(1))
    pixels = torch.stack(video).permute(0, 1, 4, 2, 3)
    pictures = augment(pixels, SIDE, generator, strength)
    return torch.cat([lip_windows(run)[::_STRIDE] for run in pictures]), torch.cat(audio), torch.cat(mouth)


def _all_frames(clips: Sequence[JudgeClip]) -> tuple[Tensor, Tensor]:
    """Return (N, 3, 72, 72) uint8 of all clips' frames, and (N,) the clip that each is of."""
    frames = torch.from_numpy(np.concatenate([clip.frames for clip in clips])).permute(0, 3, 1, 2)
    return frames, torch.repeat_interleave(
        torch.arange(len(clips)), torch.tensor([len(clip.frames) for clip in clips])
    )
