"""How many participants a study needs, before it starts.

    python -m harness.study.power --preference 0.6 --participants 30 --pairs 20

The question is whether people prefer one method to another: their share of decided votes is tested against
50 % by Student's t over participants, as the report does. With n participants of k pairs each, and a share
`ties` of "no difference", the share found varies by

    v = sd^2 / n + (p (1 - p) - sd^2) / (n k (1 - ties))

where sd is how far participants' own preferences lie about p: people differ, so many pairs of few people
tell less than few pairs of many. Power is that of the noncentral t with n - 1 degrees of freedom. Not done
here: the spread of clips, which more participants cannot mend; use at least a dozen clips. Several pairs of
methods share the k pairs of a participant: give k for one of them.
Exit codes: 0 printed; 2 a plan that is none.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from math import nan, sqrt

from scipy.optimize import brentq
from scipy.special import stdtrit
from scipy.stats import nct

from harness.command import ended
from harness.types import BadInput

_MOST_PARTICIPANTS = 100_000


@dataclass(frozen=True)
class Plan:
    """A study of two methods.

    preference: the share of decided votes for the better one, above 0.5 and below 1. pairs: of these two
    methods per participant. ties: share of "no difference". participant_sd: of participants' own
    preferences, on the same scale; 0.1 is usual, 0 a crowd of one mind. level: of the two-sided test.
    """

    preference: float = 0.6
    participants: int = 30
    pairs: int = 20
    ties: float = 0.2
    participant_sd: float = 0.1
    level: float = 0.05

    def __post_init__(self) -> None:
        limits: dict[str, tuple[float, str, bool]] = {
            "preference": (self.preference, "above 0.5 and below 1", 0.5 < self.preference < 1),
            "participants": (self.participants, "2 or more", self.participants >= 2),
            "pairs": (self.pairs, "1 or more", self.pairs >= 1),
            "ties": (self.ties, "at least 0 and below 1", 0 <= self.ties < 1),
            "participant-sd": (
                self.participant_sd,
                "at least 0 and below sqrt(p (1 - p))",
                0 <= self.participant_sd < sqrt(self.preference * (1 - self.preference)),
            ),
            "level": (self.level, "above 0 and below 1", 0 < self.level < 1),
        }
        for name, (value, wanted, kept) in limits.items():
            if not kept:
                raise BadInput(f"--{name} {value:g}: must be {wanted}")


def error(plan: Plan) -> float:
    """Return the standard error of the share of decided votes for the better method."""
    own = plan.participant_sd**2
    within = plan.preference * (1 - plan.preference) - own
    votes = plan.participants * plan.pairs * (1 - plan.ties)
    return sqrt(own / plan.participants + within / votes)


def power(plan: Plan) -> float:
    """Return the chance that the study finds the preference, in [level, 1]."""
    degrees = plan.participants - 1
    limit = float(stdtrit(degrees, 1 - plan.level / 2))
    apart = (plan.preference - 0.5) / error(plan)
    return float(nct.sf(limit, degrees, apart) + nct.cdf(-limit, degrees, apart))


def participants_for(plan: Plan, wanted: float) -> int:
    """Return the fewest participants that reach a power. Raises BadInput where 100,000 do not."""
    low, high = 2, 2
    while power(replace(plan, participants=high)) < wanted:
        low, high = high, 2 * high
        if high > _MOST_PARTICIPANTS:
            raise BadInput(f"--preference {plan.preference:g}: too near to 0.5 for any study to find")
    while low < high:
        middle = (low + high) // 2
        enough = power(replace(plan, participants=middle)) >= wanted
        low, high = (low, middle) if enough else (middle + 1, high)
    return high


def preference_for(plan: Plan, wanted: float) -> float:
    """Return the weakest preference that the plan finds with a power; NaN where it finds none."""
    most = 0.5 + sqrt(0.25 - plan.participant_sd**2) - 1e-6

    def over(preference: float) -> float:
        return power(replace(plan, preference=preference)) - wanted

    return float(brentq(over, 0.5 + 1e-6, most)) if over(most) > 0 else nan


def advice(plan: Plan) -> str:
    """Return what the plan finds and what it would need, as plain text."""
    lines = [
        f"{plan.participants} participants, {plan.pairs} pairs each, {plan.ties:.0%} no difference, "
        f"participants' spread {plan.participant_sd:g}:",
        f"  a preference of {plan.preference:.0%} is found with a power of {power(plan):.0%}",
        f"  with a power of 80 % a preference of {preference_for(plan, 0.8):.1%} is found, or stronger",
        "",
        f"Participants to find {plan.preference:.0%}:",
        "  pairs each    power 80 %    power 90 %",
    ]
    for pairs in sorted({5, 10, 20, 40, plan.pairs}):
        fewest = [participants_for(replace(plan, pairs=pairs), wanted) for wanted in (0.8, 0.9)]
        lines.append(f"  {pairs:10d}    {fewest[0]:10d}    {fewest[1]:10d}")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the advice; 2 where the plan is none."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.study.power",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    usual = Plan()
    parser.add_argument(
        "--preference", type=float, default=usual.preference, help="share for the better method"
    )
    parser.add_argument("--participants", type=int, default=usual.participants)
    parser.add_argument("--pairs", type=int, default=usual.pairs, help="of two methods, per participant")
    parser.add_argument("--ties", type=float, default=usual.ties, help='share of "no difference"')
    parser.add_argument(
        "--participant-sd",
        type=float,
        default=usual.participant_sd,
        help="spread of people's own preferences",
    )
    parser.add_argument("--level", type=float, default=usual.level, help="of the two-sided test")
    options = parser.parse_args(arguments)
    return ended(lambda: _advise(Plan(**vars(options))))


def _advise(plan: Plan) -> int:
    print(advice(plan))
    return 0


if __name__ == "__main__":
    sys.exit(main())
