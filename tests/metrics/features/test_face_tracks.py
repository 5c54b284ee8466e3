"""metrics/features/face_tracks.py: pure functions from faces of frames to crops of one face."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from metrics.features.face_tracks import cropped, face_tracks, overlap, smoothed


def walking(frames: int, left: float = 50, step: float = 1.0, side: float = 120) -> Any:
    """Boxes (T, 4) of a face that walks right."""
    starts = left + step * np.arange(frames)
    return np.stack([starts, np.full(frames, 40.0), starts + side, np.full(frames, 40 + side * 1.2)], 1)


def one_a_frame(boxes: Any, missing: tuple[int, ...] = ()) -> list[Any]:
    return [np.empty((0, 4)) if i in missing else box[None] for i, box in enumerate(boxes)]


def test_overlap_is_intersection_over_union() -> None:
    box = np.array([0.0, 0, 10, 10])
    assert overlap(box, box) == 1
    assert overlap(box, np.array([5.0, 0, 15, 10])) == pytest.approx(1 / 3)
    assert overlap(box, np.array([10.0, 10, 20, 20])) == 0
    assert overlap(box, np.array([20.0, 30, 40, 50])) == 0


def test_a_face_is_followed_over_gaps_and_interpolated() -> None:
    boxes = walking(80)
    (track,) = face_tracks(one_a_frame(boxes, missing=(5, 6, 30)), shortest=50, start=7)
    assert track.start == 7
    np.testing.assert_allclose(track.boxes, boxes, atol=1e-9)


def test_a_track_needs_more_than_the_shortest_and_a_face_above_100_px() -> None:
    assert face_tracks(one_a_frame(walking(50)), shortest=50) == []
    assert len(face_tracks(one_a_frame(walking(51)), shortest=50)) == 1
    assert face_tracks(one_a_frame(walking(51, side=83)), shortest=50) == []  # 99.6 px high
    assert face_tracks([], shortest=50) == []


def test_a_gap_of_more_than_25_frames_ends_a_track() -> None:
    kept = face_tracks(one_a_frame(walking(150), missing=tuple(range(60, 84))), shortest=50)
    assert [(t.start, len(t.boxes)) for t in kept] == [(0, 150)]
    ended = face_tracks(one_a_frame(walking(150), missing=tuple(range(60, 85))), shortest=50)
    assert [(t.start, len(t.boxes)) for t in ended] == [(0, 60), (85, 65)]


def test_two_faces_are_two_tracks_whatever_their_order() -> None:
    left, right = walking(60), walking(60, left=400)
    faces = [np.stack([a, b][:: 1 - 2 * (i % 2)]) for i, (a, b) in enumerate(zip(left, right, strict=True))]
    tracks = face_tracks(faces, shortest=50)
    assert sorted(track.boxes[0, 0] for track in tracks) == [50, 400]
    for track in tracks:
        assert np.ptp(track.boxes[:, 0]) == 59


def test_tracks_are_the_peers() -> None:
    pipeline = pytest.importorskip("syncnet_python", reason="the peer comes with the extra bench")
    generator = np.random.default_rng(3)
    faces = []
    for index in range(260):
        boxes = walking(260, step=0.7)[index] + generator.normal(0, 2, 4) + 300 * (index > 150)
        faces.append(boxes[None] if generator.uniform() > 0.1 else np.empty((0, 4)))
    peer = SimpleNamespace(cfg=pipeline.syncnet_pipeline.PipelineConfig(), _iou=pipeline.SyncNetPipeline._iou)
    shown = [[{"frame": i, "bbox": b.tolist()} for b in boxes] for i, boxes in enumerate(faces)]
    expected = pipeline.SyncNetPipeline._track(peer, shown)
    ours = face_tracks(faces, shortest=50)
    assert len(ours) == len(expected) == 2
    for track, other in zip(ours, expected, strict=True):
        assert track.start == other["frame"][0]
        np.testing.assert_allclose(track.boxes, other["bbox"], atol=1e-9)


def test_smoothing_is_a_median_of_13() -> None:
    boxes = walking(40, step=0)
    boxes[20] += 90
    np.testing.assert_array_equal(smoothed(boxes)[6:-6], np.tile([110, 112, 72], (28, 1)))


def test_crops_reach_below_the_chin_and_are_grey_outside_the_picture() -> None:
    rows = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None, None], (200, 200, 3))
    crop = cropped(np.ascontiguousarray(rows), np.array([100.0, 80.0, 50.0]))
    assert crop.shape == (224, 224, 3)
    assert crop[0, 112, 0] == pytest.approx(30, abs=1)  # half a side up from the centre
    assert crop[-1, 112, 0] == pytest.approx(169, abs=1)  # 1.8 half sides down
    assert (cropped(np.ascontiguousarray(rows), np.array([0.0, 100.0, 50.0]))[:, :100] == 110).all()
