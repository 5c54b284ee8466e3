"""leaderboard.tex: every name as it is, and a table that TeX takes."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reports import write_views
from reports.latex import text
from tests.reports.made_up import HOSTILE, Options, make

DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs}
\begin{document}
\input{leaderboard}
\end{document}
"""


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a_b & 50 % #1 $x$", r"a\_b \& 50 \% \#1 \$x\$"),
        (r"\input{secret}", r"\textbackslash{}input\{secret\}"),
        ("~^", r"\textasciitilde{}\textasciicircum{}"),
        ("Müller, é", r"M\"{u}ller, \'{e}"),
        ("naïve", r"na\"{\i}ve"),
        ("α −1 ↑", r"$\alpha$ $-$1 $\uparrow$"),
        ("口", "[U+53E3]"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_name_is_written_as_it_is(name: str, written: str) -> None:
    assert text(name) == written


def test_hostile_names_are_text(tmp_path: Path) -> None:
    folder = make(tmp_path / "run", Options(frames=0))
    write_views(folder)
    table = (folder / "leaderboard.tex").read_text()
    assert text(HOSTILE) in table and r"\textless{}img" in table
    body = [line for line in table.splitlines() if line.endswith((r"\\", r"\\[2pt]"))]
    assert len({len(re.findall(r"(?<!\\)&", line)) for line in body}) == 1


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX is installed (pdflatex, booktabs)")
@pytest.mark.parametrize("name", [HOSTILE, "口 50 %_\\end{tabular} ~^{}", "Ünïcode & «quotes»"])
def test_the_table_compiles(tmp_path: Path, name: str) -> None:
    folder = make(tmp_path / "run", Options(frames=0))
    for file in ("results.csv", "per_clip.csv"):
        quoted, new = HOSTILE.replace('"', '""'), name.replace('"', '""')
        table = (folder / file).read_text()
        (folder / file).write_text(table.replace(f'"{quoted}"', f'"{new}"'))
    record = (folder / "run.json").read_text()
    (folder / "run.json").write_text(record.replace(json.dumps(HOSTILE), json.dumps(name)))
    write_views(folder)
    (folder / "paper.tex").write_text(DOCUMENT)
    made = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
    )
    assert made.returncode == 0, made.stdout[-2000:]
    assert (folder / "paper.pdf").stat().st_size > 5000
