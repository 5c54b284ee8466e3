"""Balanced orders: Williams's designs, in which each thing stands once in each place and follows each other.

Williams, "Experimental designs balanced for the estimation of residual effects of treatments", 1949.
"""


def williams(count: int) -> list[list[int]]:
    """Return the rows of a Williams design of 0..count-1: `count` rows if even, twice as many if odd.

    Over all rows each thing stands in each place equally often, and directly follows each other thing equally
    often (once if `count` is even, twice if odd).
    """
    first = [0]
    low, high = 1, count - 1
    while len(first) < count:
        first.append(low if len(first) % 2 else high)
        low, high = (low + 1, high) if len(first) % 2 == 0 else (low, high - 1)
    rows = [[(thing + shift) % count for thing in first] for shift in range(count)]
    return rows if count % 2 == 0 else rows + [row[::-1] for row in rows]
