import numpy as np

from methods.nets.source import played


def test_plays_forth_and_back_without_a_jump() -> None:
    assert played(4, 0, 10).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2, 3]
    assert played(1, 0, 3).tolist() == [0, 0, 0]
    assert set(np.abs(np.diff(played(7, 0, 50)))) == {1}


def test_parts_are_those_of_the_whole() -> None:
    whole = played(5, 0, 23)
    np.testing.assert_array_equal(np.concatenate([played(5, 0, 9), played(5, 9, 14)]), whole)
