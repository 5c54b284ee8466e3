"""The arithmetic of a row: medians, their ratio, the spread of single rounds, and what is short."""

import pytest

from harness.bench.rows import Bar, What, alone, compared, missing
from harness.types import BadInput

WHAT = What("metrics", "psnr", "frames/s", "somebody")


def test_a_ratio_is_of_the_medians_and_its_spread_of_single_rounds() -> None:
    row = compared(WHAT, [10.0, 20.0, 90.0], [10.0, 5.0, 9.0], Bar(2))
    assert (row.ours, row.theirs, row.n) == (20.0, 9.0, 3)
    assert row.ratio == pytest.approx(20 / 9)
    assert (row.low, row.high) == (1.0, 10.0)
    assert row.met is True and row.bar == "ratio at least 2" and not row.fell_short


def test_a_ratio_below_its_bar_is_short_and_one_without_a_bar_is_not() -> None:
    assert compared(WHAT, [1.0], [1.0], Bar(1.01)).fell_short
    assert compared(WHAT, [1.0], [1.0]).met is None
    assert not compared(WHAT, [1.0], [9.0]).fell_short


def test_rounds_take_turns_so_both_sides_have_as_many() -> None:
    with pytest.raises(ValueError):
        compared(WHAT, [1.0, 2.0], [1.0])
    with pytest.raises(BadInput, match="psnr: a rate of 0 frames/s"):
        compared(WHAT, [1.0], [0.0])


def test_without_a_peer_the_spread_is_of_the_figure_itself() -> None:
    row = alone(What("items", "each", "ms"), [2.0, 4.0, 3.5], Bar(3, most=True))
    assert (row.ours, row.low, row.high, row.ratio, row.peer) == (3.5, 2.0, 4.0, None, "")
    assert row.bar == "at most 3" and row.fell_short
    assert not alone(What("items", "each", "ms"), [3.0], Bar(3, most=True)).fell_short


def test_a_missing_peer_is_a_row_that_says_how_to_get_it() -> None:
    row = missing(WHAT, "somebody_else")
    assert row.ours is None and row.ratio is None and row.fell_short
    assert "somebody_else" in row.note and '".[bench]"' in row.note
