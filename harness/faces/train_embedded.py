"""Train the embedded detector on drawn speakers that no method, metric or judge ever sees.

    python -m harness.faces.train_embedded [--out FILE]

Draws the speakers of SPEC, composes scenes of them (pasted at random places and sizes on plain, shaded and
noisy backgrounds, with and without marks of coding), trains both networks, says what they reach on other
speakers, and writes FILE, by default the one in this package; its SHA-256 then belongs in
harness/weights_table.py. The same corpus version, seed and machine give the same file. Some minutes on one
core.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from harness.config import JUDGE_SEEDS
from harness.datasets.synthetic import CORPUS_VERSION, SynthSpec, draw, plan
from harness.faces.cropping import Box, face_boxes
from harness.faces.detectors import Landmarks
from harness.faces.embedded import (
    FACE_SIDE,
    THUMBNAIL,
    EmbeddedDetector,
    Finder,
    Pointer,
    as_input,
    finder_target,
    window_of,
)
from harness.faces.geometry import EYES, NOSE_BASE
from harness.faces.policies import POLICIES
from harness.store import file_digest

SEED = 1
# The metrics' judges are trained on the first seeds of the same range; these are far from them.
SPEC = SynthSpec(speakers=120, size=96, seed=JUDGE_SEEDS.start + 50_001, clips_per_speaker=1)
CHECK_SPEC = SynthSpec(speakers=12, size=96, seed=JUDGE_SEEDS.start + 60_001, clips_per_speaker=1)
OUT = Path(__file__).parent / "weights" / "embedded_detector.safetensors"
FINDER_STEPS, FINDER_BATCH = 800, 20
POINTER_STEPS, POINTER_BATCH = 2000, 32
_RATE = 3e-3
_EVERY = 6  # neighbouring frames of a clip hardly differ
_POLICY = POLICIES["face-v1-embedded"]

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawn frame (S, S, 3) with its (68, 2) landmarks in pixels."""

    image: Image
    landmarks: Landmarks


def drawings(spec: SynthSpec) -> list[Drawing]:
    """Draw a corpus, sound and files left out, and return every sixth frame."""
    drawn = (draw(clip)[2] for clip in plan(spec))
    return [
        Drawing(image, points)
        for clip in drawn
        for image, points in zip(clip.frames[::_EVERY], clip.landmarks[::_EVERY], strict=True)
    ]


def background(height: int, width: int, generator: np.random.Generator) -> Image:
    """Return a picture without a face: flat, shaded, noisy or full of blots."""
    coarse = int(generator.integers(1, 7))
    base = generator.uniform(0, 255, (coarse, coarse, 3))
    grey = base.mean(axis=2, keepdims=True)
    base = grey + generator.uniform(0, 1) * (base - grey)
    out = cv2.resize(
        base, (width, height), interpolation=cv2.INTER_CUBIC if coarse < 5 else cv2.INTER_NEAREST
    )
    if generator.uniform() < 0.4:
        for _ in range(generator.integers(1, 6)):
            place = [int(v) for v in generator.uniform(0, 1, 2) * (width, height)]
            axes = [int(v) for v in generator.uniform(0.03, 0.3, 2) * min(width, height)]
            colour = [float(v) for v in generator.uniform(0, 255, 3)]
            cv2.ellipse(out, place, [max(1, a) for a in axes], generator.uniform(0, 180), 0, 360, colour, -1)
    if generator.uniform() < 0.6:
        out = out + generator.normal(0, generator.uniform(2, 60), out.shape)
    return np.asarray(np.clip(out, 0, 255), np.uint8)


