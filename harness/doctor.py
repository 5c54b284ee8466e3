"""Look at this machine and say what of the harness will work here, and what to do for the rest.

    python -m harness.doctor           # for a person: what is here, what works, what lacks and how to get it
    python -m harness.doctor --json    # the same for a program

Nothing is downloaded, trained or left running. Exit codes: 0 the default sweep, tests and evaluation of clips
work here (what else lacks is said); 1 they do not, and the lines marked NO say why; 2 bad input.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.health.finding import Finding

_MARKS = {"ok": "ok", "note": " -", "lacks": "no", "broken": "NO"}
_LEGEND = "ok: here   no: not here, and not needed for the default   NO: nothing runs without it"


def main(arguments: list[str] | None = None) -> int:
    """Print the findings; return the exit code."""
    options = _parser().parse_args(arguments)
    if options.weights is not None and not options.weights.is_dir():
        print(f"--weights {options.weights} is not a folder", file=sys.stderr)
        return 2
    if not 0 < options.port < 65536:
        print(f"--port {options.port}: a port is 1 to 65535", file=sys.stderr)
        return 2
    try:
        # What the looks themselves need may be missing, which is the first thing to say.
        from harness.health import examine
    except ImportError as error:
        print(f"NO {error.name}: not installed ({error}); run make setup, or pip install --editable .")
        return 1
    findings = examine(options.weights, options.port, start_ray=not options.no_ray)
    broken = [finding for finding in findings if finding.state == "broken"]
    if options.json:
        print(json.dumps({"works": not broken, "findings": [asdict(f) for f in findings]}, indent=2))
    else:
        print(told(findings))
    return 1 if broken else 0


def told(findings: "list[Finding]") -> str:
    """Return the findings for a person, by topic, with a closing line."""
    lines = [_LEGEND]
    for topic in dict.fromkeys(f.topic for f in findings):
        lines += ["", topic]
        for found in (f for f in findings if f.topic == topic):
            lines.append(f"  {_MARKS[found.state]} {found.name}: {found.found}")
            if found.remedy and found.state != "ok":
                lines.append(f"        -> {found.remedy}")
    broken = [f.name for f in findings if f.state == "broken"]
    lacking = [f.name for f in findings if f.state == "lacks" and f.topic == "What works here"]
    lines.append("")
    lines.append(
        f"The harness will not run here until this is mended: {', '.join(broken)}."
        if broken
        else "The default sweep, the tests and the evaluation of clips work here."
    )
    if lacking:
        lines.append(f"Not here yet: {', '.join(lacking)}.")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness.doctor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print JSON: works, and a list of findings")
    parser.add_argument(
        "--weights", type=Path, metavar="DIR", help="folder of pretrained files, searched first"
    )
    parser.add_argument("--port", type=int, default=8000, help="port that harness.serve would take (8000)")
    parser.add_argument("--no-ray", action="store_true", help="do not try to start Ray, which takes seconds")
    return parser


if __name__ == "__main__":
    sys.exit(main())
