"""The demo over HTTP, without Ray: what is asked for is made in this process."""

import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import media
from harness.demo import uploads
from harness.demo.making import models
from harness.demo.orders import Order, Orders, Progress
from harness.demo.place import set_up
from harness.disclosure import told
from harness.types import BadInput
from tests.demo.conftest import Place


@pytest.fixture(scope="module")
def face(run: Path) -> bytes:
    frame = next(media.frames_25fps(run / "clips/ground_truth/-/1001_IEO_NEU_XX.mp4"))
    out = io.BytesIO()
    Image.fromarray(frame).save(out, "PNG")
    return out.getvalue()


def tone(seconds: float, rate: int = 16_000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        samples = 8000 * np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 220 / rate)
        file.writeframes(samples.astype(np.int16).tobytes())
    return out.getvalue()


def test_an_order_becomes_a_clip(place: Place, face: bytes) -> None:
    name = place.order(face, tone(0.5))
    asked = {"models": ["mine/t00"], "emotion": "happy", "level": "high"}
    assert place.client.post(f"/demo/orders/{name}", json=asked).status_code == 202
    (clip,) = place.client.get(f"/demo/orders/{name}").json()["clips"]
    assert clip == {"model": "mine/t00", "state": "done", "frames": 13, "of": 13, "reason": None}
    got = place.client.get(f"/demo/orders/{name}/0.mp4", headers={"Range": "bytes=4-7"})
    assert got.status_code == 206 and got.content == b"ftyp"
    path = place.orders.folder(name) / "0.mp4"
    assert media.read_clip(path).frames.shape == (13, 64, 64, 3)


def test_the_offer_and_its_page(place: Place) -> None:
    offer = place.client.get("/demo/offer").json()
    assert [m["name"] for m in offer["models"]] == ["mine/t00"]
    assert offer["models"][0]["label"] == "mine (alpha 0.1)" and "happy" in offer["models"][0]["emotions"]
    assert offer["examples"] == 1 and offer["note"] == "a note"
    assert place.client.get("/demo/examples/0.png").content[:4] == b"\x89PNG"
    assert place.client.get("/demo/examples/0.wav").content[:4] == b"RIFF"
    for path, kind in (("/demo", "text/html"), ("/demo/assets/page.js", "text/javascript")):
        assert place.client.get(path).headers["content-type"].startswith(kind)


NOBODY = "a" * 22
ABSENT = ("examples/1.png", "examples/..%2frun.json", "assets/..%2fx.py", "orders/none", "orders/..%2f..")


@pytest.mark.parametrize("path", [*ABSENT, f"orders/{NOBODY}", f"orders/{NOBODY}/0.mp4"])
def test_what_is_not_there_is_not_there(place: Place, path: str) -> None:
    assert place.client.get(f"/demo/{path}").status_code == 404


def test_a_picture_without_a_face_is_said_without_paths(place: Place) -> None:
    blank = io.BytesIO()
    Image.new("RGB", (200, 200), (90, 90, 90)).save(blank, "JPEG")
    name = place.order(blank.getvalue(), tone(0.5))
    place.client.post(f"/demo/orders/{name}", json={"models": ["mine/t00"], "emotion": "sad"})
    (clip,) = place.client.get(f"/demo/orders/{name}").json()["clips"]
    assert clip["state"] == "failed" and clip["reason"].startswith("the picture: no face found")
    assert place.client.get(f"/demo/orders/{name}/0.mp4").status_code == 404


