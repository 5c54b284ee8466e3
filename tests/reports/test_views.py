"""The views of a made-up run: numbers, ranks, marks, refusals, escaping, the same bytes twice."""

import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from plotly.graph_objects import Figure
from scipy.stats import spearmanr

from harness import report
from harness.results import number, read_rows
from harness.types import BadInput
from reports import VIEWS, write_views
from reports.breakdown import by_emotion, emotions
from reports.load import load
from reports.published import sources
from reports.rank import CONTROLS, rank, ranks
from reports.trends import swept, trends
from reports.words import coverage, decimals, duration, fixed, interval
from tests.reports.made_up import HOSTILE, NO_FACE, NO_SOUND, Options, make


class Page(HTMLParser):
    """Collects the ranked table's cells, all tags, and all ids of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.headers: list[str] = []
        self._in_row_header = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "td" and "data-value" in attributes:
            self.values.append(attributes["data-value"] or "")
        if tag == "th" and attributes.get("scope") == "row":
            self._in_row_header = True
            self.headers.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "th":
            self._in_row_header = False

    def handle_data(self, data: str) -> None:
        if self._in_row_header:
            self.headers[-1] += data


def parsed(folder: Path) -> Page:
    page = Page()
    page.feed((folder / "leaderboard.html").read_text(encoding="utf-8"))
    return page


def bare_json(html: str, identity: str) -> dict[str, dict[str, object]]:
    found = re.search(rf'<script type="application/json" id="{identity}">(.*?)</script>', html, re.S)
    assert found
    blob: dict[str, dict[str, object]] = json.loads(found.group(1))
    return blob


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run with its views written."""
    folder = make(tmp_path_factory.mktemp("run"), Options(frames=8))
    write_views(folder)
    return folder


def remade(folder: Path, **changes: object) -> Path:
    return make(folder, Options(frames=0, **changes))  # type: ignore[arg-type]


def test_every_number_of_results_is_in_the_page_exactly(run: Path) -> None:
    written = [row["value"] for row in read_rows(run / "results.csv")]
    assert sorted(parsed(run).values) == sorted(written)


def test_markdown_shows_the_numbers_of_results_in_the_right_row_and_column(run: Path) -> None:
    lines = [line for line in (run / "leaderboard.md").read_text().splitlines() if line.startswith("|")]
    header = lines[0].split(" | ")
    column = next(i for i, name in enumerate(header) if name.startswith("FD"))
    line = next(line for line in lines if "**cvae t05**" in line).split(" | ")
    truth = next(r for r in read_rows(run / "results.csv") if (r["trial"], r["metric"]) == ("t05", "fid"))
    shown = line[column].replace("\\", "").replace("**", "")
    low, high = number(truth["ci_low"]), number(truth["ci_high"])
    assert shown == f"{number(truth['value']):.1f}<br><sub>[{low:.1f}, {high:.1f}] rank 1–9 n 18</sub>"


def test_markdown_tables_are_well_formed(run: Path) -> None:
    text = (run / "leaderboard.md").read_text()
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.M)
    assert len(tables) == 4 + len(sources())
    for table in tables:
        lines = table.splitlines()
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
        assert re.fullmatch(r"\| (-+:?( \| )?)+ \|", lines[1])


def test_mean_rank_follows_the_rule(run: Path) -> None:
    board = rank(load(run))
    values = {
        (r["method"], r["trial"], r["metric"]): number(r["value"]) for r in read_rows(run / "results.csv")
    }
    for row in board.competing:
        total = 0.0
        for card in board.ranked_by:
            sign = -1 if card.higher_is_better else 1
            own = values[*row.key, card.name]
            others = [values[*r.key, card.name] for r in board.competing]
            key = [math.inf if math.isnan(v) else sign * v for v in others]
            mine = math.inf if math.isnan(own) else sign * own
            total += sum(k < mine for k in key) + (sum(k == mine for k in key) + 1) / 2
        assert row.mean_rank == pytest.approx(total / len(board.ranked_by))
    assert [r.mean_rank for r in board.competing] == sorted(r.mean_rank for r in board.competing)
    assert {c.name for c in board.ranked_by}.isdisjoint({"fps", "av_offset"})


