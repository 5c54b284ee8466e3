"""From files to prepared clips: drawn ones with their truth, real ones with faces found, bad ones named."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from harness import datasets, faces, media, prepare
from harness.datasets import synthetic
from harness.faces import POLICIES, Detector
from harness.types import BadInput, Sample
from harness.weights import Weights

NONE, FACE = POLICIES["none"], POLICIES["face-v1"]


@contextmanager
def never() -> Iterator[Detector]:
    raise AssertionError("the detector was opened though landmarks are known")
    yield


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sample, ...]:
    root = tmp_path_factory.mktemp("drawn")
    synthetic.write_corpus(synthetic.SynthSpec(speakers=2, size=64, seed=3, clips_per_speaker=2), root)
    return datasets.read("synthetic", root).samples


def test_drawn_clips_keep_their_pixels_and_truth(drawn: tuple[Sample, ...]) -> None:
    for sample in drawn:
        clip = prepare.prepare(sample, NONE, 64, never)
        assert sample.truth is not None and clip.audio is not None
        np.testing.assert_array_equal(clip.frames, media.read_clip(sample.video).frames)
        with np.load(sample.truth) as truth:
            np.testing.assert_allclose(clip.landmarks, truth["landmarks"], atol=1e-4)
        assert len(clip.audio) == len(clip.frames) * 640
        at = np.rint(clip.landmarks).astype(int).clip(0, 63)
        assert all(m[p[:, 1], p[:, 0]].all() for m, p in zip(clip.mask, at, strict=True))


def test_landmarks_grow_with_the_picture(drawn: tuple[Sample, ...]) -> None:
    small, large = (prepare.prepare(drawn[0], NONE, size, never) for size in (64, 128))
    assert large.frames.shape[1:3] == (128, 128)
    np.testing.assert_allclose(large.landmarks, small.landmarks * 2 + 0.5, atol=1e-3)
    assert abs(large.mask.mean() - small.mask.mean()) < 0.02


def test_saved_and_loaded_again(drawn: tuple[Sample, ...], tmp_path: Path) -> None:
    clip = prepare.prepare(drawn[0], NONE, 64, never)
    silent = prepare.PreparedClip(clip.frames, None, clip.landmarks, clip.mask)
    prepare.save(tmp_path / "a.tar", clip)
    prepare.save(tmp_path / "b.tar", silent)
    again = prepare.load(tmp_path / "a.tar")
    assert again.audio is not None and clip.audio is not None
    for name in ("frames", "audio", "landmarks", "mask"):
        np.testing.assert_array_equal(getattr(again, name), getattr(clip, name))
    assert prepare.load(tmp_path / "b.tar").audio is None
    assert prepare.frames_and_sound(tmp_path / "b.tar") == (len(clip.frames), False)


@pytest.mark.parametrize("content", [b"", b"not an archive", "cut"])
def test_what_is_no_prepared_clip_is_named(
    drawn: tuple[Sample, ...], tmp_path: Path, content: bytes | str
) -> None:
    path = tmp_path / "bad.tar"
    prepare.save(path, prepare.prepare(drawn[0], NONE, 64, never))
    path.write_bytes(path.read_bytes()[:9000] if isinstance(content, str) else content)
    for read in (prepare.load, prepare.frames_and_sound):
        with pytest.raises(BadInput, match=r"bad\.tar"):
            read(path)


def test_truth_of_another_clip_is_refused(drawn: tuple[Sample, ...], tmp_path: Path) -> None:
    truth = tmp_path / "truth.npz"
    np.savez(truth, landmarks=np.zeros((3, 68, 2), np.float32))
    with pytest.raises(BadInput, match=r"truth\.npz.*\(3, 68, 2\)"):
        prepare.prepare(_with(drawn[0], truth=truth), NONE, 64, never)
    truth.write_bytes(b"")
    with pytest.raises(BadInput, match=r"truth\.npz"):
        prepare.prepare(_with(drawn[0], truth=truth), NONE, 64, never)


def test_sound_that_is_not_the_clips_own_is_refused(drawn: tuple[Sample, ...], tmp_path: Path) -> None:
    seconds = len(media.read_clip(drawn[0].video).frames) / 25
    for length, fits in ((0.4, False), (0.6, True), (1.8, True), (2.2, False)):
        media.write_wav(tmp_path / "sound.wav", np.zeros(round(length * seconds * 16_000), np.float32))
        sample = _with(drawn[0], audio=tmp_path / "sound.wav")
        if fits:
            assert prepare.prepare(sample, NONE, 64, never).audio is not None
            continue
        with pytest.raises(BadInput, match=r"sound\.wav: .* s of sound for .* s of picture"):
            prepare.prepare(sample, NONE, 64, never)


def test_footage_that_is_not_square_needs_the_other_policy(tmp_path: Path) -> None:
    media.encode(tmp_path / "wide.mp4", np.zeros((2, 64, 96, 3), np.uint8), None)
    with pytest.raises(BadInput, match=r"wide\.mp4: 96x64"):
        prepare.prepare(Sample("wide", tmp_path / "wide.mp4", None, None, None), NONE, 64, never)


def test_crops_follow_a_moving_face(tmp_path: Path) -> None:
    """A checkered disc moves over a wide picture; in the crop it stands still."""
    ys, xs = np.mgrid[0:120, 0:200]
    frames = np.zeros((30, 120, 200, 3), np.uint8)
    for i, frame in enumerate(frames):
        frame[(xs - 60 - 2 * i) ** 2 + (ys - 60) ** 2 < 400] = 200
    media.encode(tmp_path / "moving.mp4", frames, None)
    shape = np.zeros((68, 2), np.float32)
    shape[[36, 39, 42, 45], 0] = (-14, -6, 6, 14)
    shape[33, 1] = 14

    @contextmanager
    def on_the_disc() -> Iterator[Detector]:
        yield lambda image: [shape + np.argwhere(image[..., 0] > 100).mean(0)[::-1].astype(np.float32)]

    sample = Sample("moving", tmp_path / "moving.mp4", None, None, None)
    clip = prepare.prepare(sample, FACE, 64, on_the_disc)
    places = np.array([np.argwhere(f[..., 0] > 100).mean(0) for f in clip.frames])
    assert np.abs(places[8:-8] - places[15]).max() < 1
    np.testing.assert_allclose(clip.landmarks[8:-8, [36, 39, 42, 45]].mean(1)[:, ::-1], places[8:-8], atol=1)


def test_real_faces_are_found_cropped_and_steady(shared: Path) -> None:
    detector = partial(faces.open_detector, FACE, Weights(shared / "weights"))
    for name in ("GRID_bbaf2n.mpg", "LibreFace_sample_disfa.avi"):
        path = shared / "clips" / name
        clip = prepare.prepare(Sample(path.stem, path, None, None, None), FACE, 96, detector)
        assert clip.frames.shape[1:] == (96, 96, 3)
        assert (clip.audio is None) == (path.suffix == ".avi")
        eyes = clip.landmarks[:, [36, 39, 42, 45]].mean(1)
        assert np.abs(eyes - (48, FACE.eye_height * 96)).max() < 3
        assert np.abs(np.diff(eyes, axis=0)).mean() < 0.5
        at = np.rint(clip.landmarks).astype(int).clip(0, 95)
        assert all(m[p[:, 1], p[:, 0]].all() for m, p in zip(clip.mask, at, strict=True))


def test_a_real_clip_cut_short_is_refused(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "clips" / "MEAD_W036_level_3_happy_007.mp4").read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"cut\.mp4"):
        prepare.prepare(Sample("cut", path, None, None, None), FACE, 96, never)


def test_a_picture_without_a_face_is_refused(shared: Path, tmp_path: Path) -> None:
    media.encode(tmp_path / "grey.mp4", np.full((3, 128, 128, 3), 128, np.uint8), None)
    detector = partial(faces.open_detector, FACE, Weights(shared / "weights"))
    with pytest.raises(BadInput, match=r"grey\.mp4: no face"):
        prepare.prepare(Sample("grey", tmp_path / "grey.mp4", None, None, None), FACE, 96, detector)


def _with(sample: Sample, truth: Path | None = None, audio: Path | None = None) -> Sample:
    return replace(sample, truth=truth or sample.truth, audio=audio or sample.audio)
