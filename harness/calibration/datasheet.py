"""What a metric's scores of known faults say of it: monotone or not, smallest detectable fault, blind or not.

Rules, once for all metrics. A strength is *detected* when the mean over clips of (score of the faulty clip
less score of the same clip unfaulted) has a 95 % interval without zero (`mean_interval`, by speaker where at
least 5 are known, by clip otherwise). Set metrics (FID, KID) have no score a clip: theirs is the
95 % interval of the score itself, which must leave out the unfaulted set's. Where the unfaulted clips have no
score at all (PSNR of equal clips is infinite), a strength is detected when 95 % of the clips have one. The
*smallest detectable* fault is the weakest from which on every stronger one is detected, to the same side.
*Monotone* is Spearman's rho between strength and score of the set, the unfaulted set included.
A metric *sees* a fault that it detects with |rho| >= 0.95 in every direction; it sees it *partly* when it
detects it but not so evenly, or in one of two directions only; else it is *blind* to it, or *unscored* where
no clip has a score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from harness.intervals import mean_interval
from harness.types import Score

MONOTONE = 0.95
SCORED_SHARE = 0.95
CLUSTERS = 5

VerdictName = Literal["sees", "partly", "blind", "unscored"]

_PICTURE = frozenset({"blur", "noise", "jpeg", "h264", "reencode"})
EXPECTED = {
    "psnr": _PICTURE,
    "ssim": _PICTURE,
    "lpips": _PICTURE,
    "fid": _PICTURE - {"reencode"},
    "kid": _PICTURE - {"reencode"},
    "lse": frozenset({"audio_shift", "frame_drop", "freeze", "mouth_frozen"}),
    "av_offset": frozenset({"audio_shift"}),
    "au_mae": frozenset({"au_gain", "mouth_frozen", "wrong_emotion"}),
    "lmd": frozenset({"mouth_frozen"}),
    "emotion": frozenset({"wrong_emotion"}),
    "expression_fd": frozenset({"wrong_emotion", "au_gain", "mouth_frozen"}),
    "identity": frozenset({"identity_swap"}),
    "motion_diversity": frozenset({"freeze"}),
    "head_diversity": frozenset({"freeze"}),
    "smoothness": frozenset({"shake"}),
    "flicker": frozenset({"noise"}),
}
"""The faults that a metric is there for, by the beginning of its name; of the others nothing is expected."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Level:
    """One strength's score over the set, and its paired difference from the unfaulted clips."""

    strength: float
    score: Score
    difference: float
    low: float
    high: float
    detected: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a metric makes of a fault.

    rho: of the direction where it is weakest. clip_rho: the same within single clips, the median over them;
    NaN where clips have no scores or no strengths of their own. smallest: one a direction, None where
    nothing is detected. improves: the score gets better with the fault, so a generator may gain by it.
    """

    verdict: VerdictName
    rho: float
    clip_rho: float
    smallest: tuple[float | None, ...]
    improves: bool
    expected: bool


@dataclass(frozen=True, slots=True)
class Scored:
    """A metric's findings on one set of clips: its score, and each clip's value, NaN where there is none.

    values: (clips,), the same clips in the same order for every strength; None for a set metric. reasons: why
    clips have no score.
    """

    score: Score
    values: Floats | None
    reasons: tuple[str | None, ...] = ()


def level(strength: float, faulty: Scored, unfaulted: Scored, speakers: Sequence[str | None]) -> Level:
    """Return what one strength did; `speakers` (clips,) says who is seen in each clip."""
    if faulty.values is None or unfaulted.values is None:
        base = unfaulted.score.value
        low, high = faulty.score.ci_low - base, faulty.score.ci_high - base
        return Level(strength, faulty.score, faulty.score.value - base, low, high, excludes_zero(low, high))
    if np.isnan(unfaulted.values).all():
        share = float(np.isfinite(faulty.values).mean())
        return Level(strength, faulty.score, nan, nan, nan, share >= SCORED_SHARE)
    differences = faulty.values - unfaulted.values
    both = np.isfinite(differences)
    if not both.any():
        return Level(strength, faulty.score, nan, nan, nan, False)
    who = [s for s, kept in zip(speakers, both, strict=True) if kept]
    low, high = paired_interval(differences[both], who)
    mean = float(differences[both].mean())
    return Level(strength, faulty.score, mean, low, high, excludes_zero(low, high))


def paired_interval(differences: Floats, speakers: Sequence[str | None]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of differences (N,), by speaker where 5 are known.

    NaN for a single clip: nothing is detected in one.
    """
    known = None not in speakers and len(set(speakers)) >= CLUSTERS
    return mean_interval(differences, speakers if known else [None] * len(differences))


