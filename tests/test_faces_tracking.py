"""One face followed through pictures, and its crops: discs for faces, and a detector that finds discs."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import harness.faces.tracking as tracking
from harness import faces, media
from harness.faces import POLICIES, Landmarks
from harness.types import BadInput
from tests.test_faces import face

RULES = POLICIES["face-v1"]
WHERE = Path("clip.mp4")
Disc = tuple[float, float, float]
"""Column and row of its middle, and its radius."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """A picture of light discs on a dark ground."""

    image: NDArray[np.uint8]

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[1], self.image.shape[0]

    def rgb(self, longest: int | None = None) -> NDArray[np.uint8]:
        scale = min(1.0, (longest or max(self.size)) / max(self.size))
        return self.image if scale == 1 else np.asarray(cv2.resize(self.image, None, fx=scale, fy=scale))

    def region(self, left: int, top: int, width: int, height: int) -> NDArray[np.uint8]:
        part = self.image[top : top + height, left : left + width]
        assert part.shape[:2] == (height, width), "a region reaches out of the picture"
        return part


def drawn(width: int, height: int, *discs: Disc) -> Drawn:
    image = np.full((height, width, 3), 20, np.uint8)
    for x, y, radius in discs:
        at = (round(x * 16), round(y * 16))
        cv2.circle(image, at, round(radius * 16), (220, 220, 220), -1, cv2.LINE_AA, 4)
    return Drawn(image)


def find_discs(image: NDArray[np.uint8]) -> list[Landmarks]:
    """See `faces.Detector`: a face of a disc's middle, its eyes one radius apart."""
    light = (image[..., 0].astype(float) - 20) / 200
    count, labels = cv2.connectedComponents((light > 0.5).astype(np.uint8))
    found = []
    for index in range(1, count):
        own = light * (cv2.dilate((labels == index).astype(np.uint8), np.ones((3, 3))) > 0)
        ys, xs = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
        middle = (own * xs).sum() / own.sum(), (own * ys).sum() / own.sum()
        found.append(face(*middle, unit=float(np.sqrt(own.sum() / np.pi)))[0])
    return found


def follow(pictures: Iterable[Drawn], size: int = 64, within: tuple[int, int, int, int] | None = None):  # type: ignore[no-untyped-def]
    return faces.look(pictures, find_discs, RULES, WHERE, size, within)


def never() -> Iterator[Drawn]:
    raise AssertionError("decoded again though all was kept")
    yield


