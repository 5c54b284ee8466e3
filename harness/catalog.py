"""The only place where a name becomes a method, a metric or a corpus reader: "cvae" -> methods/cvae.py.

Loaded lazily, found by file name; a dotted name ("package.module") is a module of the user's own. What is
loaded is held against its contract at once, so that a slip in it costs a line and not an hour of training.
"""

import gc
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, cast

from pydantic import BaseModel

from harness.contracts import Method, MethodCard, Metric, MetricCard
from harness.types import BadInput

ENGINE_METHODS = {"external": "harness.external"}
"""Methods that are no method of anybody's: clips from elsewhere enter a leaderboard by them."""

_METHOD_CALLS = {
    "__init__": ("config",),
    "stage_config": ("stage",),
    "run_stage": ("stage", "training", "out"),
    "fit": ("training",),
    "save": ("folder",),
    "load": ("folder",),
    "generate": ("requests",),
}
_METRIC_CALLS = {"__init__": ("setup",), "measure": ("pair",), "aggregate": ("measurements",)}


def method(name: str) -> type[Method]:
    """Return METHOD of methods/<name>, or of the module `name` if it has a dot. Raises BadInput."""
    found, file = _load("methods", name, "METHOD")
    _check_calls(found, _METHOD_CALLS, file)
    if not isinstance(getattr(found, "card", None), MethodCard):
        raise BadInput(f"{file}: {found.__name__} has no card; write card = MethodCard(...) in the class")
    config = getattr(found, "Config", None)
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        raise BadInput(
            f"{file}: {found.__name__} has no Config; write Config = NoOptions, or a pydantic model"
        )
    if not hasattr(found, "stages"):
        raise BadInput(f"{file}: {found.__name__} has no stages; write stages = {{}} in the class")
    return cast(type[Method], found)


def metric(name: str) -> type[Metric]:
    """Return METRIC of metrics/<name>, or of the module `name` if it has a dot. Raises BadInput."""
    found, file = _load("metrics", name, "METRIC")
    _check_calls(found, _METRIC_CALLS, file)
    if not isinstance(getattr(found, "card", None), MetricCard) and not _sets_card(found):
        raise BadInput(
            f"{file}: {found.__name__} has no card; write card = MetricCard(...) in the class, or "
            "self.card = MetricCard(...) in __init__: without it no reader knows what the number means"
        )
    return cast(type[Metric], found)


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


def require_metrics(wanted: Sequence[str]) -> None:
    """Raise BadInput when there is no such metric or when two give their rows one name.

    This project's own are not imported for it, which is slow.
    """
    taken: dict[str, str] = {}
    for name in wanted:
        _require("metrics", name)
        card = getattr(metric(name), "card", None) if "." in name else None
        row = card.name if isinstance(card, MetricCard) else name
        if row in taken:
            raise BadInput(f'{name}: its card calls it "{row}", as {taken[row]} is called; name it otherwise')
        taken[row] = name


def _require(package: str, name: str) -> None:
    known = names(package) + (sorted(ENGINE_METHODS) if package == "methods" else [])
    if "." not in name and name not in known:
        own = "a module of your own is named package.module"
        raise BadInput(f'no {package[:-1]} "{name}": {nearest(name, known)}; {own}')


def _load(package: str, name: str, export: str) -> tuple[type, Path]:
    """Return what a module exports as `export`, a class, and the module's file."""
    _require(package, name)
    with _uncollected():
        module = _own_module(name) if "." in name else import_module(_path(package, name))
    file = Path(module.__file__ or name)
    found: Any = getattr(module, export, None)
    if found is None:
        raise BadInput(f"{file}: no {export} in it; a {package[:-1]} module exports its class as that")
    if not isinstance(found, type):
        raise BadInput(
            f"{file}: {export} is a {type(found).__name__}; write {export} = the class, not called"
        )
    return found, file


@contextmanager
def _uncollected() -> Iterator[None]:
    """Garbage is left for later: looking for it takes a fifth of the time in which torch loads."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def _path(package: str, name: str) -> str:
    return ENGINE_METHODS.get(name, f"{package}.{name}") if package == "methods" else f"{package}.{name}"


def _own_module(path: str) -> ModuleType:
    """Import a user's module; BadInput, with the line at fault, where it is not there or does not load."""
    if not all(part.isidentifier() for part in path.split(".")):
        raise BadInput(f'"{path}" is no module: write package.module, such as mypackage.mymethod')
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        if error.name is not None and (path + ".").startswith(error.name + "."):
            raise BadInput(_not_found(path, error.name)) from error
        raise BadInput(_does_not_load(path, error)) from error
    except SyntaxError as error:
        raise BadInput(f"{error.filename}:{error.lineno}: {error.msg}; {path} does not load") from error
    except Exception as error:
        raise BadInput(_does_not_load(path, error)) from error


def _not_found(path: str, missing: str) -> str:
    package, _, last = path.rpartition(".")
    if missing == path and (beside := names(package)):
        return f'no module "{path}": no {last}.py in {package}; {nearest(last, beside)}'
    return f'no module "{path}": is its package installed, on PYTHONPATH or in the folder you are in?'


def _does_not_load(path: str, error: Exception) -> str:
    """Return where in the user's own code, or on its behalf, an import went wrong."""
    steps = [step for step in traceback.extract_tb(error.__traceback__) if "importlib" not in step.filename]
    last = steps[-1]
    return f"{last.filename}:{last.lineno}: {type(error).__name__}: {error}; {path} does not load"


def _check_calls(kind: type, calls: Mapping[str, tuple[str, ...]], file: Path) -> None:
    """Raise BadInput where a class lacks a member of its contract or cannot be called as the engine does."""
    for name, arguments in calls.items():
        wanted = f"def {name}(self, {', '.join(arguments)})"
        member = getattr(kind, name, None)
        if not callable(member) or name in getattr(kind, "__abstractmethods__", ()):
            raise BadInput(f"{file}: {kind.__name__} lacks {wanted}; see harness/contracts.py")
        if name == "__init__" and member is object.__init__:
            raise BadInput(f"{file}: {kind.__name__} lacks {wanted}; see harness/contracts.py")
        try:
            signature(member).bind(kind, *arguments)
        except TypeError as error:
            raise BadInput(
                f"{file}: {kind.__name__}.{name}{signature(member)} cannot be called as the engine does "
                f"({error}); write {wanted}"
            ) from error
    if left := sorted(getattr(kind, "__abstractmethods__", ())):
        raise BadInput(f"{file}: {kind.__name__} lacks {', '.join(left)}; see harness/contracts.py")


def _sets_card(kind: type) -> bool:
    """Whether some __init__ of the class names a card: known without running it, which may load a network."""
    codes = [getattr(base.__dict__.get("__init__"), "__code__", None) for base in kind.__mro__]
    return any(code is not None and "card" in code.co_names for code in codes)
