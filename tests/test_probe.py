"""Headers say what decoding finds: lengths, rates and start times in every container; broken files."""

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from harness import media
from harness.probe import ENDS_EARLY, LENGTHS_DIFFER, NO_SOUND, STARTS_APART, VARIABLE_RATE, probe
from harness.types import BadInput, Clip
from tests import films

FILM = films.Film(Fraction(30000, 1001))
LATE = {"together": (0.0, 0.0), "video late": (0.2, 0.0), "sound late": (0.0, 0.4)}
CASES = [
    pytest.param(suffix, *times, id=f"{suffix} {name}")
    for suffix in films.CODECS
    for name, times in LATE.items()
    if suffix != "avi" or name == "together"  # AVI has no timestamps
]


@pytest.mark.parametrize(("suffix", "video", "sound"), CASES)
def test_headers_say_what_decoding_finds(tmp_path: Path, suffix: str, video: float, sound: float) -> None:
    path = tmp_path / f"film.{suffix}"
    films.write(path, replace(FILM, video_start=video, audio_start=sound))
    found = probe(path, None)
    assert found.seconds == pytest.approx(60 * 1001 / 30000, abs=0.02)
    assert found.fps == pytest.approx(29.97, abs=0.01)
    assert (found.width, found.height, found.pixels) == (32, 32, "yuv420p")
    assert found.sound is not None and found.offset is not None
    assert (found.sound.rate, found.sound.channels) == (films.CODECS[suffix][3], 1)
    assert found.sound.seconds == pytest.approx(2, abs=0.05)
    with av.open(str(path)) as file:
        first = next(file.decode(video=0)).time
    with av.open(str(path)) as file:
        heard = next(file.decode(audio=0)).time
    assert found.offset == pytest.approx(heard - first, abs=1e-3)
    assert (STARTS_APART in found.notes) == (abs(found.offset) > 0.02)
    assert not {VARIABLE_RATE, LENGTHS_DIFFER, ENDS_EARLY} & set(found.notes)


def test_uneven_frames_are_noted(tmp_path: Path) -> None:
    times = np.cumsum(np.random.default_rng(3).integers(5, 90, 60)).tolist()
    for name in ("uneven.mp4", "uneven.mkv"):
        with av.open(str(tmp_path / name), "w") as container:
            stream: Any = container.add_stream("libx264", rate=25)
            stream.width = stream.height = 32
            stream.pix_fmt, stream.codec_context.time_base = "yuv420p", Fraction(1, 1000)
            for time in times:
                frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
                frame.pts, frame.time_base = time, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        notes = probe(tmp_path / name, None).notes
        assert {VARIABLE_RATE, NO_SOUND} == set(notes), name


@pytest.mark.parametrize("kept", [0.95, 0.6, 0.3])
@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "webm", "mpg"])
def test_a_file_cut_short_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"film.{suffix}"
    films.write(path, FILM)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(BadInput, match=rf"film\.{suffix}: (damaged|cut short|not a readable)"):
        probe(path, None)


def test_an_flv_cut_between_two_packets_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "film.flv"
    films.write(path, FILM)
    content = path.read_bytes()
    at = 13  # the header and the first back pointer; a tag follows another, each with its length twice
    while at < 0.7 * len(content):
        at += 11 + int.from_bytes(content[at + 1 : at + 4], "big") + 4
    path.write_bytes(content[:at])
    found = probe(path, None)
    assert "cut short?" in found.notes[ENDS_EARLY]
    assert found.seconds == pytest.approx(len(list(media.frames_25fps(path))) / 25, abs=0.1)


def test_without_a_stated_length_the_packets_are_read(tmp_path: Path) -> None:
    path = tmp_path / "live.webm"
    films.write(tmp_path / "film.webm", FILM)
    with (
        av.open(str(tmp_path / "film.webm")) as source,
        av.open(str(path), "w", options={"live": "1"}) as out,
    ):
        copied: dict[int, Any] = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copied[packet.stream.index]
                out.mux(packet)
    with av.open(str(path)) as file:
        assert file.duration is None
    assert probe(path, None).seconds == pytest.approx(2.0, abs=0.05)


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    for name, content in {"empty.mp4": b"", "text.mp4": b"not a film " * 50}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=name):
            probe(tmp_path / name, None)
    media.write_wav(tmp_path / "sound.wav", np.zeros(16_000, np.float32))
    with pytest.raises(BadInput, match="no video stream"):
        probe(tmp_path / "sound.wav", None)
    with pytest.raises(BadInput, match="no such file"):
        probe(tmp_path / "gone.mp4", None)


def test_sound_of_its_own(tmp_path: Path) -> None:
    video, audio = tmp_path / "film.mp4", tmp_path / "film.wav"
    films.write(video, FILM)
    media.write_wav(audio, np.zeros(32_000, np.float32))
    found = probe(video, audio)
    assert found.sound is not None
    assert (found.sound.rate, found.sound.codec, found.offset) == (16_000, "pcm_s16le", None)
    media.write_wav(audio, np.zeros(24_000, np.float32))
    assert "0.50 s shorter" in probe(video, audio).notes[LENGTHS_DIFFER]
    media.write_wav(audio, np.zeros(8_000, np.float32))
    with pytest.raises(BadInput, match=r"film\.wav: 0\.50 s of sound for 2\.00 s of picture"):
        probe(video, audio)
    silent = Clip(np.zeros((50, 32, 32, 3), np.uint8), None)
    media.encode(tmp_path / "silent.mp4", silent.frames, None)
    with pytest.raises(BadInput, match="no sound in it"):
        probe(video, tmp_path / "silent.mp4")
    assert probe(tmp_path / "silent.mp4", None).sound is None


def test_a_telephone_film_is_measured_upright(tmp_path: Path) -> None:
    path = tmp_path / "telephone.mp4"
    media.encode(path, np.zeros((3, 32, 64, 3), np.uint8), None)
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    quarter_turn_clockwise = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    content[matrix : matrix + 36] = struct.pack(">9i", *quarter_turn_clockwise)
    path.write_bytes(content)
    assert (probe(path, None).width, probe(path, None).height) == (32, 64)
