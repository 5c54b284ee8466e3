"""A job from a module that loads next to nothing: a worker that ran it took what the job took."""

import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class WhoAmI:
    """Tells which process does the work, which takes some megabytes."""

    def open(self) -> Callable[[int], int]:
        """See Job."""

        def one(megabytes: int) -> int:
            b"1" * megabytes * 2**20
            return os.getpid()

        return one
