"""What must be said beside the numbers: marks and their footnotes, what controls show, the run in short."""

from dataclasses import dataclass
from pathlib import Path

from harness.contracts import MetricCard
from harness.types import LEVELS
from reports.load import Run, Trial
from reports.rank import CONTROLS, HUMAN, LEAST_COVERAGE, SPEED, Board, Row, is_out_of_domain
from reports.words import duration, title

RELATED = "†"
NOT_COMPARABLE = "‡"
OUT_OF_DOMAIN = "out of domain"
PEOPLE = "people"
FEW = "small sample"

ENOUGH_SPEAKERS = 8
"""From as many speakers on intervals and tests are shown to hold, by simulation."""


@dataclass(frozen=True)
class Note:
    """A footnote; `mark` is empty where it belongs to the table as a whole."""

    mark: str
    text: str


@dataclass(frozen=True)
class Fact:
    """One figure of the run's summary."""

    name: str
    value: str
    detail: str = ""


def marks(run: Run, card: MetricCard) -> list[str]:
    """Return the marks that a metric's column carries on this run's corpus."""
    if card.family == HUMAN:
        return [PEOPLE]
    found = [] if card.comparable else [NOT_COMPARABLE]
    return [*found, OUT_OF_DOMAIN] if is_out_of_domain(run, card) else found


def notes(run: Run, board: Board) -> list[Note]:
    """Return the footnotes of the ranked table."""
    return [
        *_few(board),
        *_rule(board),
        *_seeds(board),
        *_without_value(board),
        *_related(board),
        *_without_emotion(run, board),
        *_video_to_video(run, board),
        *_not_comparable(run, board),
        *_out_of_domain(run, board),
        *_people(board),
    ]


def meaning(run: Run, row: Row) -> str:
    """Return what a control shows; a control of the user's own is described by its card's title."""
    if row.card.name == "shifted_audio" and (frames := _shift(run, row)) is not None:
        return f"sound early by {frames} frames"
    return CONTROLS.get(row.card.name, row.card.title)


def facts(run: Run, board: Board) -> list[Fact]:
    """Return the run in a few figures, for the head of a page."""
    clips = run.clips
    speakers = len(set(clips["speaker"]) - {""})
    emotions = len(set(clips["emotion"]) - {""})
    levels = len(set(clips["level"]) & set(LEVELS))
    failed = failed_trials(run)
    swept = run.record.kind == "sweep"
    trials = Fact("Trials", str(len(board.competing)), f"{len(failed)} failed" if failed else "none failed")
    return [
        _lead(board),
        trials if swept else Fact("Methods", str(len(board.competing)), "clips as given"),
        Fact("Test clips" if swept else "Clips", str(len(clips)), _count(speakers, "speaker")),
        Fact("Emotions", str(emotions), _count(levels, "level") if levels else ""),
        Fact("Corpus" if swept else "Reference", *_corpus(run)),
        Fact("Backbones", run.record.backbones, _picture(run) if swept else f"faces: {run.record.faces}"),
        Fact("Time", duration(_seconds(run)), "all phases"),
    ]


def _lead(board: Board) -> Fact:
    """Return who leads: a row that the tests put first, or a tie of those that may be."""
    if not board.competing:
        return Fact("Leads", "none", "")
    first = board.competing[0]
    if len(board.competing) == 1:
        return Fact("Competes", first.name, "alone")
    if first.places == (1, 1):
        return Fact("Leads", first.name, "by the tests")
    tied = sum(row.places[0] == 1 for row in board.competing)
    if tied == len(board.competing):
        return Fact("Leads", "a tie of all", "no test tells rows apart")
    return Fact("Leads", f"a tie of {tied}", f"{first.name} has the best mean rank")


def _corpus(run: Run) -> tuple[str, str]:
    digest = run.record.split.hash[:12]
    if run.record.kind == "sweep":
        return run.record.reader, f"split {digest}"
    return Path(str(run.record.config["reference"])).name, f"contents {digest}"


