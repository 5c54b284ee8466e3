from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import faces, media, prepare
from harness.paste import at_full_size, paste, pasted
from harness.prepare import PreparedClip
from harness.protocol import Ask, played
from harness.types import BadInput, Sample
from harness.work import Entrant, Generate
from tests.toys import Toy


def smooth_picture(height: int = 120, width: int = 160) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 9) + np.cos(y / 11), np.sin((x + y) / 13), np.cos((x - y) / 12)]
    return np.stack([np.clip(128 + 50 * w, 0, 255) for w in waves], -1).astype(np.uint8)


def disc(size: int = 64) -> np.ndarray:
    y, x = np.mgrid[:size, :size]
    return np.hypot(x - size / 2 + 0.5, y - size / 2 + 0.5) < 0.4 * size


BOXES = [(40.0, 30.0, 64.0), (33.4, 20.7, 80.5), (50.3, 41.9, 37.2), (-12.6, 60.2, 90.0)]


@pytest.mark.parametrize("box", BOXES)
def test_an_unchanged_crop_leaves_the_picture_as_it_was(box: tuple[float, float, float]) -> None:
    """Crop, then paste: within the error of resampling twice inside, not a bit changed outside the mask."""
    picture, place, mask = smooth_picture(), np.array(box), disc()
    back = paste(picture, faces.crop(picture, place, 64), place, mask)
    difference = np.abs(back.astype(int) - picture)
    assert difference.max() <= 4
    ys, xs = np.nonzero(difference.max(axis=2))
    crop_x, crop_y = (((v + 0.5 - o) * 64 / box[2] - 0.5) for v, o in ((xs, box[0]), (ys, box[1])))
    assert mask[np.rint(crop_y).astype(int), np.rint(crop_x).astype(int)].all()


@pytest.mark.parametrize("box", BOXES)
def test_a_changed_crop_changes_the_mask_only_and_fades_at_its_border(box: tuple[float, ...]) -> None:
    picture, mask = np.full((120, 160, 3), 100, np.uint8), disc()
    back = paste(picture, np.full((64, 64, 3), 200, np.uint8), np.array(box), mask)
    left, top, side = box
    y, x = np.mgrid[:120, :160]
    radius = np.hypot(x + 0.5 - left - side / 2, y + 0.5 - top - side / 2) / side
    assert (back[radius > 0.4 + 1 / 64] == 100).all()
    assert (back[radius < 0.25] == 200).all()
    ring = back[(radius > 0.34) & (radius < 0.38)]
    assert 100 < ring.mean() < 200


def test_a_mask_to_the_crops_edge_leaves_no_seam() -> None:
    picture = np.full((120, 160, 3), 100, np.uint8)
    back = paste(
        picture, np.full((64, 64, 3), 200, np.uint8), np.array([40, 30, 64]), np.ones((64, 64), bool)
    )
    steps = np.abs(np.diff(back[62, 38:106, 0].astype(int)))
    assert back[62, 72, 0] == 200 and steps.max() < 40


def test_a_box_outside_changes_nothing() -> None:
    picture = smooth_picture()
    crop = np.zeros((64, 64, 3), np.uint8)
    np.testing.assert_array_equal(paste(picture, crop, np.array([500, 30, 64]), disc()), picture)


def test_a_clip_is_pasted_frame_by_frame() -> None:
    pictures = [smooth_picture() for _ in range(3)]
    crops = np.stack([np.full((64, 64, 3), v, np.uint8) for v in (0, 100, 250)])
    boxes, masks = np.array(BOXES[:3]), np.stack([disc()] * 3)
    for made, picture, crop, box in zip(
        pasted(pictures, crops, boxes, masks), pictures, crops, boxes, strict=True
    ):
        np.testing.assert_array_equal(made, paste(picture, crop, box, masks[0]))
    with pytest.raises(BadInput, match="2 pictures for 3 crops"):
        list(pasted(pictures[:2], crops, boxes, masks))
    with pytest.raises(BadInput, match="3 crops, 2 boxes"):
        list(pasted(pictures, crops, boxes[:2], masks))


def test_a_generated_clip_goes_back_into_its_source_played_forth_and_back(tmp_path: Path) -> None:
    """Source pictures tell their number by their brightness; the pasted face is always white."""
    count, asked = 30, 70
    footage = np.stack([np.full((91, 121, 3), 5 * i, np.uint8) for i in range(count)])
    media.encode(tmp_path / "source.mp4", np.pad(footage, ((0, 0), (0, 1), (0, 1), (0, 0)), "edge"), None)
    source = Sample("s", tmp_path / "source.mp4", None, None, None, cut=(0.2, 1.2))
    boxes = np.tile(np.array([30, 20, 48], np.float32), (25, 1))
    masks = np.repeat(disc()[None], 25, axis=0)
    clip = PreparedClip(
        np.zeros((25, 64, 64, 3), np.uint8), None, np.zeros((25, 68, 2), np.float32), masks, boxes
    )
    order = played(25, 0, asked)
    made = list(at_full_size(source, clip, np.full((asked, 64, 64, 3), 255, np.uint8), order))
    assert len(made) == asked and made[0].shape == (92, 122, 3)
    for picture, index in zip(made, order, strict=True):
        assert abs(int(picture[5, 5, 0]) - 5 * (index + 5)) <= 2
        assert picture[44, 54, 0] == 255
    bare = PreparedClip(clip.frames, None, clip.landmarks, masks)
    with pytest.raises(BadInput, match="without boxes"):
        next(at_full_size(source, bare, clip.frames, order[:25]))


def test_a_clip_edited_from_footage_is_also_written_at_full_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The toy paints black frames: black in the face's place, the source's grey around it."""
    media.encode(tmp_path / "source.mp4", np.full((10, 90, 120, 3), 120, np.uint8), None)
    boxes = np.tile(np.array([30, 20, 48], np.float32), (10, 1))
    masks = np.repeat(disc()[None], 10, axis=0)
    crops, points = np.full((10, 64, 64, 3), 120, np.uint8), np.zeros((10, 68, 2), np.float32)
    prepared = tmp_path / "source.clip"
    prepare.save(prepared, PreparedClip(crops, np.zeros(6400, np.float32), points, masks, boxes))
    source = Sample("s", tmp_path / "source.mp4", None, "a", "neutral")
    ask = Ask(replace(source, id="t"), prepared, prepared, "s", "neutral", source, None, None, 1)
    monkeypatch.setattr(Toy, "card", replace(Toy.card, video_to_video=True))
    entrant = Entrant("toy", "tests.toys", "t00", {}, None)
    Generate(tmp_path / "run", full_size=True).open()((entrant, ask))
    made = list(media.frames_25fps(tmp_path / "run/full/toy/t00/t.mp4"))
    assert len(made) == 10 and made[0].shape == (90, 120, 3)
    assert made[5][44, 54].max() < 10 and abs(int(made[5][5, 5, 0]) - 120) <= 2
