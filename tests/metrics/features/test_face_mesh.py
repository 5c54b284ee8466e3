"""The face mesh and what is read from it: AU map, one pass for all, real and drawn faces, bad pictures."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness.contracts import Setup
from harness.store import Store
from harness.types import Clip, Frames, Pair, Unscorable
from harness.weights import Weights
from metrics.au_f1 import AUPresenceF1
from metrics.au_icc import AUIntraclassCorrelation
from metrics.au_mae import AUMeanAbsoluteError
from metrics.features import face_mesh
from metrics.features.blendshapes import DEAD, SHAPES_OF, UNITS, lips_part, units_of
from metrics.features.face_mesh import LIPS, POINTS, SHAPES, FaceMesh, MeshPass, upscaled
from metrics.lmd import LandmarkDistance
from metrics.lmd_mouth import MouthLandmarkDistance

SIDE = 256


def made_up(**shapes: float) -> MeshPass:
    row = np.zeros((1, len(SHAPES)), np.float32)
    for name, value in shapes.items():
        row[0, SHAPES.index(name)] = value
    return MeshPass(np.zeros((1, POINTS, 2), np.float32), row)


def test_left_and_right_shapes_are_averaged() -> None:
    found = units_of(made_up(mouthSmileLeft=0.8, mouthSmileRight=0.4, jawOpen=0.5))
    units = dict(zip(UNITS, found[0], strict=True))
    assert units["AU12"] == pytest.approx(0.6) and units["AU26"] == 0.5 and units["AU1"] == 0.0


def test_the_map_knows_every_shape_and_no_dead_unit() -> None:
    assert len(SHAPES) == len(set(SHAPES)) == 52 and len(LIPS) == len(set(LIPS)) == 40
    assert {name for names in SHAPES_OF.values() for name in names} <= set(SHAPES)
    assert not set(DEAD) & set(UNITS)


def test_lips_part_by_the_share_of_the_eyes_distance() -> None:
    found = made_up()
    # Corners of the right eye round (10, 0) and of the left one round (30, 0); lips 5 px apart.
    places = {33: (8, 0), 133: (12, 0), 362: (28, 0), 263: (32, 0), 13: (20, 30), 14: (20, 35)}
    for vertex, place in places.items():
        found.points[0, vertex] = place
    assert lips_part(found)[0] == pytest.approx(5 / 20)
    found.points[0, 14] = (20, 99)
    assert lips_part(found)[0] == 1.0


def test_small_frames_are_enlarged_for_the_detector() -> None:
    assert upscaled(np.zeros((64, 64, 3), np.uint8)).shape == (256, 256, 3)
    assert upscaled(np.zeros((300, 400, 3), np.uint8)).shape == (300, 400, 3)


@pytest.fixture(scope="module")
def setup(shared: Path) -> Setup:
    return Setup("reference", Weights(shared / "weights"))


def test_one_pass_serves_aus_and_landmarks_and_the_next_method(
    setup: Setup, drawn_pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    real = face_mesh.mesh_rows

    def counted(frames: Frames, path: Path) -> face_mesh.Float32:
        calls.append(len(frames))
        return real(frames, path)

    monkeypatch.setattr(face_mesh, "mesh_rows", counted)
    frames = drawn_pairs[0].generated.frames[:6]
    for made in (frames[:4], frames[1:6]):
        pair = Pair("one", Clip(made, None), Clip(frames, None, shared=True), store=Store(tmp_path))
        for kind in (AUMeanAbsoluteError, AUPresenceF1, LandmarkDistance, MouthLandmarkDistance):
            kind(setup).measure(pair)
    assert sorted(calls) == [4, 5, 6]


def test_the_proxy_sees_the_smile_that_was_drawn(setup: Setup, drawn_pairs: list[Pair]) -> None:
    metric = AUMeanAbsoluteError(setup)
    smile = metric.extractor.units.index("AU12")
    by_emotion = {pair.emotion: pair for pair in drawn_pairs}

    def smiles(emotion: str) -> float:
        clip = Clip(by_emotion[emotion].generated.frames[10:30:5], None)
        found = metric.extractor.read(Pair("drawn", clip, clip), "generated").intensity[:, smile]
        return float(np.nanmean(found))

    assert smiles("happy") > smiles("sad") + 0.1


def drawn_face(pair: Pair) -> Frames:
    return np.stack([cv2.resize(f, (SIDE, SIDE)) for f in pair.generated.frames[:4]])


def test_of_two_faces_the_largest_is_followed(setup: Setup, drawn_pairs: list[Pair]) -> None:
    first, second = drawn_face(drawn_pairs[0]), drawn_face(drawn_pairs[6])
    smaller = np.stack([cv2.resize(f, (SIDE // 2, SIDE // 2)) for f in second])
    both = np.full((4, SIDE, 2 * SIDE, 3), 128, np.uint8)
    both[:, :, :SIDE] = first
    both[:, SIDE // 2 :, SIDE + SIDE // 4 : SIDE + 3 * SIDE // 4] = smaller
    mirrored = both.copy()
    mirrored[:, :, :SIDE], mirrored[:, :, SIDE:] = both[:, :, SIDE:], both[:, :, :SIDE]
    mesh = FaceMesh(setup.weights)
    left, right = (
        mesh.of_clip(Pair("two", clip, clip), "generated").points
        for clip in (Clip(both, None), Clip(mirrored, None))
    )
    assert left[..., 0].max() < SIDE < right[..., 0].min()


def test_pictures_without_a_face_and_three_frames(setup: Setup, drawn_pairs: list[Pair]) -> None:
    blank = Clip(np.full((3, SIDE, SIDE, 3), 128, np.uint8), None)
    face = Clip(drawn_face(drawn_pairs[0])[:3], None)
    assert np.isnan(FaceMesh(setup.weights).of_clip(Pair("b", blank, blank), "reference").points).all()
    for kind in (AUMeanAbsoluteError, LandmarkDistance, MouthLandmarkDistance):
        metric = kind(setup)
        with pytest.raises(Unscorable, match="no face in both clips in any of 3 frames"):
            metric.measure(Pair("blank", face, blank))
        assert metric.measure(Pair("short", face, face)).value == 0.0
    with pytest.raises(Unscorable, match="3 frames, fewer than the 10"):
        AUIntraclassCorrelation(setup).measure(Pair("short", face, face))


def every_eighth_frame(path: Path) -> Frames:
    """Decode what there is of a file, however it ends: one of the shared clips is cut short."""
    film, frames = cv2.VideoCapture(str(path)), []
    for index in itertools.count():
        if not film.grab():
            break
        if index % 8 == 0:
            frames.append(cv2.cvtColor(film.retrieve()[1], cv2.COLOR_BGR2RGB))
    return np.stack(frames)


def test_every_real_clip_against_itself_and_happy_above_sad_and_angry(shared: Path, setup: Setup) -> None:
    metrics = [kind(setup) for kind in (AUMeanAbsoluteError, LandmarkDistance, MouthLandmarkDistance)]
    smile, smiles = UNITS.index("AU12"), {}
    films = sorted(p for p in (shared / "clips").iterdir() if p.suffix in {".mp4", ".avi", ".mpg"})
    assert len(films) >= 11
    for film in films:
        clip = Clip(every_eighth_frame(film), None)
        pair = Pair(film.stem, clip, clip)
        assert [metric.measure(pair).value for metric in metrics] == [0.0, 0.0, 0.0], film.name
        found = metrics[0].extractor.read(pair, "generated").intensity[:, smile]
        smiles[film.stem] = float(np.nanmean(found))
    happy = min(value for name, value in smiles.items() if "happy" in name)
    others = {n: v for n, v in smiles.items() if "sad" in n or "angry" in n}
    assert len(others) == 2 and happy > 1.5 * max(others.values()), smiles
