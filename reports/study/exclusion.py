"""Whose answers do not count: the rules that the study's YAML held before its first participant, applied.

Nothing is deleted: the raw results keep everybody, the cleaned ones leave out who broke a rule, and both
stand. Leaving before the end breaks no rule but `answered`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.study.votes import Facts, Participant, Vote

_FEWEST_SIDES = 10


def excluded(
    people: Sequence[Participant], votes: Iterable[Vote], rules: Mapping[str, Any]
) -> dict[int, tuple[str, ...]]:
    """Return, by participant id, the rules that each one broke; nobody else is in it.

    rules: `exclude` of the study's config; None asks for nothing.
    """
    sides = Counter(v.assignment.participant for v in votes if _chose_a_side(v))
    broken = {person.id: broken_rules(person.facts, sides[person.id], rules) for person in people}
    return {person: reasons for person, reasons in broken.items() if reasons}


def broken_rules(facts: Facts, sides: int, rules: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the rules that a participant broke, in words. sides: how many preferences chose a side."""
    found = []
    for name, what in (("attention", "attention checks"), ("gold", "gold pairs")):
        limit, failed = rules[f"{name}_failed"], getattr(facts, f"{name}_failed")
        if limit is not None and failed > limit:
            found.append(f"failed {failed} of {getattr(facts, f'{name}_asked')} {what}, allowed {limit}")
    if (limit := rules["seconds_median"]) is not None and facts.seconds_median < limit:
        found.append(f"judged in {facts.seconds_median:.1f} s (median), at least {limit:g} s wanted")
    limit = rules["same_side_share"]
    if limit is not None and sides >= _FEWEST_SIDES and facts.same_side_share > limit:
        found.append(f"chose one side {facts.same_side_share:.0%} of the time, at most {limit:.0%} allowed")
    if (limit := rules["answered"]) is not None and facts.answered < limit:
        found.append(f"judged {facts.answered}, at least {limit} wanted")
    return tuple(found)


def rules_in_words(rules: Mapping[str, Any]) -> list[str]:
    """Return the rules that are in force, as a reader of the page is told them."""
    words = {
        "attention_failed": "more than {:g} failed attention checks",
        "gold_failed": "more than {:g} failed gold pairs",
        "seconds_median": "a median judgement faster than {:g} s",
        "same_side_share": "one side in more than {:.0%} of ten or more choices",
        "answered": "fewer than {:g} judgements",
    }
    return [text.format(rules[name]) for name, text in words.items() if rules[name] is not None]


def _chose_a_side(vote: Vote) -> bool:
    return vote.assignment.kind == "pair" and vote.target == "pair" and vote.answer != "none"
