"""From a pair to a Measurement, and from Measurements to a Score: shared by all metrics.

Every Score has a 95 % interval. A mean over clips gets one from the spread of its speakers, as clips of one
speaker are not independent; an accuracy gets Wilson's interval for as many clips as its speakers leave
independent (harness.intervals, both). Neither depends on the order of the clips. Set metrics (FID, KID),
which are no means over clips, get a delete-a-group jackknife.
"""

from collections.abc import Sequence
from math import isfinite, nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from harness.intervals import mean_interval, share_interval
from harness.types import Measurement, Pair, Score, Unscorable

DELETION_GROUPS = 10


def measurement(pair: Pair, value: float, detail: str | None = None) -> Measurement:
    """Return `value` as this pair's Measurement, with its labels; Unscorable if it is not a finite number."""
    if not isfinite(value):
        raise Unscorable(f"the score is {value}, not a finite number")
    return Measurement(
        pair.clip_id,
        value=float(value),
        speaker=pair.speaker,
        emotion=pair.emotion,
        level=pair.level,
        detail=detail,
    )


def feature_measurement(
    pair: Pair, features: dict[str, NDArray[np.float32]], detail: str | None = None
) -> Measurement:
    """Return a set metric's Measurement: features {"generated": (n, D), "reference": (n, D)}, with labels."""
    return Measurement(
        pair.clip_id,
        features=features,
        speaker=pair.speaker,
        emotion=pair.emotion,
        level=pair.level,
        detail=detail,
    )


def require_frames(pair: Pair, minimum: int) -> None:
    """Raise Unscorable, with both numbers, when the pair is shorter than `minimum` frames."""
    if pair.length < minimum:
        raise Unscorable(f"{pair.length} frames, fewer than the {minimum} that this metric needs")


def require_same_size(pair: Pair) -> None:
    """Raise Unscorable, naming both sizes, when the clips' frames differ in height or width."""
    generated, reference = (c.frames.shape[1:3] for c in (pair.generated, pair.reference))
    if generated != reference:
        sizes = " and ".join(f"{width}x{height}" for height, width in (generated, reference))
        raise Unscorable(f"generated and reference frames differ in size: {sizes} (width x height)")


def mean_score(measurements: Sequence[Measurement]) -> Score:
    """Return the unweighted mean over scored clips, with `mean_interval`; NaN when none is scored."""
    scored = scored_in_order(measurements)
    if not scored:
        return empty_score(measurements)
    values = np.array([m.value for m in scored], np.float64)
    low, high = mean_interval(values, [m.speaker for m in scored])
    return Score(float(values.mean()), low, high, len(scored), len(measurements) - len(scored))


def accuracy_score(measurements: Sequence[Measurement]) -> Score:
    """Return the percentage of right clips, with `share_interval` in percent; NaN when none is scored.

    Each scored value is 100.0 (right) or 0.0 (wrong); ValueError otherwise.
    """
    scored = scored_in_order(measurements)
    if not scored:
        return empty_score(measurements)
    wrong_kind = [m for m in scored if m.value not in (0.0, 100.0)]
    if wrong_kind:
        raise ValueError(
            f"{wrong_kind[0].clip_id}: an accuracy's value is 0 or 100, not {wrong_kind[0].value}"
        )
    right = np.array([m.value == 100.0 for m in scored], np.float64)
    low, high = share_interval(right, [m.speaker for m in scored])
    return Score(
        100.0 * float(right.mean()), 100.0 * low, 100.0 * high, len(scored), len(measurements) - len(scored)
    )


def empty_score(measurements: Sequence[Measurement]) -> Score:
    """Return the Score of a set of which nothing could be scored: NaN, n = 0."""
    return Score(nan, nan, nan, 0, len(measurements))


def scored_in_order(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Return the scored measurements by clip id, so that no result depends on the order of arrival."""
    return sorted((m for m in measurements if m.scored), key=lambda m: m.clip_id)


def deletion_groups(scored: Sequence[Measurement]) -> NDArray[np.bool_]:
    """Return (G, rows) masks of the feature rows of `scored`, clip by clip, that stay without each group.

    Where at least 5 speakers are known, whole speakers are dealt into at most 10 groups; else clips are. A
    group is left out of generated and reference rows alike, which every clip has in equal number.
    """
    speakers = [m.speaker for m in scored]
    if None not in speakers and len(set(speakers)) >= 5:
        groups = np.unique([str(s) for s in speakers], return_inverse=True)[1] % DELETION_GROUPS
    else:
        groups = np.arange(len(scored)) % DELETION_GROUPS
    row_groups = np.repeat(groups, [len(m.features["generated"]) for m in scored if m.features is not None])
    masks: NDArray[np.bool_] = row_groups != np.unique(groups)[:, None]
    return masks if len(masks) > 1 else masks[:0]


def jackknife_interval(value: float, left_out: NDArray[np.float64]) -> tuple[float, float]:
    """Return value -+ Student's t times the delete-a-group jackknife's standard error; NaN below two groups.

    left_out: (G,) the metric without each group. Chosen over a bootstrap because the repeated rows of a
    bootstrap sample lower the rank of a covariance, which Frechet distances mistake for a difference.
    """
    groups = len(left_out)
    if groups < 2:
        return nan, nan
    error = sqrt((groups - 1) / groups * float(((left_out - left_out.mean()) ** 2).sum()))
    half = float(stdtrit(groups - 1, 0.975)) * error
    return value - half, value + half