def excludes_zero(low: float, high: float) -> bool:
    """Return whether an interval lies wholly on one side of zero; not so for NaN."""
    return low > 0 or high < 0


def rank_correlation(values: Sequence[float]) -> float:
    """Return Spearman's rho between place and value; NaN below 3 finite values or where all are equal."""
    found = np.asarray(values, np.float64)
    finite = np.isfinite(found)
    if finite.sum() < 3 or np.ptp(found[finite]) == 0:
        return nan
    return float(spearmanr(np.flatnonzero(finite), found[finite]).statistic)


def smallest_detectable(arm: Sequence[Level]) -> float | None:
    """Return the weakest strength from which on all of an arm, weak to strong, are detected on one side.

    Strengths at which no clip has a score are left out.
    """
    found: float | None = None
    scored = [lv for lv in arm if lv.score.n]
    for lv in reversed(scored):
        same_side = np.isnan(lv.difference) or np.sign(lv.difference) == np.sign(scored[-1].difference)
        if not (lv.detected and same_side):
            break
        found = lv.strength
    return found


def judge(
    names: tuple[str, str],
    higher_is_better: bool | None,
    arms: Sequence[Sequence[Level]],
    unfaulted: Scored,
    clips: Sequence[Floats],
) -> Verdict:
    """Return the verdict over a fault's arms, each from weak to strong; `names` are metric and fault.

    clips: for each arm the values (1 + strengths, clips), the unfaulted first, or empty where clips have no
    strengths of their own.
    """
    rhos = [rank_correlation([unfaulted.score.value, *(lv.score.value for lv in arm)]) for arm in arms]
    smallest = tuple(smallest_detectable(arm) for arm in arms)
    rho = weakest(rhos)
    seen = [s is not None for s in smallest]
    verdict: VerdictName = "blind" if any(lv.score.n for arm in arms for lv in arm) else "unscored"
    if all(seen) and abs(rho) >= MONOTONE:
        verdict = "sees"
    elif any(seen):
        verdict = "partly"
    return Verdict(
        verdict,
        rho,
        weakest([_median_rho(table) for table in clips]) if clips else nan,
        smallest,
        any(s and _improves(arm, r, higher_is_better) for arm, s, r in zip(arms, seen, rhos, strict=True)),
        is_expected(*names),
    )


def is_expected(metric: str, fault: str) -> bool:
    """Return whether a metric is there to see a fault."""
    return any(metric.startswith(start) and fault in faults for start, faults in EXPECTED.items())


def weakest(rhos: Sequence[float]) -> float:
    """Return the correlation that is smallest in size; NaN if one is undefined."""
    return nan if any(np.isnan(r) for r in rhos) else min(rhos, key=abs)


def share_within(values: Floats, planted: Floats, tolerance: float = 1.0) -> float:
    """Return the share of the finite values that lie within `tolerance` of what was planted; NaN if none."""
    finite = np.isfinite(values)
    return float((np.abs(values - planted)[finite] <= tolerance).mean()) if finite.any() else nan


def _median_rho(table: Floats) -> float:
    found = [rank_correlation(list(column)) for column in table.T]
    defined = [r for r in found if not np.isnan(r)]
    return float(np.median(defined)) if defined else nan


def _improves(arm: Sequence[Level], rho: float, higher_is_better: bool | None) -> bool:
    """Return whether the strongest fault that is scored has a better score than none, or rho says so."""
    differences = [lv.difference for lv in arm if np.isfinite(lv.difference)]
    change = differences[-1] if differences else rho if abs(rho) >= MONOTONE else 0.0
    return bool(change) and bool(change > 0) == higher_is_better