def test_ranks_share_ties_and_put_the_unscored_with_the_worst() -> None:
    assert ranks([3.0, 1.0, 3.0, 2.0], True) == [1.5, 4.0, 1.5, 3.0]
    assert ranks([3.0, float("nan"), 1.0, float("nan")], False) == [2.0, 3.5, 1.0, 3.5]
    assert ranks([math.inf, 40.0], True) == [1.0, 2.0]


def test_best_is_marked_among_competing_rows_only_and_where_a_test_says_so(run: Path) -> None:
    board = rank(load(run))
    assert not any(cell.best for row in board.controls for cell in row.cells.values())
    assert not any(row.cells["fps"].best for row in board.competing)
    marked = 0
    for card in board.ranked_by:
        better = {
            d.first if (d.value > 0) == card.higher_is_better else d.second
            for d in board.differences[card.name]
            if d.shown
        }
        best = [r for r in board.competing if r.cells[card.name].best]
        marked += bool(best)
        assert {r.key for r in best} <= better
        values = [r.value(card.name) for r in board.competing if not math.isnan(r.value(card.name))]
        if best:
            assert (max(values) if card.higher_is_better else min(values)) in [
                r.value(card.name) for r in best
            ]
    assert 0 < marked < len(board.ranked_by)


def test_a_judge_related_to_the_training_is_marked_for_that_method_only(run: Path) -> None:
    board = rank(load(run))
    related = {(r.method, name) for r in board.competing for name, cell in r.cells.items() if cell.related}
    families = {"lse_c", "lse_d", "av_offset", "emotion_accuracy"}
    assert related == {("cvae", name) for name in families}
    assert "†" in (run / "leaderboard.md").read_text()


def test_controls_stand_apart_and_say_what_they_show(run: Path) -> None:
    board = rank(load(run))
    assert [r.method for r in board.controls] == list(CONTROLS)
    text = (run / "leaderboard.md").read_text()
    assert "sound early by 5 frames" in text
    assert text.index("### Controls") > text.index("**cvae t02**")


@pytest.mark.parametrize("missing", ["ground_truth", "still", "shifted_audio"])
def test_a_run_without_a_control_is_refused(tmp_path: Path, missing: str) -> None:
    folder = remade(tmp_path / "run", controls=tuple(c for c in CONTROLS if c != missing))
    with pytest.raises(BadInput, match=f"control {missing}"):
        write_views(folder)
    assert not (folder / "leaderboard.html").exists()


def test_out_of_domain_is_said_on_another_corpus_only(run: Path, tmp_path: Path) -> None:
    elsewhere = remade(tmp_path / "run", reader="folder")
    write_views(elsewhere)
    assert "out of domain" in (elsewhere / "leaderboard.md").read_text()
    assert "out of domain" not in (run / "leaderboard.md").read_text()
    ranked = {card.name for card in rank(load(elsewhere)).ranked_by}
    assert {"lse_c", "emotion_accuracy"} <= {card.name for card in rank(load(run)).ranked_by}
    assert not ranked & {"lse_c", "emotion_accuracy"} and "psnr" in ranked


def test_embedded_numbers_are_said_to_be_incomparable(run: Path) -> None:
    for view in ("leaderboard.md", "leaderboard.html"):
        text = (run / view).read_text()
        assert "Not comparable with published numbers: LPIPS" in text
        assert "embedded backbones" in text


def test_a_partial_run_is_loud_about_it(run: Path, tmp_path: Path) -> None:
    partial = remade(tmp_path / "run", complete=False)
    write_views(partial)
    assert ("p", {"class": "banner", "role": "alert"}) in parsed(partial).tags
    assert "[!WARNING]" in (partial / "leaderboard.md").read_text()
    assert not any(attributes.get("role") == "alert" for _, attributes in parsed(run).tags)
    assert "[!WARNING]" not in (run / "leaderboard.md").read_text()


