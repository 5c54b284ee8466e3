"""An instrument that nobody here made sees the drawn faces, and sees them move as they were drawn."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

from harness.datasets.synthetic import SynthSpec, plan, render
from harness.media import read_clip
from harness.types import Frames

EVERY = 2  # frames; the whole corpus would take minutes

Look = Callable[[Frames], dict[str, float] | None]


@pytest.fixture(scope="module")
def look(shared: Path) -> Iterator[Look]:
    """Return a function from one frame to FaceLandmarker's blendshapes, None where it finds no face."""
    weights = shared / "weights" / "face_landmarker.task"
    if not weights.exists():
        pytest.skip(f"no {weights}: MediaPipe's FaceLandmarker cannot be run")
    os.environ.update(GLOG_minloglevel="3")
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(weights)), output_face_blendshapes=True
    )
    with vision.FaceLandmarker.create_from_options(options) as landmarker:

        def blendshapes(frame: Frames) -> dict[str, float] | None:
            large = cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
            found = landmarker.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, large))
            if not found.face_blendshapes:
                return None
            return {shape.category_name: shape.score for shape in found.face_blendshapes[0]}

        yield blendshapes


def test_mediapipe_sees_faces_that_move_as_drawn(look: Look, tmp_path: Path) -> None:
    looked, missed, correlations = 0, 0, []
    seen: dict[tuple[int, str], list[tuple[float, float]]] = defaultdict(list)
    for clip in plan(SynthSpec(speakers=3, size=128, seed=0, clips_per_speaker=6)):
        if clip.emotion not in ("NEU", "HAP", "SAD", "ANG"):
            continue
        render(clip, tmp_path)
        frames = read_clip(tmp_path / "VideoFlash" / f"{clip.name}.mp4").frames[::EVERY]
        truth = np.load(tmp_path / "Truth" / f"{clip.name}.npz")["jaw_open"][::EVERY]
        shapes = [look(frame) for frame in frames]
        found = [(shape, jaw) for shape, jaw in zip(shapes, truth, strict=True) if shape]
        looked, missed = looked + len(shapes), missed + len(shapes) - len(found)
        jaws = spearmanr([shape["jawOpen"] for shape, _ in found], [jaw for _, jaw in found])
        correlations.append(jaws.statistic)
        seen[clip.actor, clip.emotion] += [
            (
                shape["mouthSmileLeft"] + shape["mouthSmileRight"],
                shape["browDownLeft"] + shape["browDownRight"],
            )
            for shape, _ in found
        ]
    assert missed <= 0.03 * looked
    assert np.median(correlations) >= 0.8
    means = {key: np.mean(values, axis=0) for key, values in seen.items()}
    for actor in (1001, 1002, 1003):
        assert means[actor, "HAP"][0] > means[actor, "SAD"][0] + 0.3
        assert means[actor, "ANG"][1] > means[actor, "NEU"][1]
