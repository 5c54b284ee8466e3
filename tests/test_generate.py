"""One clip from anybody's picture and voice: the command, and the request that it makes."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from harness import arriving, disclosure, faces, generate, media, portrait
from harness.datasets import synthetic
from harness.prepare import PreparedClip
from harness.store import write_whole
from harness.types import BadInput, Clip, Frames, Request
from harness.weights import Weights
from methods.cvae.config import Config
from methods.cvae.network import Generator
from methods.nets.saved import write_model

SECONDS = 1.3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn face in a larger picture, the same as a film, its voice, and an untrained cvae."""
    folder = tmp_path_factory.mktemp("asked")
    (plan,) = synthetic.plan(synthetic.SynthSpec(speakers=1, size=96, seed=11, clips_per_speaker=1))
    speech, _, drawn = synthetic.draw(plan)
    films = np.full((len(drawn.frames), 240, 320, 3), 100, np.uint8)
    films[:, 60:180, 100:220] = [cv2.resize(f, (120, 120)) for f in drawn.frames]
    cv2.imwrite(str(folder / "face.png"), films[0, ..., ::-1])
    media.encode(folder / "film.mp4", films, speech.audio)
    media.write_wav(folder / "voice.wav", np.tile(speech.audio, 3)[: int(SECONDS * 16_000)])
    write_whole(folder / "grey.png", lambda p: p.write_bytes(cv2.imencode(".png", films[0] * 0 + 90)[1]))
    config = Config()
    write_model(folder / "model", Generator(config), {"method": "cvae", **config.model_dump(mode="json")})
    return folder


def command(place: Path, **other: str) -> list[str]:
    given = {
        "checkpoint": place / "model",
        "image": place / "face.png",
        "audio": place / "voice.wav",
        "emotion": "sad",
        "faces": "face-v1-embedded",
        "out": place / "out" / "clip.mp4",
    } | other
    return ["cvae", *(str(part) for key, value in given.items() if value for part in (f"--{key}", value))]


def test_a_picture_and_a_voice_become_a_clip(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(command(place)) == 0
    clip = media.read_clip(place / "out" / "clip.mp4")
    assert clip.frames.shape == (33, 64, 64, 3)  # 1.3 s begin 33 frames
    assert clip.audio is not None and abs(len(clip.audio) - 33 * 640) < 1024
    told = capsys.readouterr().out
    assert "clip.mp4: 33 frames at " in told
    assert "made by cvae with talking-face-harness" in (disclosure.told(place / "out" / "clip.mp4") or "")
    first = (place / "out" / "clip.mp4").read_bytes()
    assert generate.main(command(place)) == 0
    assert (place / "out" / "clip.mp4").read_bytes() == first


def test_a_marked_clip_shows_that_it_is_generated(place: Path) -> None:
    assert generate.main(command(place)) == 0
    assert generate.main([*command(place, out=str(place / "marked.mp4")), "--mark"]) == 0
    plain, marked = (media.read_clip(place / name) for name in ("out/clip.mp4", "marked.mp4"))
    apart = np.abs(plain.frames.astype(int) - marked.frames).mean(axis=(0, 3))
    assert apart[-8:, :40].mean() > 20 and apart[:40].mean() < 2


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"image": "grey.png"}, "grey.png: no face found"),
        ({"image": "voice.wav"}, "voice.wav"),
        ({"audio": "face.png"}, "face.png: no sound in it"),
        ({"audio": "nowhere.wav"}, "nowhere.wav"),
        ({"checkpoint": ""}, "--checkpoint"),
        ({"checkpoint": "out"}, "not a saved model's config"),
        ({"emotion": ""}, "emotion None"),
        ({"emotion": "contempt"}, "'contempt'"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    place: Path, capsys: pytest.CaptureFixture[str], other: dict[str, str], message: str
) -> None:
    (place / "out").mkdir(exist_ok=True)
    there = {key: str(place / value) if value and key != "emotion" else value for key, value in other.items()}
    assert generate.main(command(place, out=str(place / "bad.mp4"), **there)) == 2
    assert message in capsys.readouterr().err
    assert not (place / "bad.mp4").exists()


def test_another_methods_model_is_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["eskimez", *command(place)[1:]]) == 2
    assert "holds cvae, not eskimez" in capsys.readouterr().err
    assert generate.main(["still", *command(place)[1:]]) == 2
    assert "does not train" in capsys.readouterr().err


def test_a_control_needs_no_model(place: Path) -> None:
    assert generate.main(["still", *command(place, checkpoint="", out=str(place / "still.mp4"))[1:]]) == 0
    frames = media.read_clip(place / "still.mp4").frames
    assert frames.shape == (33, 256, 256, 3)
    assert np.ptp(frames.astype(int), axis=0).max() <= 12  # of H.264


def source(place: Path, name: str, whole: bool) -> PreparedClip:
    return portrait.shown(place / name, "face-v1-embedded", 64, Weights(), whole)


