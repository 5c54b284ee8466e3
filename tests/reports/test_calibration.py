"""The datasheet page of a made-up calibration: words, marks, curves that plotly takes, the same bytes."""

import json
import re
from collections import Counter
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from plotly.graph_objects import Figure

from harness.calibration.tables import CLIP_COLUMNS, LEVEL_COLUMNS, VERDICT_COLUMNS
from harness.contracts import MetricCard
from harness.results import write_json, write_rows
from harness.types import BadInput
from reports.calibration import write_page
from reports.calibration_data import FaultInfo, load, lowered

HOSTILE = "<script>alert(1)</script>"


def fault(name: str, unit: str, arms: list[list[float]], unfaulted: float = 0.0) -> dict[str, Any]:
    return {
        "title": {"shift": "Audio shift", "blur": "Blur"}.get(name, name),
        "says": HOSTILE,
        "unit": unit,
        "arms": arms,
        "unfaulted": unfaulted,
        "of_set": False,
        "touches": "picture",
        "clips": 4,
        "not_applicable": None,
    }


def level(metric: str, name: str, strength: float | None, value: float | None) -> dict[str, Any]:
    between = {} if value is None else {"ci_low": value - 0.1, "ci_high": value + 0.1}
    return {
        "metric": metric, "fault": name, "strength": strength, "value": value, **between,
        "n": 4, "n_unscored": 0, "detected": (strength or 0) != 0,
    }  # fmt: skip


def verdict(
    metric: str, name: str, said: str, rho: float | None, smallest: str, **more: Any
) -> dict[str, Any]:
    given = {"metric": metric, "fault": name, "verdict": said, "rho": rho, "smallest": smallest}
    return {**given, "improves": False, "expected": False, **more}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    def card(name: str, title: str) -> dict[str, Any]:
        return asdict(
            MetricCard(name, title, "dB", True, (0.0, float("inf")), "none", HOSTILE, "none", False)
        )

    record = {
        "complete": True,
        **{k: {} for k in ("versions", "git", "seeds", "hardware", "code", "command")},
        "created": "2026-01-01T00:00:00+00:00",
        "times": {"measure": 61.0},
        "config": {"data": "synthetic"},
        "clips": {"count": 4, "speakers": 2, "ids": []},
        "metrics": {"lse": card("lse", "LSE-C"), "psnr": card("psnr", "PSNR")},
        "faults": {
            "shift": fault("shift", "{} frames", [[1.0, 2.0], [-1.0, -2.0]]),
            "blur": fault("blur", "{} px", [[0.5, 3.0]]),
            "JPEG": fault("JPEG", "quality {}", [[95.0, 15.0]], unfaulted=101.0),
            "gain": {**fault("AU gain", "×{}", [[0.5]], 1.0), "not_applicable": "no renderer"},
        },
        "not_calibrated": {"lmd": HOSTILE},
        "av_offset": {"within": 1, "share": 0.975, "by_shift": {"-1": 0.95, "0": 1.0, "1": 0.9}},
        "failures": [],
    }
    write_json(tmp_path / "run.json", record)
    levels = [level("lse", "unfaulted", None, 5.0), level("psnr", "unfaulted", None, None)]
    levels += [level("lse", "shift", s, 5.0 - abs(s)) for s in (-2.0, -1.0, 1.0, 2.0)]
    for name, strengths in (("blur", (0.5, 3.0)), ("JPEG", (95.0, 15.0))):
        levels += [level(m, name, s, 4.0 - i) for m in ("lse", "psnr") for i, s in enumerate(strengths)]
    write_rows(tmp_path / "calibration.csv", LEVEL_COLUMNS, levels)
    verdicts = [
        verdict("lse", "shift", "sees", -1.0, "1;-1", expected=True),
        verdict("lse", "blur", "blind", 0.25, ""),
        verdict("lse", "JPEG", "partly", 0.5, "15", improves=True),
        verdict("psnr", "shift", "blind", None, ";"),
        verdict("psnr", "blur", "blind", -1.0, "", expected=True),
        verdict("psnr", "JPEG", "sees", -1.0, "95"),
    ]
    write_rows(tmp_path / "datasheet.csv", VERDICT_COLUMNS, verdicts)
    write_rows(tmp_path / "per_clip.csv", CLIP_COLUMNS, [])
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "blur.png").write_bytes(b"a picture")
    return tmp_path