def test_hostile_names_are_text_everywhere(run: Path) -> None:
    page = parsed(run)
    assert not any(tag == "img" and attributes.get("src") == "x" for tag, attributes in page.tags)
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert not any(tag == "boom" for tag, _ in page.tags)
    assert any(HOSTILE in header for header in page.headers)
    html = (run / "leaderboard.html").read_text()
    assert all(HOSTILE not in str(f) for f in bare_json(html, "figures").values())
    assert HOSTILE not in (run / "leaderboard.md").read_text()
    assert HOSTILE in {row["method"] for row in read_rows(run / "leaderboard.csv")}
    assert HOSTILE in {row["second_method"] for row in read_rows(run / "comparisons.csv")}
    table = (run / "leaderboard.tex").read_text().splitlines()
    assert not any(HOSTILE in line for line in table if not line.startswith("%"))


def test_hostile_trials_are_text_in_plots(tmp_path: Path) -> None:
    folder = remade(tmp_path / "run")
    for name in ("results.csv", "per_clip.csv", "curves.csv", "run.json"):
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("t04", "<b>t04"))
    write_views(folder)
    figures = json.dumps(bare_json((folder / "leaderboard.html").read_text(), "figures"))
    assert "<b>t04" not in figures
    assert figures.count("&lt;b&gt;t04<br>") == 3 * 12 + 11
    assert figures.count("cvae &lt;b&gt;t04") == 4 + 11


def test_emotion_means_are_over_the_scored_clips_of_that_emotion(run: Path) -> None:
    loaded = load(run)
    tables = {t.card.name: t for t in by_emotion(loaded, rank(loaded))}
    assert set(tables).isdisjoint({"fid", "kid", "fps"}) and len(tables) == 9
    emotion = {r["clip"]: r["emotion"] for r in read_rows(run / "clips.csv")}
    kept = [
        number(r["value"])
        for r in read_rows(run / "per_clip.csv")
        if (r["method"], r["metric"]) == ("still", "lse_c") and emotion[r["clip"]] == "disgust" and r["value"]
    ]
    column = emotions(loaded).index("disgust")
    assert tables["lse_c"].counts["still", "-"][column] == len(kept) == 2
    assert tables["lse_c"].means["still", "-"][column] == pytest.approx(sum(kept) / 2)


def test_unscored_clips_are_counted_and_listed_by_reason(run: Path) -> None:
    html = (run / "leaderboard.html").read_text()
    assert NO_FACE in html and NO_SOUND in html
    assert "n 17 of 18" in html and "n 0 of 18" in html
    assert "1 clip," in html


def test_views_written_twice_are_the_same_bytes(run: Path) -> None:
    made = [*(run / name for name in VIEWS), *sorted((run / "strips").iterdir())]
    before = [path.read_bytes() for path in made]
    for path in made:
        path.unlink()
    write_views(run)
    assert [path.read_bytes() for path in made] == before


def test_every_file_that_the_page_names_is_there(run: Path) -> None:
    html = (run / "leaderboard.html").read_text()
    named = [a["src"] for tag, a in parsed(run).tags if tag == "img" and a.get("src")]
    players = bare_json(html, "player-data")["files"]
    assert len(players) == 2 + len(CONTROLS)
    files = [unquote(str(f)) for f in [*named, *(f for player in players for f in player if f)]]
    assert len(files) == 8 + 18 * 7
    assert all((run / f).is_file() for f in files)
    assert "http://" not in html.split("<script>")[0] and "https://" not in html.split("<script>")[0]


def test_every_plot_is_a_valid_plotly_figure_and_has_its_place(run: Path) -> None:
    figures = bare_json((run / "leaderboard.html").read_text(), "figures")
    places = {a["id"] for tag, a in parsed(run).tags if tag == "div" and a.get("class") == "plot"}
    assert places == set(figures)
    assert len(figures) == 3 * 12 + 6 + 11 + 7 + 1 + 6 * 6
    for spec in figures.values():
        Figure(spec)


