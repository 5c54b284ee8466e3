"""Installed packages beside what pyproject.toml wants, and what PyAV can code."""

import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from harness.health.finding import Finding, State

TOPIC = "Packages"
PROJECT = "talking-face-harness"
_SHOWN = ("torch", "ray", "av", "mediapipe", "numpy")
_EXTRAS = {
    "onnx": "emotion_accuracy_hse and identity on reference backbones",
    "postgresql": "votes in PostgreSQL",
    "tensorboard": "looking at what runs write for TensorBoard",
    "mlflow": "trackers: [mlflow]",
    "wandb": "trackers: [wandb]",
}
_WANTED = {"h264": "r", "libx264": "w", "aac": "w", "pcm_s16le": "r", "flv1": "r", "vp9": "r"}
"""Codec names, and whether they are read or written."""


def packages() -> Iterator[Finding]:
    """Yield the project's own version, the chief packages and every requirement that is not met."""
    try:
        wanted = requires(PROJECT) or []
        yield Finding(TOPIC, PROJECT, "ok", version(PROJECT))
    except PackageNotFoundError:
        wanted = _of_the_checkout()
        remedy = "make setup, or pip install --editable . (commands then run from any folder)"
        yield Finding(TOPIC, PROJECT, "note", "not installed: runs from its own folder only", remedy)
    for need in map(Requirement, wanted):
        extra = next((e for e in _EXTRAS if need.marker and f'"{e}"' in str(need.marker)), None)
        if extra is not None:
            yield _package(need, "lacks", f" for {_EXTRAS[extra]}", f"[{extra}]")
        elif need.marker is None or need.marker.evaluate({"extra": ""}):
            found = _package(need, "broken", "")
            if found.state != "ok" or need.name in _SHOWN:
                yield found


def _of_the_checkout() -> list[str]:
    """Return what pyproject.toml wants, extras marked as an installed package's metadata marks them."""
    file = Path(__file__).parents[2] / "pyproject.toml"
    if not file.is_file():
        return list(_SHOWN)
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *(f'{n}; extra == "{e}"' for e in _EXTRAS for n in extras[e])]


def _package(need: Requirement, state: State, use: str, extra: str = "") -> Finding:
    remedy = f"pip install '{PROJECT}{extra}'" if extra else f"pip install '{need.name}{need.specifier}'"
    try:
        there = version(need.name)
    except PackageNotFoundError:
        return Finding(TOPIC, need.name, state, f"not installed{use}", remedy)
    if not need.specifier.contains(there, prereleases=True):
        found = f"{there}, and not {need.specifier}, as this was proven with: it may fail{use}"
        return Finding(TOPIC, need.name, "lacks", found, remedy)
    return Finding(TOPIC, need.name, "ok", there)


def codecs() -> Iterator[Finding]:
    """Yield whether PyAV reads and writes what clips are coded in, and where the ffmpeg program is."""
    topic = "Media"
    try:
        import av
        from av.codec import Codec
    except (ImportError, OSError) as error:
        yield Finding(topic, "PyAV", "broken", f"does not load: {error}", "pip install --force-reinstall av")
        return
    lacking = []
    for name, mode in _WANTED.items():
        try:
            Codec(name, "w" if mode == "w" else "r")
        except (ValueError, av.error.FFmpegError):
            lacking.append(name)
    remedy = "pip install --force-reinstall av: its wheels carry all of these" if lacking else ""
    found = (
        f"{av.__version__}, lacks {', '.join(lacking)}"
        if lacking
        else f"{av.__version__}, reads and writes clips"
    )
    yield Finding(topic, "PyAV", "broken" if lacking else "ok", found, remedy)
    yield _ffmpeg(topic)


def _ffmpeg(topic: str) -> Finding:
    use = "LSE protocols that decode by it"
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return Finding(topic, "ffmpeg", "ok", f"{get_ffmpeg_exe()} ({use})")
    except (ImportError, RuntimeError, OSError) as error:
        return Finding(topic, "ffmpeg", "lacks", f"{error} ({use})", "pip install imageio-ffmpeg")
