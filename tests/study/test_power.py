"""Sample-size advice, against studies drawn."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from harness.study import power
from harness.study.power import Plan, participants_for, preference_for
from harness.types import BadInput


def found_share(plan: Plan, times: int) -> float:
    """Return how often a drawn study of this plan finds a preference; people's own lie evenly about it."""
    rng = np.random.default_rng(0)
    half = plan.participant_sd * 3**0.5
    own = rng.uniform(plan.preference - half, plan.preference + half, (times, plan.participants))
    votes = rng.binomial(plan.pairs, 1 - plan.ties, own.shape)
    lean = rng.binomial(votes, own) - votes / 2
    # The report's test: a participant counts by their votes.
    return float(np.mean(ttest_1samp(lean, 0, axis=1).pvalue < plan.level))


@pytest.mark.parametrize(
    "plan",
    [
        Plan(0.6, 30, 20, 0.2, 0.1),
        Plan(0.55, 60, 10, 0.0, 0.0),
        Plan(0.7, 8, 12, 0.3, 0.1),
        Plan(0.58, 25, 60, 0.1, 0.2),
    ],
)
def test_power_is_how_often_a_drawn_study_finds_it(plan: Plan) -> None:
    assert power.power(plan) == pytest.approx(found_share(plan, 4000), abs=0.04)


def test_the_fewest_participants_are_just_enough() -> None:
    plan = Plan(preference=0.56)
    fewest = participants_for(plan, 0.8)
    assert (
        power.power(Plan(0.56, participants=fewest)) >= 0.8 > power.power(Plan(0.56, participants=fewest - 1))
    )
    assert power.power(Plan(preference_for(plan, 0.8))) == pytest.approx(0.8, abs=1e-6)


def test_people_who_differ_cannot_be_made_up_for_by_pairs() -> None:
    many = Plan(0.55, 10, 100_000, participant_sd=0.2)
    assert power.power(many) < 0.15


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert power.main(["--preference", "0.6", "--participants", "30", "--pairs", "20"]) == 0
    assert "power of 92%" in capsys.readouterr().out
    assert power.main(["--preference", "0.5"]) == 2
    assert "--preference 0.5: must be above 0.5 and below 1" in capsys.readouterr().err


def test_a_hopeless_preference_is_refused() -> None:
    with pytest.raises(BadInput, match="too near"):
        participants_for(Plan(0.5001), 0.8)