def test_a_still_stands_still_in_the_memory_of_one_picture(place: Path) -> None:
    shown = source(place, "face.png", whole=False)
    wish = portrait.Wish("sad", seed=3, scene="Darkly lit.")
    asked = portrait.asked("x", shown, portrait.voice(place / "voice.wav"), wish)
    assert asked.frames == 33 and len(asked.audio) == 33 * 640
    assert asked.seed == 3 and asked.scene == "Darkly lit."
    assert asked.context.shape == (33, 64, 64, 3) and asked.context.strides[0] == 0
    assert asked.reference.shape == (1, 64, 64, 3)
    assert not asked.context[asked.mask].any() and asked.mask.any(axis=(1, 2)).all()
    left = np.where(shown.mask[..., None], 0, asked.reference)
    np.testing.assert_array_equal(asked.context, left.repeat(33, axis=0))
    np.testing.assert_array_equal(asked.eyes, faces.eye_centres(shown.landmarks).repeat(33, 0))


def test_a_film_is_played_forth_and_back_for_a_method_that_edits_it(place: Path) -> None:
    film = source(place, "film.mp4", whole=True)
    count = len(film.frames)
    asked = portrait.asked(
        "x", film, np.zeros((count + 5) * 640, np.float32), portrait.Wish("sad", shown="neutral")
    )
    assert len(asked.reference) == count and asked.frames == count + 5
    np.testing.assert_array_equal(asked.mask[count : count + 5], film.mask[count - 2 : count - 7 : -1])
    assert asked.reference_emotion == "neutral"
    assert len(source(place, "film.mp4", whole=False).frames) == 1


class Whole:
    """A method that only makes whole clips."""

    def generate(self, requests: list[Request]) -> list[Clip]:
        return [Clip(np.full((r.frames, 4, 4, 3), 7, np.uint8), r.audio) for r in requests]


class Parts(Whole):
    """One that yields them."""

    def stream(self, request: Request) -> Iterator[Frames]:
        yield from np.full((request.frames, 1, 4, 4, 3), 9, np.uint8)


def test_frames_come_as_they_are_made_where_a_method_streams(place: Path) -> None:
    shown = source(place, "face.png", whole=False)
    asked = portrait.asked("x", shown, np.zeros(1281, np.float32), portrait.Wish())
    assert [part.shape for part in portrait.frames_of(Whole(), asked)] == [(3, 4, 4, 3)]  # type: ignore[arg-type]
    assert [part.shape for part in portrait.frames_of(Parts(), asked)] == [(1, 4, 4, 3)] * 3  # type: ignore[arg-type]


def piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Make stdin hold these bytes."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_streamed_frames_are_those_of_the_file(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    sound = media.to_int16(portrait.voice(place / "voice.wav")).tobytes()
    assert generate.main(command(place)) == 0
    whole = place / "out" / "clip.mp4"
    piped(monkeypatch, sound)
    live = place / "out" / "live.mp4"
    assert generate.main([*command(place, audio="", out=str(live)), "--stream"]) == 0
    assert live.read_bytes() == whole.read_bytes()
    capfd.readouterr()
    piped(monkeypatch, sound)
    with (place / "raw").open("wb") as raw:
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw))
        assert generate.main([*command(place, audio="", out="-"), "--stream"]) == 0
    assert "33 frames at " in capfd.readouterr().err
    assert (place / "raw").stat().st_size == 33 * 64 * 64 * 3


@pytest.mark.parametrize(
    ("data", "other", "message"),
    [
        (b"", {}, "no sound came"),
        (b"abc", {}, "3 bytes are no 16-bit samples"),
        (b"ab", {"audio": "voice.wav"}, "one of the two"),
    ],
)
def test_a_bad_stream_is_named_and_nothing_is_written(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: bytes,
    other: dict[str, str],
    message: str,
) -> None:
    piped(monkeypatch, data)
    there = {key: str(place / value) for key, value in other.items()}
    given = {"audio": "", "out": str(place / "bad.mp4")} | there
    assert generate.main([*command(place, **given), "--stream"]) == 2
    assert message in capsys.readouterr().err
    assert not (place / "bad.mp4").exists()


def test_a_method_that_needs_the_whole_recording_says_why(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = command(place, checkpoint="", audio="", out=str(place / "bad.mp4"))
    assert generate.main(["still", *given[1:], "--stream"]) == 2
    assert "still needs the whole recording" in capsys.readouterr().err
    assert generate.main(command(place, out="-")) == 2
    assert "give --stream" in capsys.readouterr().err


def test_nobody_reading_is_an_error_in_a_sentence(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    piped(monkeypatch, bytes(64_000))
    with os.fdopen(writing, "wb") as nobody:
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(nobody, write_through=True))
        assert generate.main([*command(place, audio="", out="-"), "--stream"]) == 2
    assert "nobody reads the frames" in capfd.readouterr().err


def test_a_frame_is_written_before_the_rest_of_its_sound_comes() -> None:
    """One sample beyond what a frame needs is never asked for."""
    asked = 0

    def sound() -> Iterator[bytes]:
        nonlocal asked
        for _ in range(20):
            asked += 1
            yield bytes(1280)

    coming = sound()
    pieces = arriving.pcm(lambda size: next(coming, b""))
    assert len(next(pieces)) == 640 and asked == 1


def test_a_saved_model_that_is_no_json_is_named(place: Path) -> None:
    folder = place / "broken"
    folder.mkdir()
    (folder / "config.json").write_text("[]")
    with pytest.raises(BadInput, match="holds no method"):
        portrait.trained("cvae", folder)