def _picture(run: Run) -> str:
    return f"reference picture: {run.record.reference.get('policy', 'unknown')}"


def failed_trials(run: Run) -> list[Trial]:
    """Return the trials that ended without a result."""
    return [t for t in run.record.trials if t.status == "failed"]


def partial(run: Run, board: Board) -> str | None:
    """Return the warning of a partial run, None for a whole one."""
    if run.record.complete:
        return None
    done = f"{len(board.competing)} of {len(run.record.trials)} trials have a result"
    return f"The run did not finish ({done}). Ranks will change; finish it with --resume."


def few(board: Board) -> str | None:
    """Return the warning of a run with few speakers, or none that are known; None where there are enough."""
    if board.speakers == 0:
        return (
            "Speakers are not known for every clip: intervals and tests are over clips as if each were "
            "another's, and say nothing of other speakers. Name them in clips' labels."
        )
    if board.speakers == 1:
        return (
            "One speaker: intervals and tests are over the clips of this one, there is no interval over "
            "speakers, and nothing here is said of others."
        )
    if board.speakers >= ENOUGH_SPEAKERS:
        return None
    return (
        f"{board.speakers} speakers are few: intervals are wide, only large differences can be told from "
        f"chance, and what is told trusts that speakers' differences are bell-shaped. Test on "
        f"{ENOUGH_SPEAKERS} or more."
    )


def _few(board: Board) -> list[Note]:
    warning = few(board)
    return [Note(FEW, warning)] if warning else []


def _rule(board: Board) -> list[Note]:
    names = ", ".join(card.title for card in board.ranked_by)
    speeds = [c.title for c in board.columns if c.name in SPEED]
    unranked = [c.title for c in board.columns if c not in board.ranked_by and c.name not in SPEED]
    shown = [*speeds, *unranked]
    apart = f" Shown but not ranked: {', '.join(shown)}." if shown else ""
    drawn = "speakers" if board.speakers > 1 else "clips"
    sets = " (of whole sets: over clips, and not tested below 5 speakers)" if 1 < board.speakers < 5 else ""
    return [
        Note(
            "",
            f"Order: on each of {names}, the competing rows are ranked (1 = best, ties share the mean "
            "of their ranks, a row without a value ranks with the worst); the mean rank over these metrics "
            f"orders the table. Controls are not ranked.{apart}",
        ),
        Note(
            "",
            "Places, ranks and what is marked best are what tests can tell apart: paired over the clips that "
            f"both rows scored, signs flipped by {drawn} (by Student's t where these are too few for signs, "
            "and for metrics of whole sets), corrected by Holm's rule over all pairs of rows on one metric, "
            "at .05. A range such as 1–3 is a tie. Best: the leading value, where it is better "
            "than another row's, and those that no test tells from the lead but from another row.",
        ),
        Note(
            "",
            f"Brackets hold the 95 % interval over {drawn}{sets}, n the clips scored. A value of which fewer "
            f"than {100 * LEAST_COVERAGE:.0f} % of the clips are scored is not shown.",
        ),
    ]


def _seeds(board: Board) -> list[Note]:
    rows = [r for r in board.competing if r.seeds]
    if not rows:
        return []
    names = ", ".join(f"{r.name} ({', '.join(str(s) for s in r.seeds)})" for r in rows)
    return [
        Note(
            "",
            f"Several seeds: {names}. Values are means over seeds, ± is the spread between them (SD); "
            "intervals and tests hold for these seeds. Stages that trials share were trained once. Films, "
            "frames and what judges took clips for are the first seed's.",
        )
    ]


def _without_value(board: Board) -> list[Note]:
    """Return why whole columns of a row have no value though its clips were scored."""
    rows: dict[tuple[str, str], list[str]] = {}
    for card in board.columns:
        for row in (*board.competing, *board.controls):
            cell = row.cells.get(card.name)
            if cell is not None and cell.reason:
                rows.setdefault((cell.reason, title(card)), []).append(row.name)
    columns: dict[tuple[str, str], list[str]] = {}
    for (reason, column), names in rows.items():
        columns.setdefault((reason, ", ".join(names)), []).append(column)
    return [
        Note("", f"No value ({names}). {', '.join(found)}: {reason}")
        for (reason, names), found in columns.items()
    ]