def html(folder: Path) -> str:
    write_page(folder)
    return (folder / "calibration.html").read_text(encoding="utf-8")


def test_a_metric_is_told_in_plain_words(folder: Path) -> None:
    text = html(folder)
    assert (
        "LSE-C: sees audio shift from ±1 frame; sees unevenly or in part JPEG from quality 15; "
        "blind to blur; takes for better: JPEG." in text
    )
    assert "PSNR: sees JPEG from quality 95; blind to audio shift, blur." in text


def test_what_is_expected_and_not_seen_is_said(folder: Path) -> None:
    text = html(folder)
    assert "Expected, and not seen" in text
    assert re.search(r"<b>PSNR</b> under blur: blind", text)
    assert "1 of 2" in text
    assert "97.5 %" in text


def test_names_from_files_are_escaped_and_left_out_is_said(folder: Path) -> None:
    text = html(folder)
    assert HOSTILE not in text
    assert "<b>lmd</b> is not calibrated" in text
    assert "not applicable: no renderer" in text


def test_every_curve_is_one_that_plotly_takes_and_has_a_place_on_the_page(folder: Path) -> None:
    text = html(folder)
    found = re.search(r'id="figures">(.*?)</script>', text, re.S)
    assert found is not None
    specs = json.loads(found.group(1))
    assert len(specs) == 2 * 3 + 1
    for name, spec in specs.items():
        Figure(spec)
        assert f'<div class="plot" id="{name}"' in text
    line = specs["curve-lse-shift"]["data"][2]
    assert line["y"] == [3.0, 4.0, 5.0, 4.0, 3.0]
    assert line["marker"]["symbol"].index("diamond") == 2


def test_ids_are_single_links_lead_somewhere_and_nothing_is_loaded_from_elsewhere(folder: Path) -> None:
    tags: list[dict[str, str | None]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(dict(attrs))

    Reader().feed(html(folder))
    ids = Counter(t["id"] for t in tags if "id" in t)
    assert max(ids.values()) == 1
    links = [t["href"] or "" for t in tags if "href" in t]
    assert all(link.startswith("#") and link[1:] in ids for link in links if link != "data:,")
    sources = [t["src"] or "" for t in tags if "src" in t]
    assert len(sources) == 1 and sources[0].startswith("data:image/png;base64,")


def test_the_same_files_give_the_same_bytes(folder: Path) -> None:
    assert html(folder) == html(folder)


def test_strengths_are_written_with_their_units() -> None:
    def info(unit: str, arms: tuple[tuple[float, ...], ...], unfaulted: float = 0.0) -> FaultInfo:
        return FaultInfo("f", "F", "", unit, arms, unfaulted, False, "picture", 1, None)

    shift = info("{} frames", ((1.0, 2.0), (-1.0, -2.0)))
    assert shift.axis == [-2.0, -1.0, None, 1.0, 2.0]
    assert [shift.amount(s) for s in (1.0, -1.0, -2.0)] == ["1 frame", "−1 frame", "−2 frames"]
    assert shift.amounts((2.0, -2.0)) == "±2 frames"
    assert shift.amounts((2.0, None)) == "2 frames"
    share = info("{} of clips", ((0.1, 1.0),))
    assert [share.amount(s) for s in (0.1, 1.0)] == ["10\u00a0% of clips", "100\u00a0% of clips"]
    gain = info("×{}", ((0.8, 0.0), (1.1,)), 1.0)
    assert gain.axis == [0.0, 0.8, None, 1.1] and gain.tick(None) == "1"
    assert gain.amounts((0.8, 1.1)) == "×0.8, ×1.1"
    assert info("quality {}", ((95.0,),), 101.0).tick(None) == "none"


def test_titles_inside_a_sentence() -> None:
    assert [lowered(t) for t in ("Blur", "JPEG", "H.264", "AU gain")] == ["blur", "JPEG", "H.264", "AU gain"]


def test_a_missing_table_is_named(folder: Path) -> None:
    (folder / "datasheet.csv").unlink()
    with pytest.raises(BadInput, match=r"datasheet\.csv: no such file"):
        load(folder)