def test_a_planted_trend_is_found_with_its_direction(run: Path) -> None:
    board = rank(load(run))
    assert swept([r for r in board.competing if r.method == "cvae"]) == ["alpha", "beta", "gamma"]
    found = {(t.parameter, t.card.name): t for t in trends(board)}
    lpips = found["alpha", "lpips"]
    assert lpips.rho < 0 and lpips.verdict == "better" and lpips.n == 8
    assert lpips.sentence().startswith("raising α improves LPIPS [st-lpips-alex]")
    assert f"ρ = −{abs(lpips.rho):.2f} (n = 8" in lpips.sentence()
    rows = lpips.rows
    expected = spearmanr([r.params["alpha"] for r in rows], [r.value("lpips") for r in rows]).statistic
    assert lpips.rho == pytest.approx(expected)


def test_too_few_trials_have_no_correlation_and_the_page_says_so(tmp_path: Path) -> None:
    folder = remade(tmp_path / "run", trials=2)
    write_views(folder)
    assert "fewer than 3 trials" in (folder / "leaderboard.html").read_text()


def test_reports_need_neither_torch_nor_ray_nor_methods_nor_metrics() -> None:
    code = "import sys, reports, harness.report; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "reports" in loaded
    assert not {"torch", "ray", "methods", "metrics"} & set(loaded)


def test_command_line(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([str(run)]) == 0
    assert str(run / "leaderboard.html") in capsys.readouterr().out
    assert report.main([str(tmp_path)]) == 2
    assert str(tmp_path / "run.json") in capsys.readouterr().err


def test_unreadable_tables_name_file_and_key(tmp_path: Path) -> None:
    folder = remade(tmp_path / "run")
    record = json.loads((folder / "run.json").read_text())
    del record["split"]["hash"]
    (folder / "run.json").write_text(json.dumps(record))
    with pytest.raises(BadInput, match=r"run\.json: split\.hash"):
        load(folder)
    remade(folder)
    table = (folder / "results.csv").read_text()
    (folder / "results.csv").write_text(table.replace("efficientnet-lite0", "inception-2015-12-05", 1))
    with pytest.raises(BadInput, match="two backbones"):
        load(folder)
    (folder / "results.csv").write_text(table.replace("backbone", "trunk", 1))
    with pytest.raises(BadInput, match=r"results\.csv: no column backbone"):
        load(folder)


def test_words() -> None:
    assert [decimals([v]) for v in (143.2, 28.31, 5.0, 0.41, 0.031, 0.0)] == [1, 2, 3, 3, 4, 3]
    assert fixed(-0.0004, 3) == "0.000" and fixed(-1.5, 1) == "−1.5"
    assert fixed(math.inf, 2) == "∞" and fixed(math.nan, 2) == "–"
    assert interval(1.0, 2.5, 1) == "[1.0, 2.5]" and interval(math.nan, 1.0, 1) == ""
    assert coverage(18, 0) == "n 18" and coverage(17, 1) == "n 17 of 18"
    assert [duration(s) for s in (8.4, 723, 3840)] == ["8.4 s", "12 min 03 s", "1 h 04 min"]


@pytest.mark.parametrize(
    ("policy", "said"), [("source", "edited the whole source clip"), ("neutral", "a still")]
)
def test_a_page_says_who_edited_a_clip(tmp_path: Path, policy: str, said: str) -> None:
    folder = make(tmp_path / "run", Options(frames=0))
    path = folder / "run.json"
    record = json.loads(path.read_text())
    write_views(folder)
    assert "Video-to-video" not in (folder / "leaderboard.md").read_text()
    record["methods"]["cvae"]["video_to_video"] = True
    record["reference"]["policy"] = policy
    path.write_text(json.dumps(record))
    write_views(folder)
    (note,) = [
        line for line in (folder / "leaderboard.md").read_text().splitlines() if "Video-to-video" in line
    ]
    assert "cvae" in note and said in note
