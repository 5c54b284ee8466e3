"""Intervals of metric-human agreement, against a truth that is known."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.contracts import MetricCard
from reports.study.agreement import MetricAgreement, agreements, by_preference
from reports.study.judgements import Choices
from tests.study.draws import STRENGTHS, Design, draw

CARD = MetricCard("m", "M", "", True, (0.0, 1.0), "none", "", "", False)
# The metric takes the third method for better than the second: rho is 0.8.
MEANS = np.array([1.0, 0.2, 0.5, -1.0])


def run_with(choices: Choices, values: NDArray[np.float64]) -> Any:
    """Return what agreement looks at of a run: one metric's values per clip, and their means."""
    rows = [
        {"metric": "m", "method": t.method, "trial": t.trial, "clip": clip, "value": values[i, k]}
        for i, clip in enumerate(choices.cast.clips)
        for k, t in enumerate(choices.cast.methods)
    ]
    table = pd.DataFrame(rows)
    means = table.groupby(["metric", "method", "trial"], as_index=False)["value"].mean()
    return SimpleNamespace(results=means, per_clip=table, record=SimpleNamespace(metrics={"m": CARD}))


def held(rng: np.random.Generator, design: Design) -> MetricAgreement:
    choices = draw(rng, design)
    values = MEANS + rng.normal(0, 0.8, (design.clips, len(MEANS)))
    (found,) = agreements(run_with(choices, values), choices, by_preference(choices, STRENGTHS))
    return found


def test_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(9)
    design = Design(30, 18)
    truth = np.mean(
        [held(rng, replace(design, participants=400, clips=400)).accuracy.value for _ in range(3)]
    )
    found = [held(rng, design) for _ in range(60)]
    over_clips = sum(f.accuracy.low <= truth <= f.accuracy.high for f in found)
    over_methods = sum(f.spearman.low <= 0.8 + 1e-9 and f.spearman.high >= 0.8 - 1e-9 for f in found)
    assert over_clips >= 51 and over_methods >= 54
    assert np.mean([f.accuracy.high - f.accuracy.low for f in found]) < 0.2
