"""harness.data inspect: everything is counted, every unusable file has its reason, faces are the seed's."""

from contextlib import nullcontext
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import contact_sheet, data, results
from harness.contact_sheet import DrawThumbnails, Shot
from harness.datasets.synthetic import SynthSpec, write_corpus
from harness.faces import policy
from harness.types import Sample
from harness.weights import Weights
from tests import films
from tests.reports import inspected

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an embedded corpus of three speakers; two of its twelve clips are broken, and a pointer."""
    root = tmp_path_factory.mktemp("inspected") / "corpus"
    write_corpus(SynthSpec(speakers=3, size=64, seed=11, clips_per_speaker=4), root)
    first, second, *_ = sorted((root / "VideoFlash").glob("*.mp4"))
    first.write_bytes(b"")
    second.write_bytes(second.read_bytes()[:-300])
    (root / "VideoFlash" / "1999_TIE_SAD_XX.mp4").write_bytes(POINTER)
    return root


def test_the_command_counts_refuses_and_shows(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["inspect", "synthetic", str(corpus), "--out", str(out), "--workers", "2"]
    assert data.main(command) == 1
    shown = capsys.readouterr().out
    assert "13 clips, 10 usable" in shown and "3 unusable:" in shown and "git lfs pull" in shown
    record = results.read_json(out / "inspect.json")
    broken = sorted(p.stem for p in (corpus / "VideoFlash").glob("*.mp4"))[:2]
    assert set(record["unusable"]) == {*broken, "1999_TIE_SAD_XX"}
    assert broken[0] in record["unusable"][broken[0]] and "cut short" in record["unusable"][broken[1]]
    assert sum(record["counts"]["speaker"].values()) == record["usable"] == 10
    assert set(record["counts"]["speaker"]) == {"1001", "1002", "1003"}
    assert record["frame_rates"] == {"25": 10} and record["sizes"] == {"64x64": 10}
    assert record["sound_rates"] == {"16000": 10}
    rows = {row["clip"]: row for row in results.read_rows(out / "inspect.csv")}
    assert len(rows) == 13 and sum(row["usable"] == "true" for row in rows.values()) == 10
    hours = sum(float(row["seconds"]) for row in rows.values() if row["usable"] == "true") / 3600
    assert record["hours"] == pytest.approx(hours) and hours > 0
    for face in record["faces"]["sheet"]:
        assert Image.open(out / face["file"]).size == (64, 64)
        assert rows[face["clip"]]["emotion"] == face["emotion"]
    assert (out / "inspect.html").read_text().count("<img ") == len(record["faces"]["sheet"])


def test_exit_codes_of_wrong_arguments(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "out")]
    (tmp_path / "file").touch()
    for arguments, said in (
        (["crema", str(corpus), *out], 'no reader "crema"'),
        (["folder", str(tmp_path / "gone"), *out], "is not a folder"),
        (["synthetic", str(corpus), "--out", str(tmp_path / "file")], "--out"),
        (["synthetic", str(corpus), *out, "--weights", str(tmp_path / "gone")], "does not exist"),
        (["synthetic", str(corpus), *out, "--split", str(tmp_path / "gone.json")], "gone.json"),
    ):
        assert data.main(["inspect", *arguments]) == 2
        assert said in capsys.readouterr().err
    for arguments in (["synthetic"], ["synthetic", str(corpus), "--workers", "0"]):
        with pytest.raises(SystemExit) as stopped:
            data.main(["inspect", *arguments])
        assert stopped.value.code == 2


def test_unusable_clips_may_be_allowed(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.inspection.inspect", lambda *_: inspected.write(tmp_path, [], {"a": "b: c"}))
    monkeypatch.setattr("harness.execute.cluster", nullcontext)
    monkeypatch.setattr("harness.execute.actor_pool", lambda *_: nullcontext())
    command = ["inspect", "synthetic", str(corpus), "--out", str(tmp_path), "--workers", "1"]
    assert data.main(command) == 1
    assert data.main([*command, "--allow-unusable"]) == 0


def test_cuts_of_one_video_are_probed_once_and_must_lie_in_it(tmp_path: Path) -> None:
    video = Path("/corpus/long.mp4")
    samples = [
        inspected.sample(f"part_{i}", video=video, cut=cut)
        for i, cut in enumerate([(0.0, 1.0), (1.0, 3.0), (2.4, 4.0), (2.5, 2.6), (9.0, 10.0)])
    ]
    opened: list[Path] = []

    def film(path: Path) -> object:
        opened.append(path)
        return inspected.FILM

    record = inspected.write(tmp_path, samples, files=inspected.MadeUpFiles(film))
    assert opened == [video]
    assert set(record["unusable"]) == {"part_2", "part_3", "part_4"}
    assert "beyond its end at 2.50 s" in record["unusable"]["part_4"]
    assert record["hours"] * 3600 == pytest.approx(1.0 + 1.5)


def test_votes_agree_where_no_other_emotion_has_more(tmp_path: Path) -> None:
    votes = [
        {"happy": 0.9, "sad": 0.1},
        {"happy": 0.5, "sad": 0.5},
        {"happy": 0.2, "fear": 0.8},
    ]
    samples = [inspected.sample(f"a{i}", emotion="happy", votes=v) for i, v in enumerate(votes)]
    samples += [inspected.sample("b", emotion="sad", votes={"sad": 1.0}), inspected.sample("c")]
    found = inspected.write(tmp_path, samples)["votes"]
    assert (found["clips"], found["agree"]) == (4, 3)
    assert found["by_emotion"]["happy"] == {"clips": 3, "agree": 2}
    assert found["shares"]["happy"]["happy"] == pytest.approx(1.6 / 3)
    row = next(r for r in results.read_rows(tmp_path / "inspect.csv") if r["clip"] == "a2")
    assert (row["votes_fear"], row["votes_sad"]) == ("0.8", "")


def test_a_clip_that_breaks_in_its_middle_is_unusable(tmp_path: Path) -> None:
    class Broken(inspected.MadeUpFiles):
        def map(self, job, items, label, needs=None):  # type: ignore[no-untyped-def]
            outcomes = super().map(job, items, label)
            if isinstance(job, DrawThumbnails):
                outcomes[0] = replace(outcomes[0], value=None, reason="a.flv: broken video stream")
            return outcomes

    record = inspected.write(tmp_path, [inspected.sample(n) for n in "abcd"], files=Broken())
    assert record["unusable"] == {"a": "a.flv: broken video stream"} and record["usable"] == 3
    assert [f["clip"] for f in record["faces"]["sheet"]] == ["b", "c", "d"]
    assert (tmp_path / "faces" / "0002.jpg").exists() and not (tmp_path / "faces" / "0003.jpg").exists()


def test_an_earlier_sheet_leaves_no_pictures(tmp_path: Path) -> None:
    inspected.write(tmp_path, [inspected.sample(n) for n in "abc"])
    inspected.write(tmp_path, [inspected.sample("a")])
    assert [p.name for p in (tmp_path / "faces").iterdir()] == ["0000.jpg"]


def test_one_random_clip_of_each_speaker_in_each_emotion() -> None:
    samples = inspected.crema_like(30)
    chosen = contact_sheet.choose(samples, seed=1)
    assert len(chosen) == 30 * 6
    assert len({(s.speaker, s.emotion) for s in chosen}) == 30 * 6
    assert contact_sheet.choose(samples[::-1], seed=1) == chosen
    assert contact_sheet.choose(samples, seed=2) != chosen
    assert [s.emotion for s in chosen[::30]] == ["neutral", "happy", "sad", "angry", "fear", "disgust"]


def test_a_sheet_has_an_end() -> None:
    samples = [inspected.sample(f"{i:05d}") for i in range(5000)]
    assert len(contact_sheet.choose(samples, seed=1)) == contact_sheet.MOST_SPEAKERS


def test_the_picture_is_from_the_middle_of_the_cut_and_of_the_corpus_crop(tmp_path: Path) -> None:
    film = films.Film(Fraction(25))
    films.write(tmp_path / "film.mp4", film)
    sample = Sample("film", tmp_path / "film.mp4", None, None, None)
    draw = DrawThumbnails(None, Weights()).open()

    def brightness(moment: float, **labels: object) -> float:
        drawn = draw(Shot(replace(sample, **labels), moment))
        assert not drawn.face
        image = np.asarray(Image.open(BytesIO(drawn.jpeg)))
        assert image.shape == ((8, 16, 3) if labels else (32, 32, 3))
        return float(image.mean())

    assert brightness(film.event) > 200
    assert brightness(0.5) < 60
    assert brightness(film.event, box=(8, 4, 16, 8)) > 200


def test_without_the_detectors_file_whole_frames_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    chosen, how = contact_sheet.cropping("folder", Weights())
    assert chosen is None and "no face detector" in how


def test_real_faces_are_cropped(shared: Path, tmp_path: Path) -> None:
    weights = Weights(shared / "weights")
    clip = shared / "clips" / "MEAD_W036_level_3_happy_007.mp4"
    draw = DrawThumbnails(policy("face-v1"), weights).open()
    drawn = draw(Shot(Sample("a", clip, None, None, None), 1.0))
    assert drawn.face
    image = np.asarray(Image.open(BytesIO(drawn.jpeg)).convert("HSV"), np.float32)
    assert image.shape == (144, 144, 3)
    # Skin in the middle of the crop, the studio's green at the frame's: hue tells them apart.
    assert np.median(image[60:110, 50:95, 0]) < 30
