"""What generating a clip costs: frames/s, how late the first frame is, memory; and the cards that say so.

Measured while a sweep generates, on the clips that are wanted anyway: a method that answers arriving sound
makes one frame more, any other nothing. They are times and sizes of one machine, and compared on no other.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from harness.contracts import MetricCard

T = TypeVar("T")

NAMES = ("fps", "first_frame_ms", "peak_mb")

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"  # proc_pid_clear_refs(5): the peak begins anew at what is resident now


def cards(hardware: dict[str, Any]) -> dict[str, MetricCard]:
    """Return the cards of NAMES, with the machine that run.json's `hardware` names."""
    machine = f"{hardware['machine']}, {hardware['cores']} cores; a machine's own, so it varies"
    told = {
        "fps": (
            "Generation speed",
            "frames/s",
            True,
            "one worker, one core or GPU, one clip at a time, without encoding; 25 are real time",
        ),
        "first_frame_ms": (
            "First frame",
            "ms",
            False,
            "from the first sample of the sound, played as it is spoken, to the first frame: the sound that "
            "the method must hear first, and its time; where that is the whole recording, to the whole clip",
        ),
        "peak_mb": (
            "Peak memory",
            "MB",
            False,
            "highest resident memory of the worker while it makes one clip, with all that it has loaded",
        ),
    }
    return {
        name: MetricCard(
            name=name,
            title=title,
            unit=unit,
            higher_is_better=higher,
            range=(0.0, float("inf")),
            backbone="none",
            variant=f"{protocol}; {machine}",
            paper="",
            comparable=False,
        )
        for name, (title, unit, higher, protocol) in told.items()
    }


def with_peak(run: Callable[[], T]) -> tuple[T, float | None]:
    """Return what `run` returns and this process's highest resident memory meanwhile, in MB of 10^6 bytes.

    None where the system does not let a process begin its peak anew, as only Linux does.
    """
    try:
        _CLEAR.write_text(_FORGET_PEAK)
    except OSError:
        return run(), None
    made = run()
    peak = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
    return made, None if peak is None else int(peak[1]) * 1024 / 1e6