def test_our_own_errors_are_told_and_raised(
    place: Place, face: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = place.order(face, tone(0.5))
    place.orders.place(name, Order(("mine/t00",), "sad", None, None))
    monkeypatch.setattr("harness.portrait.voice", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        place.maker(name, 0)
    assert place.orders.progress(name, 0).reason == "an error on our side; it is in the log"


def test_a_clip_says_that_it_is_generated_and_shows_it_where_the_server_marks(
    place: Place, face: bytes
) -> None:
    name = place.order(face, tone(0.3))
    shown = []
    for mark in (False, True):
        place.maker.mark = mark
        place.orders.place(name, Order(("mine/t00",), "sad", None, None))
        place.maker(name, 0)
        clip = place.orders.folder(name) / "0.mp4"
        assert "Generated video" in (told(clip) or "")
        shown.append(media.read_clip(clip).frames.astype(int))
    assert np.abs(shown[0] - shown[1])[:, -8:, :40].mean() > 20


def test_a_clip_that_takes_too_long_is_stopped(place: Place, face: bytes) -> None:
    name = place.order(face, tone(0.5))
    place.orders.place(name, Order(("mine/t00",), "sad", None, None))
    place.maker.seconds = -1
    place.maker(name, 0)
    assert "took longer" in str(place.orders.progress(name, 0).reason)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"models": ["other/t00"], "emotion": "sad"}, "no such model"),
        ({"models": ["mine/t00"], "emotion": "contempt"}, "can show"),
        ({"models": ["mine/t00"]}, "can show"),
        ({"models": ["mine/t00"], "emotion": "glee"}, "emotion is one of"),
        ({"models": ["mine/t00"], "emotion": "sad", "level": "much"}, "level is one of"),
    ],
)
def test_orders_that_nobody_can_answer(
    place: Place, face: bytes, asked: dict[str, object], message: str
) -> None:
    name = place.order(face, tone(0.3))
    answer = place.client.post(f"/demo/orders/{name}", json=asked)
    assert answer.status_code == 400 and message in answer.json()["message"]


@pytest.mark.parametrize(
    "asked",
    [{}, {"models": []}, {"models": ["mine/t00"] * 7}, {"models": "x"}, {"models": ["mine/t00"], "x": 1}],
)
def test_malformed_orders(place: Place, face: bytes, asked: dict[str, object]) -> None:
    name = place.order(face, tone(0.3))
    assert place.client.post(f"/demo/orders/{name}", json=asked).status_code == 422


def test_an_order_is_placed_once_and_whole(place: Place, face: bytes) -> None:
    asked = {"models": ["mine/t00"], "emotion": "sad"}
    name = place.order(face, None)
    answer = place.client.post(f"/demo/orders/{name}", json=asked)
    assert answer.status_code == 400 and "no recording" in answer.json()["message"]
    place.client.put(f"/demo/orders/{name}/sound", content=tone(0.3))
    assert place.client.post(f"/demo/orders/{name}", json=asked).status_code == 202
    assert place.client.post(f"/demo/orders/{name}", json=asked).status_code == 409
    assert place.client.put(f"/demo/orders/{name}/sound", content=tone(0.3)).status_code == 409


def picture_bomb() -> bytes:
    """A PNG of 30,000 x 30,000 pixels in a few bytes: its header alone."""
    import struct
    import zlib

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + b"\0" * 20
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a PNG"),
        (b"MZ" + b"\0" * 500, "not a PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a PNG"),
        (b"#EXTM3U\nfile:///etc/passwd", "not a PNG"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 90, "picture"),
        (picture_bomb(), "usual size"),
    ],
    ids=["empty", "program", "svg", "playlist", "broken", "bomb"],
)
def test_pictures_that_are_none(place: Place, content: bytes, message: str) -> None:
    name = place.order(None, None)
    answer = place.client.put(f"/demo/orders/{name}/picture", content=content)
    assert answer.status_code == 400 and message in answer.json()["message"]


def test_a_video_is_no_picture_and_a_small_one_is_refused(place: Place, run: Path) -> None:
    name = place.order(None, None)
    film = (run / "clips/ground_truth/-/1001_IEO_NEU_XX.mp4").read_bytes()
    assert place.client.put(f"/demo/orders/{name}/picture", content=film).status_code == 400
    tiny = io.BytesIO()
    Image.new("RGB", (20, 20)).save(tiny, "PNG")
    answer = place.client.put(f"/demo/orders/{name}/picture", content=tiny.getvalue())
    assert "20x20" in answer.json()["message"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"MZ" + b"\0" * 500, "not a WAV"),
        (b"#EXTM3U\nfile:///etc/passwd", "not a WAV"),
        (b"ID3\x04\0\0\0\0\0\0#EXTM3U\n/etc/passwd\n" * 9, "broken"),
        (b"RIFF\0\0\0\0WAVEfmt ", "broken"),
        (tone(0.05), "shorter"),
        (tone(31, 8000), "longer than 30 s"),
    ],
    ids=["program", "playlist", "playlist in mp3", "broken", "short", "long"],
)
def test_sounds_that_are_none(place: Place, content: bytes, message: str) -> None:
    name = place.order(None, None)
    answer = place.client.put(f"/demo/orders/{name}/sound", content=content)
    assert answer.status_code == 400 and message in answer.json()["message"]