def paste(
    canvas: Image, drawing: Drawing, matrix: NDArray[np.float64], generator: np.random.Generator
) -> Image:
    """Return the canvas with a drawing on it, (2, 3) `matrix` saying where; its border is sharp or soft."""
    height, width = canvas.shape[:2]
    side = len(drawing.image)
    cover = np.ones((side, side), np.float32)
    if generator.uniform() < 0.5:  # else the network would look for rectangles
        cover[:] = 0
        centre = (side // 2, int(side * 0.52))
        cv2.ellipse(cover, centre, (int(side * 0.42), int(side * 0.5)), 0, 0, 360, 1.0, -1)
        cover = cv2.GaussianBlur(cover, (0, 0), generator.uniform(0.5, 6))
    light = drawing.image * generator.uniform(0.75, 1.2) + generator.uniform(-20, 20)
    image = cv2.warpAffine(np.clip(light, 0, 255).astype(np.float32), matrix, (width, height))
    share = cv2.warpAffine(cover, matrix, (width, height))[..., None]
    return np.asarray(canvas * (1 - share) + image * share, np.uint8)


def placed(
    scale: float, turn: float, middle: NDArray[np.float64], target: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the (2, 3) matrix that scales and turns (degrees) about `middle` and puts it on `target`."""
    matrix = np.asarray(
        cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), turn, scale), np.float64
    )
    matrix[:, 2] += np.array(target) - middle
    return matrix


def moved(landmarks: Landmarks, matrix: NDArray[np.float64]) -> Landmarks:
    """Return where a matrix puts landmarks."""
    return (landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def coded(image: Image, generator: np.random.Generator) -> Image:
    """Return a picture with the marks of coding and of a sensor, or with none."""
    if generator.uniform() < 0.4:
        quality = int(generator.integers(25, 95))
        jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)
    if generator.uniform() < 0.3:
        noisy = image + generator.normal(0, generator.uniform(1, 10), image.shape)
        image = np.asarray(np.clip(noisy, 0, 255), np.uint8)
    return image


def scene(known: list[Drawing], generator: np.random.Generator) -> tuple[Image, list[Box]]:
    """Return a thumbnail with none to two faces, and their boxes in its pixels."""
    fine = 2 * THUMBNAIL
    height, width = fine, fine
    if generator.uniform() < 0.6:
        other = int(fine * generator.uniform(0.5, 1)) // 2 * 2
        height, width = (other, fine) if generator.uniform() < 0.7 else (fine, other)
    canvas = background(height, width, generator)
    boxes: list[Box] = []
    for _ in range(generator.choice(3, p=[0.15, 0.7, 0.15])):
        drawing = known[generator.integers(len(known))]
        shorter = min(height, width)
        side = shorter * float(np.exp(generator.uniform(np.log(0.09 * fine / shorter), np.log(1.05))))
        reach = np.array([width, height]) - side
        left, top = np.minimum(0, reach) + generator.uniform(size=2) * np.abs(reach)
        if any(
            np.hypot(*(np.array([left, top]) + (side - b[2]) / 2 - b[:2])) < (side + b[2]) / 2 for b in boxes
        ):
            continue
        half = len(drawing.image) / 2
        target = (float(left + side / 2), float(top + side / 2))
        matrix = placed(side / len(drawing.image), generator.uniform(-8, 8), np.array([half, half]), target)
        canvas = paste(canvas, drawing, matrix, generator)
        boxes.append(face_boxes(moved(drawing.landmarks, matrix)[None], _POLICY)[0])
    out = np.full((THUMBNAIL, THUMBNAIL, 3), 128, np.uint8)
    out[: height // 2, : width // 2] = cv2.resize(
        canvas, (width // 2, height // 2), interpolation=cv2.INTER_AREA
    )
    return coded(out, generator), [np.array([*((b[:2] + 0.5) / 2 - 0.5), b[2] / 2]) for b in boxes]


def close_up(known: list[Drawing], generator: np.random.Generator) -> tuple[Image, Landmarks]:
    """Return a face at 64 px as the finder's box, none too exact, frames it, and its landmarks."""
    drawing = known[generator.integers(len(known))]
    left, top, side = window_of(face_boxes(drawing.landmarks[None], _POLICY)[0])
    # The finder's box is off by this much at most, the pointer's own by a third of it.
    off = generator.choice([1.0, 0.35])
    middle = np.array([left, top]) + side / 2 + off * generator.uniform(-0.16, 0.16, 2) * side
    scale = FACE_SIDE / side * float(np.exp(off * generator.uniform(-0.25, 0.25)))
    centre = (FACE_SIDE - 1) / 2
    matrix = placed(scale, generator.uniform(-10, 10), middle, (centre, centre))
    image = paste(background(FACE_SIDE, FACE_SIDE, generator), drawing, matrix, generator)
    if generator.uniform() < 0.3:
        small = int(generator.integers(24, FACE_SIDE))
        image = cv2.resize(
            cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), (FACE_SIDE, FACE_SIDE)
        )
    return coded(image, generator), moved(drawing.landmarks, matrix)


def finder_loss(net: nn.Module, known: list[Drawing], generator: np.random.Generator) -> Tensor:
    """Return the loss of one batch of scenes: focal for the middle, L1 for place and size."""
    images, boxes = zip(*(scene(known, generator) for _ in range(FINDER_BATCH)), strict=True)
    maps, weights = (torch.from_numpy(np.stack(a)) for a in zip(*map(finder_target, boxes), strict=True))
    found = net(as_input(np.stack(images)))
    sure = found[:, 0].sigmoid()
    wrong = (sure - maps[:, 0]).abs() ** 2
    focal = (
        wrong * functional.binary_cross_entropy_with_logits(found[:, 0], maps[:, 0], reduction="none")
    ).sum()
    away = ((found[:, 1:] - maps[:, 1:]).abs().sum(1) * weights).sum()
    loss: Tensor = 5 * focal / FINDER_BATCH + away / weights.sum().clamp(min=1)
    return loss


def pointer_loss(net: nn.Module, known: list[Drawing], generator: np.random.Generator) -> Tensor:
    """Return the mean distance of one batch's landmarks, in half sides; what a box depends on counts more."""
    images, points = zip(*(close_up(known, generator) for _ in range(POINTER_BATCH)), strict=True)
    truth = torch.from_numpy((2 * np.stack(points) + 1) / FACE_SIDE - 1)
    away = (net(as_input(np.stack(images))) - truth).norm(dim=2)
    loss: Tensor = away.mean() + away[:, [*EYES, NOSE_BASE]].mean()
    return loss


def fit(
    net: nn.Module,
    loss_of: Callable[[nn.Module, list[Drawing], np.random.Generator], Tensor],
    known: list[Drawing],
    steps: int,
) -> None:
    """Train a network in place: Adam, one cycle."""
    generator = np.random.default_rng(SEED)
    optimiser = torch.optim.Adam(net.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
    recent: list[float] = []
    for step in range(1, steps + 1):
        loss = loss_of(net, known, generator)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        recent = [*recent[-99:], float(loss.detach())]
        if step % 300 == 0:
            _say(f"{type(net).__name__}: step {step} of {steps}, loss {np.mean(recent):.4f}")


def figures(detector: EmbeddedDetector, known: list[Drawing], scenes: int = 300) -> dict[str, float]:
    """Return what a detector reaches on pasted drawings; errors are shares of the crop's side."""
    generator = np.random.default_rng(SEED + 1)
    boxes, points, missed, wrong = [], [], 0, 0
    for _ in range(scenes):
        drawing = known[generator.integers(len(known))]
        height, width = (int(v) for v in generator.integers(180, 721, 2))
        side = float(generator.uniform(60, min(400, height, width)))
        corner = generator.uniform(size=2) * (width - side, height - side)
        half, centre = len(drawing.image) / 2, corner + side / 2
        matrix = placed(side / half / 2, 0, np.array([half, half]), (float(centre[0]), float(centre[1])))
        empty = background(height, width, generator)
        truth = moved(drawing.landmarks, matrix)
        expected = face_boxes(truth[None], _POLICY)[0]
        found = detector(paste(empty, drawing, matrix, generator))
        wrong += bool(detector(empty))
        if not found:
            missed += 1
            continue
        got = face_boxes(found[0][None], _POLICY)[0]
        boxes.append(float(np.abs(got - expected).max()) / expected[2])
        points.append(float(np.linalg.norm(found[0] - truth, axis=1).mean()) / expected[2])
    return {
        "missed": missed / scenes,
        "found_in_empty": wrong / scenes,
        "box_error_median": float(np.median(boxes)),
        "box_error_95": float(np.quantile(boxes, 0.95)),
        "point_error_mean": float(np.mean(points)),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m harness.faces.train_embedded")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="where the weights go")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(SEED)
    known = drawings(SPEC)
    _say(f"{len(known)} drawings of {SPEC.speakers} speakers")
    finder, pointer = Finder(), Pointer()
    fit(finder, finder_loss, known, FINDER_STEPS)
    fit(pointer, pointer_loss, known, POINTER_STEPS)
    tensors = {f"finder.{k}": v for k, v in finder.state_dict().items()}
    tensors |= {f"pointer.{k}": v for k, v in pointer.state_dict().items()}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    facts = {
        "command": "python -m harness.faces.train_embedded",
        "corpus": str(CORPUS_VERSION),
        "seed": str(SPEC.seed),
    }
    halves = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    save_file(halves, options.out, metadata=facts)
    reached = figures(EmbeddedDetector(finder, pointer, _POLICY), drawings(CHECK_SPEC))
    print(*(f"{name}: {value:.4f}" for name, value in reached.items()), sep="\n")
    print(f"{options.out}: SHA-256 {file_digest(options.out)}")
    return 0


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