def middle_of(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    light = image[..., 0].astype(float) - 20
    ys, xs = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    return np.array([(light * xs).sum(), (light * ys).sum()]) / light.sum()


@pytest.mark.parametrize(("width", "radius", "shrink"), [(320, 20.0, 1), (1500, 140.0, 2), (1600, 205.0, 3)])
def test_landmarks_are_those_of_the_whole_picture(width: int, radius: float, shrink: int) -> None:
    places = [(width * 0.45 + 1.3 * i, width * 0.3 + 0.4 * i) for i in range(8)]
    track = follow(drawn(width, width * 3 // 5, (x, y, radius)) for x, y in places)
    assert track.shrink == shrink and track.found.all()
    np.testing.assert_allclose(
        faces.eye_frame(track.landmarks)[0], faces.eye_frame(face())[0] - (64, 50) + places, atol=0.1 * shrink
    )
    crops = list(faces.cut(track, never))
    for crop, points in zip(crops, track.inside(), strict=True):
        assert crop.shape == (64, 64, 3)
        np.testing.assert_allclose(middle_of(crop), faces.eye_frame(points[None])[0][0], atol=0.15)


@pytest.mark.parametrize("within", [None, (101, 33, 640, 480)])
def test_what_is_kept_and_what_is_decoded_again_is_cut_alike(
    monkeypatch: pytest.MonkeyPatch, within: tuple[int, int, int, int] | None
) -> None:
    generator = np.random.default_rng(0)
    pictures = [drawn(1501, 1001, (250 + 9 * i, 200 + i, 150.0)) for i in range(6)]
    for picture in pictures:
        picture.image[:] += generator.integers(0, 20, picture.image.shape, np.uint8)
    kept = follow(pictures, within=within)
    first = np.stack(list(faces.cut(kept, never)))
    monkeypatch.setattr(tracking, "KEPT_BYTES", 100_000)
    again = follow(pictures, within=within)
    assert kept.kept is not None and again.kept is None
    np.testing.assert_array_equal(first, np.stack(list(faces.cut(again, lambda: pictures))))


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    add = tracking._Keeper.add

    def watched(keeper: tracking._Keeper, region: faces.Region | None) -> None:
        add(keeper, region)
        held.append(sum(r.image.nbytes for r in keeper.regions or ()))

    monkeypatch.setattr(tracking._Keeper, "add", watched)
    monkeypatch.setattr(tracking, "KEPT_BYTES", 100_000)
    follow(drawn(320, 240, (160, 120, 20)) for _ in range(40))
    assert 0 < max(held) <= 100_000 and held[-1] == 0


def test_the_same_picture_again_is_looked_at_once() -> None:
    seen: list[int] = []

    def detect(image: NDArray[np.uint8]) -> list[Landmarks]:
        seen.append(1)
        return find_discs(image)

    picture = drawn(320, 240, (160, 120, 20))
    track = faces.look([picture] * 5, detect, RULES, WHERE, 64)
    assert len(seen) == 2  # from afar, and from near
    assert len(track.landmarks) == len(list(faces.cut(track, never))) == 5


class Near:
    """A detector that finds a disc near the last one by itself, and counts what it was asked for."""

    def __init__(self) -> None:
        self.whole = self.close = 0

    def __call__(self, image: NDArray[np.uint8]) -> list[Landmarks]:
        self.whole += 1
        return find_discs(image)

    def near(self, image: NDArray[np.uint8], last: Landmarks) -> Landmarks | None:
        self.close += 1
        faces_there = find_discs(image)
        index = faces.nearest(faces_there, last)
        return None if index is None else faces_there[index]


def test_whole_pictures_are_searched_only_while_the_face_is_lost() -> None:
    clip = [drawn(1500, 900, (400 + i, 300, 140)) for i in range(5)]
    clip += [drawn(1500, 900), drawn(1500, 900), *(drawn(1500, 900, (420 + i, 300, 140)) for i in range(3))]
    detect = Near()
    track = faces.look(clip, detect, RULES, WHERE, 64)
    assert detect.whole == 1 + 2 + 1
    assert detect.close == 5 + 1 + 3
    np.testing.assert_array_equal(track.found, [True] * 5 + [False] * 2 + [True] * 3)
    np.testing.assert_allclose(
        faces.eye_frame(track.landmarks)[0][[0, 4, 7, 9], 0], (400, 404, 420, 422), atol=0.3
    )


def test_of_several_faces_the_largest_first_one_is_followed() -> None:
    def clip() -> Iterator[Drawn]:
        yield drawn(640, 360, (150, 180, 22), (500, 180, 18))
        for i in range(1, 6):  # the visitor grows and comes near
            yield drawn(640, 360, (150 + i, 180, 22), (500 - 30 * i, 180, 18 + 4 * i))

    track = follow(clip())
    np.testing.assert_allclose(faces.eye_frame(track.landmarks)[0][:, 0], 150 + np.arange(6), atol=0.3)


def test_a_face_that_is_lost_is_found_again_where_it_went() -> None:
    clip = (
        [drawn(640, 360, (150, 180, 22))] * 3 + [drawn(640, 360)] * 3 + [drawn(640, 360, (180, 180, 22))] * 3
    )
    track = follow(clip)
    np.testing.assert_array_equal(track.found, [True] * 3 + [False] * 3 + [True] * 3)
    np.testing.assert_allclose(np.diff(track.landmarks[2:7, 30, 0]), 7.5, atol=0.1)


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        (lambda: [drawn(320, 240)] * 3, r"clip\.mp4: no face found in any of its 3 frames"),
        (lambda: [drawn(1, 1)] * 2, r"no face found in any of its 2 frames"),
        # It walks out of the picture, and 13 frames are one more than are bridged.
        (
            lambda: [drawn(320, 240, (160 + 12 * i, 120, 20)) for i in range(28)],
            r"no face in 1\d frames on end",
        ),
        # A cut to another place: that is not the same face.
        (
            lambda: (
                [drawn(640, 240, (100, 120, 20))] * 3 + [drawn(640, 240, (500, 120, 20)) for _ in range(13)]
            ),
            r"no face in 13 frames on end; face-v1 bridges 12",
        ),
    ],
)
def test_a_clip_without_its_face_is_refused(clip: Callable[[], list[Drawn]], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        follow(clip())


def test_a_face_half_out_of_the_picture_has_its_edge_repeated() -> None:
    track = follow(drawn(320, 240, (2, 120, 30)) for _ in range(3))
    crop = next(faces.cut(track, never))
    np.testing.assert_array_equal(crop[:, 0], crop[:, 8])
    assert track.boxes[0, 0] < -20


def test_only_the_corpus_own_box_is_used() -> None:
    clip = [drawn(640, 360, (120, 180, 30), (420, 180, 18))] * 3
    track = follow(clip, within=(352, 90, 160, 160))
    assert abs(track.landmarks[0, 30, 0] - 420) < 1
    crop = next(faces.cut(track, never))
    assert middle_of(crop)[0] == pytest.approx(faces.eye_frame(track.inside())[0][0, 0], abs=0.2)


def test_a_decoded_picture_gives_the_same_pixels_in_part_as_in_whole(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    media.encode(tmp_path / "a.mp4", generator.integers(0, 256, (2, 96, 128, 3), np.uint8), None)
    picture = next(media.pictures_25fps(tmp_path / "a.mp4"))
    for left, top, width, height in ((0, 0, 128, 96), (34, 20, 50, 40), (33, 21, 51, 41), (126, 94, 2, 2)):
        part = picture.region(left, top, width, height)
        np.testing.assert_array_equal(part, picture.rgb()[top : top + height, left : left + width])
