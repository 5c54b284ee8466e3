"""Generated films say that they are generated; what is recorded does not; the mark is to be seen."""

from pathlib import Path

import numpy as np
import pytest

from harness import media
from harness.disclosure import comment, encode_generated, marked, told
from tests import films


def pictures(size: int, count: int = 10) -> np.ndarray:
    drawn = np.random.default_rng(3).integers(60, 190, (count, size // 8, size // 8, 3))
    return np.repeat(np.repeat(drawn, 8, axis=1), 8, axis=2).astype(np.uint8)


def voice(seconds: float = 0.4) -> np.ndarray:
    times = np.arange(int(16_000 * seconds)) / 16_000
    return (0.5 * np.sin(2 * np.pi * 300 * times)).astype(np.float32)


@pytest.mark.parametrize("audio", [None, voice()])
def test_the_comment_is_read_back_and_changes_nothing_else(tmp_path: Path, audio: np.ndarray | None) -> None:
    plain, tagged = tmp_path / "plain.mp4", tmp_path / "tagged.mp4"
    media.encode(plain, pictures(64), audio)
    encode_generated(tagged, pictures(64), audio, "my méthode")
    assert told(plain) is None
    assert told(tagged) == comment("my méthode")
    assert "Generated video, not a recording: made by my méthode" in comment("my méthode")
    first, second = media.read_clip(plain), media.read_clip(tagged)
    np.testing.assert_array_equal(first.frames, second.frames)
    if audio is not None:
        np.testing.assert_array_equal(first.audio, second.audio)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["plain.mp4", "tagged.mp4"]


def test_the_same_film_is_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        encode_generated(tmp_path / name, pictures(64), voice(), "cvae")
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_sound_and_picture_stay_together(tmp_path: Path) -> None:
    """Copied packets keep AAC's edit list: the click stays where the flash is."""
    film = tmp_path / "film.mp4"
    films.write(film, films.Film(films.Fraction(25)))
    clip = media.read_clip(film)
    encode_generated(tmp_path / "again.mp4", clip.frames, clip.audio, "cvae")
    again = media.read_clip(tmp_path / "again.mp4")
    assert again.audio is not None and clip.audio is not None
    assert films.click_time(again.audio) == pytest.approx(films.click_time(clip.audio), abs=0.002)
    assert films.flash_time(again.frames) == pytest.approx(films.flash_time(clip.frames), abs=0.5 / 25)


@pytest.mark.parametrize("size", [64, 256])
def test_the_mark_is_to_be_seen_in_every_picture_and_leaves_the_rest(size: int) -> None:
    plain = pictures(size, 3)
    shown = np.stack(list(marked(plain)))
    changed = (shown != plain).any(axis=(0, 3))
    rows, columns = np.nonzero(changed)
    assert rows.min() > 0.7 * size and columns.max() < size  # below the face, and not cut off
    assert np.ptp(columns) > 0.25 * size
    inside = shown[:, changed].astype(float).mean(axis=2)
    assert (inside.max(axis=1) - inside.min(axis=1) > 120).all()  # light words on a dark band
