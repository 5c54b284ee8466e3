"""What metrics saw over time in a few clips of each row: kept in their records, then written to traces.csv.

The clips are the first tested one of each emotion, in the order of the test set, and the same in every row:
no score has a say in it. Of a long clip its first 20 s are kept. Not done here: measuring (the metric gives
its series with its value), drawing.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.types import FPS, Traces

MOST_FRAMES = 20 * FPS
"""As many frames of a clip are kept, from its first on."""

Plain = Mapping[str, Any]
"""Traces as JSON: units (names), generated and reference (frames of values), null where there is none."""


def first_of_each_emotion(clips: Iterable[tuple[str, str | None]]) -> frozenset[str]:
    """Return the first clip of each emotion, of (clip, emotion); those without a label count as one."""
    first: dict[str | None, str] = {}
    for clip, emotion in clips:
        first.setdefault(emotion, clip)
    return frozenset(first.values())


def plain(traces: Traces) -> Plain:
    """Return traces as JSON values of four digits, which is more than any picture shows."""
    return {
        "units": list(traces.units),
        "generated": _values(traces.generated),
        "reference": _values(traces.reference),
    }


def rows(found: Mapping[str, Plain]) -> Iterator[dict[str, Any]]:
    """Give one clip's rows of traces.csv, by metric, unit and frame."""
    for metric, traces in found.items():
        for column, unit in enumerate(traces["units"]):
            sides = zip(traces["generated"], traces["reference"], strict=True)
            for frame, (generated, reference) in enumerate(sides):
                yield {
                    "metric": metric,
                    "unit": unit,
                    "frame": frame,
                    "generated": generated[column],
                    "reference": reference[column],
                }


def _values(series: NDArray[np.float32]) -> list[list[float | None]]:
    return [[float(f"{v:.4g}") if np.isfinite(v) else None for v in line] for line in series[:MOST_FRAMES]]
