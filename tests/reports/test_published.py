"""Published numbers: as printed, with what is wrong with their table, apart from every run."""

from pathlib import Path

from reports import write_views
from reports.load import load
from reports.published import sources
from reports.rank import rank
from tests.reports.made_up import Options, make


def test_the_numbers_of_the_cvae_papers_table_are_there_and_its_column_error_is_said() -> None:
    table = next(s for s in sources() if s.paper.startswith("Phan"))
    assert (table.dataset, table.table) == ("CREMA-D", "Table 2") and table.protocol
    assert table.numbers == {
        "Vougioukas et al.": {"Emotion accuracy": "55.26", "FID": "71.12"},
        "Eskimez et al.": {"Emotion accuracy": "65.67", "FID": "79.11", "LSE-D": "10.244", "LSE-C": "3.256"},
        "Phan et al. (cvae)": {
            "Emotion accuracy": "87.28",
            "FID": "5.228",
            "LSE-D": "9.540",
            "LSE-C": "5.165",
        },
    }
    assert "LSE-D ↑" in table.metrics["LSE-C"].check and "error" in table.metrics["LSE-C"].check


def test_every_number_has_a_column_and_every_table_a_source() -> None:
    for source in sources():
        assert source.paper and source.table and source.dataset and source.protocol
        for row in source.numbers.values():
            assert row and set(row) <= set(source.metrics)


def test_published_numbers_stand_apart_and_enter_no_rank(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", Options(frames=0))
    write_views(folder)
    board = rank(load(folder))
    assert not {r.method for r in board.competing} & {m for s in sources() for m in s.numbers}
    html = (folder / "leaderboard.html").read_text()
    assert html.index("87.28") > html.index('<section id="reported">') > html.index('<section id="ranking">')
    text = (folder / "leaderboard.md").read_text()
    assert text.index("87.28") > text.index("## As reported") > text.index("## Leaderboard")
    assert "87.28" not in (folder / "leaderboard.csv").read_text() + (folder / "leaderboard.tex").read_text()
