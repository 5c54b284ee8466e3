"""Simulated people with known preferences take a whole study over HTTP: what they like is what is found."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare

from harness.study.votes import Assignment, Trial, Vote, read_assignments, read_votes
from reports.study import bradley_terry
from reports.study.judgements import Choices, cast_of, choices
from reports.study.sides import side_bias
from tests.study.site import METHODS, Site
from tests.study.voters import Crowd

Begin = Callable[..., Site]
LIKED = (1.4, -1.2, -0.5, 0.7, 0.1)
CROWD = Crowd({Trial(*method): liked for method, liked in zip(METHODS, LIKED, strict=True)}, clip_sd=0.0)


def held(site: Site, crowd: Crowd, people: int) -> list[Vote]:
    """Let people take the study, one after another, and return all votes."""
    rng = np.random.default_rng(5)
    client = site.client()
    for number in range(people):
        client.cookies.clear()
        person = replace(site.person(), client=client)
        item = person.consent()
        mine = {a.place: a for a in own_assignments(site)}
        while item["state"] == "item":
            shown = mine[item["place"]]
            assert shown.right is not None
            answer = crowd.choose(rng, number, shown.sample, shown.left, shown.right)
            item = person.answer(item, answer)
    return read_votes(site.url)


def own_assignments(site: Site) -> Iterator[Assignment]:
    """Return those of the newest participant."""
    found = read_assignments(site.url)
    newest = max(a.participant for a in found)
    return (a for a in found if a.participant == newest)


def preferences(votes: list[Vote]) -> Choices:
    return choices(votes, "preference", cast_of(votes, [Trial(*m) for m in METHODS]))


@pytest.mark.slow
def test_two_hundred_people_are_understood(begin_site: Begin) -> None:
    site = begin_site(questions=["preference"], participants=300)
    votes = held(site, CROWD, 200)
    found = preferences(votes)
    assert len(found) == 200 * 6
    strengths = bradley_terry.strengths(found)
    order = np.argsort([v.value for v in strengths.values]).tolist()
    assert order == np.argsort(LIKED).tolist()
    pairs = Counter(
        tuple(sorted(pair)) for pair in zip(found.left.tolist(), found.right.tolist(), strict=True)
    )
    assert len(pairs) == 10 and chisquare(list(pairs.values())).pvalue > 0.01
    firsts = Counter(found.left.tolist())
    assert chisquare(list(firsts.values())).pvalue > 0.01
    assert side_bias(found).p > 0.01


@pytest.mark.slow
def test_people_who_lean_to_the_left_are_noticed(begin_site: Begin) -> None:
    site = begin_site(questions=["preference"], participants=300)
    bias = side_bias(preferences(held(site, replace(CROWD, side=0.8), 60)))
    assert bias.p < 0.01 and bias.share.value > 0.5
