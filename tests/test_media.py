"""Picture and sound stay together whatever the container, rate and start times; broken files are refused."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from harness import media
from harness.types import BadInput
from tests import films

RATES = [
    Fraction(*r) for r in ((12, 1), (15, 1), (24000, 1001), (25, 1), (30000, 1001), (30, 1), (50, 1), (60, 1))
]
MPEG_1_RATES = [r for r in RATES if r > 20]
STARTS = {
    "together": (0.0, 0.0),
    "both late": (0.2, 0.2),
    "video late": (0.2, 0.0),
    "sound late": (0.0, 0.4),
    "sound early": (0.0, -0.2),
}
FILMS = [
    pytest.param(
        suffix,
        films.Film(rate, video_start=video, audio_start=sound),
        id=f"{suffix} {float(rate):.2f} {name}",
    )
    for suffix in films.CODECS
    for rate in (MPEG_1_RATES if suffix == "mpg" else RATES)
    for name, (video, sound) in STARTS.items()
    # AVI has no timestamps: a stream in it cannot start late. Elsewhere two rates stand for all.
    if name == "together" or (suffix != "avi" and rate in RATES[2:4])
]


@pytest.mark.parametrize(("suffix", "film"), FILMS)
def test_flash_and_click_stay_where_they_were(tmp_path: Path, suffix: str, film: films.Film) -> None:
    path = tmp_path / f"film.{suffix}"
    films.write(path, film)
    frames, audio = list(media.frames_25fps(path)), media.read_audio(path)
    assert audio is not None
    assert len(frames) == pytest.approx(film.seconds * 25, abs=1)
    assert films.flash_time(frames) == pytest.approx(film.event, abs=0.5 / 25)
    assert films.click_time(audio) == pytest.approx(film.event, abs=0.002)


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv"])
def test_reordered_frames_come_in_order(tmp_path: Path, suffix: str) -> None:
    film = films.Film(Fraction(25), b_frames=2)
    films.write(tmp_path / f"film.{suffix}", film)
    bright = [f.mean() > 128 for f in media.frames_25fps(tmp_path / f"film.{suffix}")]
    first, last = film.flash
    assert bright == [first <= i <= last for i in range(50)]


def test_variable_rate_takes_the_nearest_frame(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.integers(5, 90, 60))  # milliseconds
    path = tmp_path / "variable.mkv"
    _write_grey(path, times.tolist(), list(range(0, 240, 4)))
    shown = [round(float(f.mean())) // 4 for f in media.frames_25fps(path)]
    due = times[0] + 40 * np.arange(len(shown))
    assert shown == np.abs(due[:, None] - times).argmin(1).tolist()


def test_25_fps_is_left_alone(tmp_path: Path) -> None:
    _write_grey(tmp_path / "a.mkv", list(range(0, 2000, 40)), list(range(50)))
    assert [round(float(f.mean())) for f in media.frames_25fps(tmp_path / "a.mkv")] == list(range(50))


def test_missing_sound_is_silence_not_a_shift(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    tone = (20_000 * np.sin(np.arange(16_000) / 3)).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for begin in (0, 24_000):  # the half second between is missing
            frame = av.AudioFrame.from_ndarray(tone[None], "s16", "mono")
            frame.sample_rate, frame.time_base, frame.pts = 16_000, Fraction(1, 16_000), begin
            container.mux(stream.encode(frame))
    audio = media.audio_16k(path)
    assert audio is not None and len(audio) == 40_000
    assert np.abs(audio[16_100:23_900]).max() == 0
    assert np.abs(audio[24_000:24_100]).max() > 0.5


@pytest.mark.parametrize(
    ("name", "rate", "codec"), [("a.wav", 44_100, "pcm_s16le"), ("a.m4a", 48_000, "aac")]
)
def test_own_sound_file_starts_with_the_first_frame(tmp_path: Path, name: str, rate: int, codec: str) -> None:
    films.write_audio(tmp_path / name, rate, 0.5, codec)
    films.write(tmp_path / "late.mp4", films.Film(Fraction(25), video_start=0.4))
    audio = media.read_audio(tmp_path / "late.mp4", tmp_path / name)
    assert audio is not None
    assert films.click_time(audio) == pytest.approx(0.5, abs=0.002)


def test_telephone_video_is_turned_upright(tmp_path: Path) -> None:
    path = tmp_path / "telephone.mp4"
    frames = np.zeros((3, 32, 64, 3), np.uint8)
    frames[:, :16] = 255  # the upper half is white
    media.encode(path, frames, None)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    quarter_turn_clockwise = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    content[matrix : matrix + 36] = struct.pack(">9i", *quarter_turn_clockwise)
    path.write_bytes(content)
    (shown, *_) = media.frames_25fps(path)
    assert shown.shape == (64, 32, 3)
    assert shown[:, 20:].mean() > 230 and shown[:, :12].mean() < 20


def test_encode_and_read_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (10, 8, 8, 3), np.uint8)
    frames = np.ascontiguousarray(small.repeat(8, 1).repeat(8, 2))
    audio = np.zeros(10 * 640, np.float32)
    audio[3200:3210] = 0.7
    for name in ("a.mp4", "b.mp4"):
        media.encode(tmp_path / name, frames, audio)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    clip = media.read_clip(tmp_path / "a.mp4")
    assert clip.frames.shape == frames.shape and clip.audio is not None
    # Chroma is stored at half resolution, so colour edges blur; brightness does not.
    error = clip.frames.mean(-1) - frames.mean(-1, dtype=np.float32)
    assert np.sqrt((error**2).mean()) < 12
    assert abs(int(np.abs(clip.audio).argmax()) - 3205) <= 16


def test_encode_keeps_colours(tmp_path: Path) -> None:
    colours = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [128, 128, 128]], np.uint8)
    frames = np.broadcast_to(colours[:, None, None], (4, 64, 64, 3)).copy()
    media.encode(tmp_path / "a.mp4", frames, None)
    clip = media.read_clip(tmp_path / "a.mp4")
    assert np.abs(clip.frames.astype(int) - frames).max() <= 4
    assert clip.audio is None


def test_encode_keeps_brightness(tmp_path: Path) -> None:
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(8, 0).repeat(8, 1)
    media.encode(tmp_path / "a.mp4", np.stack([greys] * 3)[..., None].repeat(3, -1), None, crf=0)
    with av.open(str(tmp_path / "a.mp4")) as container:
        luma = next(container.decode(video=0)).to_ndarray()[:128]
    # The file is exact: what its pictures lose, a grey level or so, swscale loses in showing them.
    assert np.abs(luma - (16 + greys * (219 / 255))).max() < 0.6
    (shown, *_) = media.frames_25fps(tmp_path / "a.mp4")
    assert -1.6 < (shown.mean(-1) - greys).mean() < 0


def test_encode_refuses_odd_sides(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="even"):
        media.encode(tmp_path / "a.mp4", np.zeros((1, 63, 64, 3), np.uint8), None)


def test_wav_keeps_every_sample(tmp_path: Path) -> None:
    audio = (np.random.default_rng(1).integers(-32768, 32768, 5000) / 32768).astype(np.float32)
    media.write_wav(tmp_path / "a.wav", audio)
    read = media.audio_16k(tmp_path / "a.wav")
    assert read is not None
    np.testing.assert_array_equal(read, audio)


def test_fit_audio_cuts_and_pads_the_end() -> None:
    audio = np.arange(1, 1001, dtype=np.float32)
    np.testing.assert_array_equal(media.fit_audio(audio, 1), audio[:640])
    longer = media.fit_audio(audio, 2)
    np.testing.assert_array_equal(longer[:1000], audio)
    assert len(longer) == 1280 and not longer[1000:].any()


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.7, 0.8, 0.9, 0.99])
def test_mp4_cut_short_is_refused_wherever_it_is_cut(tmp_path: Path, kept: float) -> None:
    cut = _cut(tmp_path / "cut.mp4", kept)
    with pytest.raises(BadInput, match=r"cut\.mp4"):
        list(media.frames_25fps(cut))


@pytest.mark.parametrize(("suffix", "kept"), [("avi", 0.5), ("avi", 0.9), ("mpg", 0.48), ("flv", 0.5)])
def test_other_containers_cut_inside_a_packet_are_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    cut = _cut(tmp_path / f"cut.{suffix}", kept)
    with pytest.raises(BadInput, match=f"cut.{suffix}"):
        list(media.frames_25fps(cut))


@pytest.mark.parametrize("suffix", films.CODECS)
def test_damaged_bytes_are_refused_or_survived(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(7)
    path = tmp_path / f"damaged.{suffix}"
    films.write(path, films.Film(Fraction(25)))
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for _ in range(15):
        damaged = whole.copy()
        damaged[rng.integers(0, len(whole), 20)] = rng.integers(0, 256, 20)
        path.write_bytes(damaged.tobytes())
        try:
            assert len(list(media.frames_25fps(path))) < 60 * 25
            media.read_audio(path)
        except BadInput as refusal:
            assert path.name in str(refusal)


def test_hours_of_nothing_are_refused(tmp_path: Path) -> None:
    _write_grey(tmp_path / "jump.mkv", [0, 40, 400_000], [1, 2, 3])
    with pytest.raises(BadInput, match=r"jump\.mkv: timestamps jump by 400 s"):
        list(media.frames_25fps(tmp_path / "jump.mkv"))


def test_mp4_with_its_index_in_front_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "streamed.mp4"
    frames = np.random.default_rng(0).integers(0, 256, (25, 64, 64, 3), np.uint8)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 7 // 10])
    with pytest.raises(BadInput, match=r"streamed\.mp4: cut short"):
        list(media.frames_25fps(path))


@pytest.mark.parametrize("content", [b"", b"this is a text file, not a film\n" * 40, bytes(5000)])
def test_what_is_no_film_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "text.mp4"
    path.write_bytes(content)
    for read in (media.frames_25fps, media.audio_16k, media.video_start):
        with pytest.raises(BadInput, match=r"text\.mp4"):
            list(read(path) or ())  # type: ignore[operator]


def test_missing_file_and_missing_streams(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.mp4: no such file"):
        list(media.frames_25fps(tmp_path / "gone.mp4"))
    media.write_wav(tmp_path / "sound.wav", np.zeros(1600, np.float32))
    with pytest.raises(BadInput, match=r"sound\.wav: no video stream"):
        list(media.frames_25fps(tmp_path / "sound.wav"))
    media.encode(tmp_path / "silent.mp4", np.zeros((2, 16, 16, 3), np.uint8), None)
    assert media.read_audio(tmp_path / "silent.mp4") is None
    with pytest.raises(BadInput, match=r"silent\.mp4: no sound"):
        media.read_audio(tmp_path / "silent.mp4", tmp_path / "silent.mp4")


def test_names_beyond_ascii(tmp_path: Path) -> None:
    path = tmp_path / "клип été 日本.mp4"
    media.encode(path, np.zeros((2, 16, 16, 3), np.uint8), None)
    assert len(list(media.frames_25fps(path))) == 2


def _cut(path: Path, kept: float) -> Path:
    """Write a film and leave only its beginning."""
    films.write(path, films.Film(Fraction(25)))
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    return path


def _write_grey(path: Path, milliseconds: list[int], values: list[int]) -> None:
    """Write lossless flat grey frames at the given times."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=1000)
        stream.width = stream.height = 16
        stream.pix_fmt = "gray"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time, value in zip(milliseconds, values, strict=True):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16), value, np.uint8), format="gray")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
