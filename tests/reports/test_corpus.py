"""The page of an inspected corpus: whatever the corpus holds, it is shown, escaped, and whole."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.types import BadInput
from reports.corpus import write_page
from reports.corpus_data import by_reason, histogram, load
from reports.corpus_words import footage, summary
from tests.reports import inspected

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "link", "img", "wbr"}


class Balanced(HTMLParser):
    """Collects tags and fails on one that is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: Counter[str] = Counter()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        self.links += [v or "" for k, v in attrs if k in {"src", "href"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(folder: Path) -> tuple[str, Balanced]:
    write_page(folder)
    text = (folder / "inspect.html").read_text(encoding="utf-8")
    parsed = Balanced()
    parsed.feed(text)
    assert not parsed.open
    # Nothing is fetched: pictures are inlined, links lead to sections that exist.
    targets = set(re.findall(r'id="([^"]+)"', text))
    for link in parsed.links:
        assert link.startswith("data:") or link[1:] in targets, link
    assert parsed.seen["script"] == 0
    return text, parsed


def test_many_speakers_are_folded_away_and_none_is_lost(tmp_path: Path) -> None:
    inspected.write(tmp_path, inspected.crema_like(91))
    text, parsed = page(tmp_path)
    assert parsed.seen["img"] == 91 * 6
    assert text.count("<summary>71 more</summary>") == 6
    assert all(f'<th scope="row" class="first">{1001 + i}</th>' in text for i in range(91))
    assert "Raters’ votes" in text
    first = (tmp_path / "inspect.html").read_bytes()
    write_page(tmp_path)
    assert (tmp_path / "inspect.html").read_bytes() == first


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    labels = {"speaker": HOSTILE, "emotion": "happy", "view": HOSTILE}
    inspected.write(
        tmp_path, [inspected.sample("a", **labels)], {HOSTILE: f"/c/{HOSTILE}: {HOSTILE}"}, notes=(HOSTILE,)
    )
    text, _ = page(tmp_path)
    assert HOSTILE not in text and "&lt;script&gt;" in text


def test_no_labels_at_all(tmp_path: Path) -> None:
    record = inspected.write(tmp_path, [inspected.sample(f"clip_{i:04d}") for i in range(300)])
    text, parsed = page(tmp_path)
    assert parsed.seen["img"] == 100 and "100 of 300 clips shown" in text
    assert "None has an emotion" in text and "None has a speaker" in text
    assert "By speaker" not in text and "Raters’ votes" not in text
    assert "not said (300)" in summary(record)


def test_one_clip(tmp_path: Path) -> None:
    inspected.write(tmp_path, [inspected.sample("only", emotion="contempt", speaker="Zoë")])
    text, parsed = page(tmp_path)
    assert parsed.seen["img"] == 1 and "1 clip, 2.5 s" in text
    assert "1 speakers cannot fill" in text and '<th scope="col">Split</th>' not in text


def test_no_clip_that_can_be_used(tmp_path: Path) -> None:
    record = inspected.write(tmp_path, [], {"a": "/c/a.flv: empty, 0 bytes; fetch it again"})
    text, parsed = page(tmp_path)
    assert parsed.seen["img"] == 0 and "No clip can be used" in text and "empty, 0 bytes" in text
    assert 'id="faces"' not in text
    assert "0 usable" in summary(record)


def test_a_lost_face_is_marked_where_faces_are_cropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, files = [inspected.sample("a")], inspected.MadeUpFiles(face=False)
    inspected.write(tmp_path, clips, files=files)
    assert "no face found" not in page(tmp_path)[0]
    monkeypatch.setattr("harness.contact_sheet.cropping", lambda *_: ("face-v1", "face crops"))
    inspected.write(tmp_path, clips, files=files)
    assert "no face found" in page(tmp_path)[0]


def test_reasons_that_differ_in_paths_and_figures_are_one_group(tmp_path: Path) -> None:
    reasons = {f"c{i}": f"/data/c{i}.mp4: cut short: {i} bytes of at least {2 * i}" for i in range(1, 150)}
    inspected.write(tmp_path, [inspected.sample("fine")], {**reasons, "odd": "/data/odd.mp4: empty, 0 bytes"})
    groups = by_reason(load(tmp_path).unusable)
    assert [(g.title, len(g.clips)) for g in groups] == [
        ("cut short: N bytes of at least N", 149),
        ("empty, 0 bytes", 1),
    ]
    assert "and 49 more, in inspect.csv" in page(tmp_path)[0]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"inspect\.json: no such file"):
        write_page(tmp_path)


def test_words_and_bins() -> None:
    assert [footage(h) for h in (7.44 / 3600, 723 / 3600, 31.0666)] == ["7.4 s", "12 min 03 s", "31 h 04 min"]
    assert histogram([1.0, 1.0]) == [2]
    assert histogram([0.0, 0.1, 10.0], bins=10) == [2, *[0] * 8, 1]