def _related(board: Board) -> list[Note]:
    unknown = [row.name for row in board.competing if row.card.trained_against is None]
    if unknown:
        return [
            Note(
                "",
                f"What {', '.join(unknown)} trained against is not known here: a method that trained against "
                "a relative of a judge (a sync expert, an emotion or a perceptual network) may flatter it.",
            )
        ]
    cells = [c for row in board.competing for c in row.cells.values()]
    if not any(c.related for c in cells):
        return []
    text = "The judge is a relative of a network that this method trains against: the value may flatter it."
    return [Note(RELATED, text)]


def _without_emotion(run: Run, board: Board) -> list[Note]:
    """Return which methods cannot be told an emotion: their emotion scores are their voice's doing alone."""
    rows = board.competing if run.record.kind == "sweep" else []
    deaf = sorted({row.method for row in rows if "emotion" not in row.card.conditions})
    if not deaf:
        return []
    return [
        Note(
            "",
            f"No emotion control: {', '.join(deaf)}. The label asked for is not given to it; its emotion "
            "scores show what voice and reference picture brought.",
        )
    ]


def _video_to_video(run: Run, board: Board) -> list[Note]:
    """Return which methods edited a clip, and that the others saw one picture of it."""
    editors = sorted({row.method for row in board.competing if row.card.video_to_video})
    if not editors:
        return []
    given = "was given one picture as the others were (data.reference is not source): a still, tiled"
    if run.record.reference.get("policy") == "source":
        given = (
            "edited the whole source clip that clips.csv names, played forth and back where it is shorter "
            "than the target, so the head moves as the source's does; the others were given its first frame"
        )
    return [Note("", f"Video-to-video: {', '.join(editors)} {given}.")]


def _not_comparable(run: Run, board: Board) -> list[Note]:
    names = [title(c) for c in board.columns if not (c.comparable or c.name in SPEED or c.family == HUMAN)]
    if not names:
        return []
    embedded = "These numbers come from embedded backbones. " if run.record.backbones == "embedded" else ""
    return [
        Note(
            NOT_COMPARABLE,
            f"Not comparable with published numbers: {', '.join(names)}. {embedded}They order the rows of "
            "this table and must not be set beside the figures of a paper.",
        )
    ]


def _out_of_domain(run: Run, board: Board) -> list[Note]:
    names = [title(c) for c in board.columns if is_out_of_domain(run, c)]
    if not names:
        return []
    text = (
        "The judge was trained on the embedded corpus only and this run is on other footage: the value may "
        f"mean nothing, and is not ranked: {', '.join(names)}."
    )
    return [Note(OUT_OF_DOMAIN, text)]


def _people(board: Board) -> list[Note]:
    """Return what the columns of a study are, where there was one."""
    if not any(c.family == HUMAN for c in board.columns):
        return []
    text = (
        "What people said in the study of this run (study.html), without those who broke its exclusion "
        "rules: MOS is the mean of ratings from 1 to 5; Preferred is the log-odds of being preferred, 0 the "
        "mean of the methods judged. Brackets reach over participants and clips, n counts votes. Numbers of "
        "another study cannot be set beside them. They are not ranked: metrics are held to them."
    )
    return [Note(PEOPLE, text)]


def _shift(run: Run, row: Row) -> int | None:
    """Return the shift that the sweep asked of the control, None where it left it to the method."""
    for entry in run.record.config.get("controls", []):
        if row.method in (entry.get("label"), entry.get("name")):
            given = [v for v in entry.get("config", {}).values() if type(v) is int]
            return given[0] if len(given) == 1 else None
    return None


def _seconds(run: Run) -> float:
    return sum(run.record.times.values())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
