"""leaderboard.tex: the board as a booktabs table that a paper takes in by \\input.

It needs \\usepackage{booktabs} and nothing else, in pdfLaTeX, XeLaTeX or LuaLaTeX. Every text is escaped; a
letter that pdfLaTeX's own fonts lack is written as its code point, so that nothing of a name is lost. Values
of published papers are not in it: they are no part of the run.
"""

import unicodedata
from collections.abc import Sequence

from harness.contracts import MetricCard
from reports import words
from reports.load import Run
from reports.notes import RELATED, notes
from reports.rank import SPEED, Board, Cell, Row

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "·": r"$\cdot$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "↔": r"$\leftrightarrow$",
    "∞": r"$\infty$",
    "’": "'",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "δ": r"$\delta$",
    "λ": r"$\lambda$",
    "σ": r"$\sigma$",
    "ρ": r"$\rho$",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "\u00a0": "~",
}
# pdfLaTeX's usual fonts have no straight quotes: characters of the typewriter font stand in.
_SPECIAL |= {'"': r"{\ttfamily\char34}", "`": r"{\ttfamily\char96}"}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}


def text(value: str) -> str:
    """Escape a text of the results so that LaTeX prints it as it is, on one line."""
    return "".join(_letter(letter) for letter in value.replace("\n", " "))


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if " " <= letter <= "~":
        return letter
    parts = unicodedata.normalize("NFD", letter)
    if len(parts) == 2 and parts[0].isascii() and parts[0].isalpha() and parts[1] in _ACCENTS:
        base = {"i": r"\i", "j": r"\j"}.get(parts[0], parts[0])
        return f"\\{_ACCENTS[parts[1]]}{{{base}}}"
    return f"[U+{ord(letter):04X}]"


def latex(run: Run, board: Board) -> str:
    """Return the table with its caption; competing rows, a rule, the controls."""
    columns = list(board.columns)
    rows = [*board.competing, *board.controls]
    best = [_lines(board, r, columns, words.place(r.places)) for r in board.competing]
    controls = [_lines(board, r, columns, "") for r in board.controls]
    body = [*best, [r"\midrule"], *controls] if best and controls else [*best, *controls]
    return "\n".join(
        [
            f"% {_comment(run.record.name)}: made from results.csv by python -m harness.report",
            *([f"% {_comment(r.name)}" for r in rows if not r.name.isascii()]),
            r"\begin{table*}[t]",
            r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{_caption(run, board)}}}",
            rf"\begin{{tabular}}{{ll{'r' * len(columns)}}}",
            r"\toprule",
            " & ".join(["", "Method", *(_heading(c) for c in columns)]) + r" \\",
            " & ".join(["", "", *(_under(c) for c in columns)]) + r" \\",
            r"\midrule",
            *(line for lines in body for line in lines),
            r"\bottomrule",
            r"\end{tabular}",
            rf"\par\smallskip\parbox{{\linewidth}}{{\tiny {_notes(run, board)}}}",
            r"\end{table*}",
            "",
        ]
    )


def _lines(board: Board, row: Row, columns: Sequence[MetricCard], place: str) -> list[str]:
    cells = [row.cells.get(card.name) for card in columns]
    places = [board.decimals(card.name) for card in columns]
    values = [_value(c, p) for c, p in zip(cells, places, strict=True)]
    under = [_interval(c, p) for c, p in zip(cells, places, strict=True)]
    given = text(words.params(row.params)) if row.params else ""
    return [
        " & ".join([text(place), text(row.name), *values]) + r" \\",
        " & ".join(["", rf"{{\tiny {given}}}" if given else "", *under]) + r" \\[2pt]",
    ]


def _value(cell: Cell | None, places: int) -> str:
    if cell is None:
        return "--"
    value = text(words.fixed(cell.value, places) + (RELATED if cell.related else ""))
    return rf"\textbf{{{value}}}" if cell.best else value


def _interval(cell: Cell | None, places: int) -> str:
    if cell is None:
        return ""
    said = [words.interval(cell.low, cell.high, places)]
    if cell.unscored:
        said.append(words.coverage(cell.n, cell.unscored))
    return rf"{{\tiny {text(' '.join(part for part in said if part))}}}"


def _heading(card: MetricCard) -> str:
    return text(f"{card.title} {words.arrow(card)}")


def _under(card: MetricCard) -> str:
    marks = [] if card.comparable or card.name in SPEED else ["‡"]
    said = [card.unit, *marks]
    return text(" ".join(part for part in said if part))


def _caption(run: Run, board: Board) -> str:
    clips = len(run.clips)
    who = f" of {board.speakers} speakers" if board.speakers else ""
    state = "" if run.record.complete else "PARTIAL RUN. "
    return text(
        f"{state}{run.record.name}: {clips} test clips{who}, 95 % intervals. Bold: best by the tests."
    )


def _notes(run: Run, board: Board) -> str:
    said = [
        f"{n.mark}{' ' if len(n.mark) == 1 else ': '}{n.text}" if n.mark else n.text
        for n in notes(run, board)
    ]
    return text(" ".join(said))


def _comment(value: str) -> str:
    return " ".join(value.split())