def test_a_silent_film_is_no_sound(place: Place, tmp_path: Path) -> None:
    media.encode(tmp_path / "silent.mp4", np.zeros((3, 16, 16, 3), np.uint8), None)
    name = place.order(None, None)
    answer = place.client.put(f"/demo/orders/{name}/sound", content=(tmp_path / "silent.mp4").read_bytes())
    assert answer.status_code == 400 and "no sound" in answer.json()["message"]


def test_a_film_with_sound_is_a_recording(place: Place, run: Path) -> None:
    film = (run / "clips/ground_truth/-/1001_IEO_NEU_XX.mp4").read_bytes()
    name = place.order(None, film)
    kept = media.audio_16k(place.orders.folder(name) / "sound.wav")
    assert kept is not None and abs(len(kept) - 12_800) <= 2048


def test_too_large_is_refused_before_it_is_read(place: Place) -> None:
    name = place.order(None, None)
    claims = {"Content-Length": str(4 * 2**30)}
    assert place.client.put(f"/demo/orders/{name}/picture", content=b"x", headers=claims).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b"\0" * 500_000

    assert place.client.put(f"/demo/orders/{name}/sound", content=endless()).status_code == 413


def test_a_phone_picture_stands_upright(tmp_path: Path) -> None:
    lying = Image.new("RGB", (120, 60), (255, 0, 0))
    lying.paste((0, 0, 255), (60, 0, 120, 60))
    exif = Image.Exif()
    exif[0x112] = 6  # turn right to see it
    out = io.BytesIO()
    lying.save(out, "JPEG", exif=exif)
    uploads.keep_picture(out.getvalue(), tmp_path / "x.png")
    kept = np.asarray(Image.open(tmp_path / "x.png"))
    assert kept.shape == (120, 60, 3) and kept[10, 30, 0] > 200 and kept[110, 30, 2] > 200


def test_a_visitor_who_orders_too_often_waits(place: Place) -> None:
    name = place.order(None, None)
    codes = [place.client.post("/demo/orders").status_code for _ in range(125)]
    assert codes.count(201) == 119 and set(codes[119:]) == {429}
    assert place.client.put(f"/demo/orders/{name}/sound", content=tone(0.3)).status_code == 429


def test_a_full_queue_refuses(place: Place, face: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.demo.routes._WAITING", 1)
    busy = place.order(face, tone(0.3))
    place.orders.place(busy, Order(("mine/t00",), "sad", None, None))
    name = place.order(face, tone(0.3))
    asked = {"models": ["mine/t00"], "emotion": "sad"}
    assert place.client.post(f"/demo/orders/{name}", json=asked).status_code == 429
    place.orders.tell(busy, 0, Progress("done"))
    assert place.client.post(f"/demo/orders/{name}", json=asked).status_code == 202


def test_old_orders_are_deleted(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    name = place.order(None, None)
    place.orders.sweep()
    assert place.orders.folder(name).exists()
    monkeypatch.setattr("harness.demo.orders.KEPT_SECONDS", -1.0)
    place.orders.sweep()
    assert not place.orders.folder(name).exists()


def test_a_run_without_models_is_named(run: Path, tmp_path: Path) -> None:
    record = json.loads((run / "run.json").read_text()) | {"trials": []}
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(BadInput, match="no trained model"):
        models(tmp_path)


def test_a_demo_is_set_up_once_and_says_what_it_knows(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.demo.place.face_policy", lambda weights: "face-v1-embedded")
    left = Orders(run / "demo" / "orders").begin()
    demo = set_up(run)
    assert not (demo.orders / left).exists()
    assert demo.examples == 1 and (demo.folder / "examples" / "0.wav").exists()
    assert demo.note.startswith("Only drawn faces are found here")
