"""The table of generation's speed: one measured line, and what is refused."""

import pytest
import torch

from harness.types import BadInput
from methods.bench import generation


def test_a_line_is_measured_with_untrained_weights() -> None:
    threads = torch.get_num_threads()
    try:
        line = generation.measured("cvae:tiny", None)
    finally:
        torch.set_num_threads(threads)
    assert line.live and line.side == 64
    assert 0 < line.low <= line.fps <= line.high and line.real_time == line.fps / 25
    assert line.first_frame_ms > 172.5
    table = generation.markdown([line]).splitlines()
    assert len(table) == 3 and table[2].startswith("| cvae:tiny | 64 | ")


@pytest.mark.parametrize("name", ["cvae", "cvae:huge", "still:tiny", "cvea:tiny"])
def test_what_cannot_be_measured_is_named(name: str) -> None:
    with pytest.raises(BadInput, match=name.partition(":")[0]):
        generation.measured(name, None)
