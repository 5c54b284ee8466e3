"""The only place where a name becomes a method, a metric or a corpus reader: "cvae" -> methods/cvae.py.

Loaded lazily, found by file name; a dotted name ("package.module") is a module of the user's own.
"""

from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, cast

from harness.contracts import Method, Metric
from harness.types import BadInput


def method(name: str) -> type[Method]:
    """Return METHOD of methods/<name>, or of the module `name` if it has a dot."""
    return cast(type[Method], _load("methods", name, "METHOD"))


def metric(name: str) -> type[Metric]:
    """Return METRIC of metrics/<name>, or of the module `name` if it has a dot."""
    return cast(type[Metric], _load("metrics", name, "METRIC"))


def names(package: str) -> list[str]:
    """Return the names that `package` ("methods", "metrics", "harness.datasets") holds, sorted."""
    spec = find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    found = [m.name for m in iter_modules([str(Path(f)) for f in folders])]
    helpers = {"nets", "features", "bench", "aggregate"}
    return sorted(n for n in found if n not in helpers and not n.startswith("_"))


def nearest(name: str, known: list[str]) -> str:
    """Return a hint such as `did you mean "psnr"? known: ...`."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return (f'did you mean "{close[0]}"? ' if close else "") + f"known: {', '.join(known)}"


def require_metric(name: str) -> None:
    """Raise BadInput when there is no such metric, without importing those of this project, which is slow."""
    if "." in name:
        metric(name)
    _require("metrics", name)


def _require(package: str, name: str) -> None:
    if "." not in name and name not in names(package):
        raise BadInput(f'no {package[:-1]} "{name}": {nearest(name, names(package))}')


def _load(package: str, name: str, export: str) -> Any:
    _require(package, name)
    path = name if "." in name else f"{package}.{name}"
    try:
        module = import_module(path)
    except ModuleNotFoundError as error:
        if error.name is not None and path.startswith(error.name):
            raise BadInput(f'no module "{path}": is its package installed or on PYTHONPATH?') from error
        raise
    if not hasattr(module, export):
        raise BadInput(
            f"{module.__file__}: no {export} in it; a {package[:-1]} module exports its class as that"
        )
    return getattr(module, export)
