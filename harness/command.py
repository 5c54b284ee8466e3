"""How each command ends: a user's mistake is a line on stderr and exit code 2, never a stack trace.

Exit codes of all commands: 0 done; 1 done, but something failed (said, and listed); 2 bad input, nothing was
changed; 130 stopped by Ctrl-C. What is no user's mistake keeps its stack trace.
"""

import atexit
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

from harness.faults import no_room, unwritable
from harness.types import BadInput

STOPPED = 130
_PLACES = (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError)
"""What a path raises that cannot be what the command needs it to be."""


def ended(work: Callable[[], int]) -> int:
    """Return `work()`, or the exit code of what stopped it, told in a line."""
    atexit.register(gc.freeze)  # else Python looks through all of torch once more at its end: .65 s
    try:
        code = work()
        sys.stdout.flush()
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    except _PLACES as error:
        place = error.filename2 or error.filename
        said = f"{place}: {error.strerror}; give another place, or make that one usable"
        print(said, file=sys.stderr)
        return 2
    except BrokenPipeError:  # `| head` has read enough; what Python flushes at its end must go somewhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if not no_room(error):
            raise
        print(unwritable(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; a run goes on where it was with --resume", file=sys.stderr)
        return STOPPED
    return code


def folder(path: Path, option: str) -> Path:
    """Return an option's folder. Raises BadInput where it is none."""
    if not path.is_dir():
        raise BadInput(f"{option} {path} is not a folder")
    return path


def count(text: str) -> int:
    """Return an option's whole number from 1 on, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise ValueError
    return int(text)


count.__name__ = "number from 1 on"
