"""What CREMA-D's raters saw in a clip, as shares by emotion: soft labels.

processedResults/tabulatedVotes.csv counts the answers of about ten raters a clip, once for the voice alone,
once for the face alone and once for both together; the hundred thousands of a row's number tell which (1, 2,
3). The shares are those of both together: 3 of 10 raters who said fear are 0.3.

processedResults/summaryTable.csv names only the emotion that won that vote (`MultiModalVote`), and several,
"A:N", where it is tied. Where it is the only table, the winner has the share 1 and tied winners have equal
shares: how many raters were of another opinion is not in it. The table is read only where the counts lack.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.datasets import unread

LETTERS = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
COUNTS = "processedResults/tabulatedVotes.csv"
WINNERS = "processedResults/summaryTable.csv"

_VOICE_AND_FACE = 3
_QUERY = 100_000

Votes = dict[str, Mapping[str, float]]


def read_votes(root: Path) -> tuple[Votes, dict[str, str], tuple[str, ...]]:
    """Return the shares by clip and emotion, the tables that cannot be used, and what the shares are.

    A clip that nobody rated has none. A corpus without tables has none at all.
    """
    unusable: dict[str, str] = {}
    for name, shares, meaning in (
        (COUNTS, _counted, "votes are shares of the raters who saw and heard a clip"),
        (WINNERS, _won, "votes are the winning emotion only, equal shares where tied: it holds no counts"),
    ):
        table = root / name
        if not table.exists():
            continue
        reason = unread(table)
        if reason is None:
            try:
                return dict(shares(table)), unusable, (f"{name}: {meaning}",)
            except (KeyError, ValueError, csv.Error) as error:
                reason = f"{table}: not the table that CREMA-D publishes ({error!r}); fetch it again"
        unusable[name] = reason
    return {}, unusable, ()


def _counted(table: Path) -> Iterator[tuple[str, dict[str, float]]]:
    for row in _rows(table):
        if int(row[""]) // _QUERY != _VOICE_AND_FACE:
            continue
        counts = {emotion: int(row[letter]) for letter, emotion in LETTERS.items()}
        if total := sum(counts.values()):
            yield row["fileName"], {emotion: n / total for emotion, n in counts.items() if n}


def _won(table: Path) -> Iterator[tuple[str, dict[str, float]]]:
    for row in _rows(table):
        winners = row["MultiModalVote"].split(":")
        yield row["FileName"], {LETTERS[letter]: 1 / len(winners) for letter in winners}


def _rows(table: Path) -> Iterator[dict[str, str]]:
    with table.open(newline="", encoding="utf-8-sig") as source:
        yield from csv.DictReader(source)
