"""What a media file says of itself: its headers, its first picture and its last packets are read, no more.

The start times and durations are the container's own; edit lists and priming are in them (where they are
not exact, in mpg and flv, they are good to a few frames). What is damaged in the middle is not seen here:
that takes decoding the whole file (`media`). Not done here: faces, corpora (see `inspection`).
"""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import av.error

from harness import media
from harness.media.opening import open_media
from harness.types import FPS, BadInput

NO_SOUND = "no sound"
STARTS_APART = "sound and picture start apart"
LENGTHS_DIFFER = "sound and picture differ in length"
VARIABLE_RATE = "variable frame rate"
ENDS_EARLY = "ends before its header says"

# Half a video frame is what a prepared clip's offset may be wrong by.
_START_TOLERANCE = 0.5 / FPS
# Codecs pad sound to whole blocks and muxers cut it to whole frames: less than this is no finding.
_LENGTH_TOLERANCE = 0.25
_TAIL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound track: `start` in seconds on its file's clock, `rate` in Hz."""

    codec: str
    rate: int
    channels: int
    start: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Film:
    """A clip's files as their headers describe them.

    seconds: of picture. fps: average frames a second. width, height: pixels, upright. pixels: the pixel
    format. offset: seconds by which the file's own sound track starts after its picture; None without one,
    and where the sound is a file of its own, which starts with the picture. notes: findings that do not make
    the clip unusable, by kind, each with its figures.
    """

    seconds: float
    fps: float
    width: int
    height: int
    codec: str
    pixels: str
    sound: Sound | None
    offset: float | None
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Picture:
    """The picture's stream; `notes` are findings about its times."""

    codec: str
    pixels: str
    start: float
    seconds: float
    fps: float
    notes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Tail:
    """A file's last packets: where each stream's last one ends, in seconds, and the picture's timestamps."""

    ends: dict[int, float]
    times: list[int]


def probe(video: Path, audio: Path | None) -> Film:
    """Return what the files of a clip say; `audio` is a sound file of its own, or None.

    Raises BadInput, naming the file, for what `media` and `prepare` would refuse: a file that is missing, no
    video, cut short where its header or its end shows it, in an unknown coding, and sound or picture that is
    not half as long as the other.
    """
    first = next(media.pictures_25fps(video))
    with open_media(video) as container:
        picture, sound = _read(container, video, listen=audio is None)
    offset = None if sound is None else sound.start - picture.start
    sound = sound if audio is None else _own_sound(audio)
    notes = {**picture.notes, **_sound_notes(picture, sound, offset)}
    _check_lengths(audio or video, picture, sound)
    width, height = first.size
    return Film(
        picture.seconds, picture.fps, width, height, picture.codec, picture.pixels, sound, offset, notes
    )


def _read(container: Any, path: Path, listen: bool) -> tuple[_Picture, Sound | None]:
    stream = container.streams.video[0]
    context = stream.codec_context
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    stated = _stated_end(container)
    tail = _tail(container, stated, path)
    notes = _rate_notes(stream, tail.times)
    last = max(tail.ends.values(), default=stated or 0.0)
    end = last if stated is None else stated
    if last < end - _LENGTH_TOLERANCE:
        notes[ENDS_EARLY] = f"after {last:.2f} of {end:.2f} s: cut short?"
    start, seconds = _span(stream, tail.ends.get(stream.index, end))
    if container.format.name == "avi":
        start = 0.0  # as `media` has it: an AVI's streams begin together
    picture = _Picture(context.name, context.pix_fmt or "", start, seconds, fps, notes)
    tracks = container.streams.audio if listen else ()
    return picture, _sound(tracks[0], path, tail.ends.get(tracks[0].index, end)) if tracks else None


def _own_sound(path: Path) -> Sound:
    """Return the sound of a file of its own."""
    with open_media(path) as container:
        if not container.streams.audio:
            raise BadInput(f"{path}: no sound in it")
        return _sound(container.streams.audio[0], path, _stated_end(container) or 0.0)


def _sound(stream: Any, path: Path, end: float) -> Sound:
    context = stream.codec_context
    if context is None:
        raise BadInput(f"{path}: audio in a coding that is not known here; convert it to AAC or PCM")
    start, seconds = _span(stream, end)
    return Sound(context.name, context.sample_rate, context.layout.nb_channels, start, seconds)


def _span(stream: Any, end: float) -> tuple[float, float]:
    """Return a stream's start and length in seconds; one that does not count its frames lasts until `end`."""
    start = float((stream.start_time or 0) * stream.time_base)
    if stream.frames and stream.duration:
        return start, float(stream.duration * stream.time_base)
    return start, max(0.0, end - start)


def _stated_end(container: Any) -> float | None:
    """Return where the container says that it ends, in seconds on its clock; None where it does not."""
    if not container.duration:
        return None
    return float(((container.start_time or 0) + container.duration) / av.time_base)


def _tail(container: Any, stated: float | None, path: Path) -> _Tail:
    """Return what the last packets say; only where no end is stated are all read."""
    tail = _Tail({}, [])
    if stated is not None:
        try:
            container.seek(int(max(0.0, stated - _TAIL_SECONDS) * av.time_base))
        except av.error.FFmpegError:
            return tail  # a container that cannot be sought in: its end is not looked at
    try:
        for packet in container.demux():
            if packet.is_corrupt:
                raise BadInput(f"{path}: damaged or cut short at byte {packet.pos}; copy it again")
            if packet.pts is None:
                continue
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            tail.ends[packet.stream.index] = max(end, tail.ends.get(packet.stream.index, end))
            if packet.stream.index == container.streams.video[0].index:
                tail.times.append(packet.pts)
    except av.error.FFmpegError as error:
        raise BadInput(f"{path}: broken near its end ({error.strerror}); copy it again") from error
    return tail


def _rate_notes(stream: Any, last: Sequence[int]) -> dict[str, str]:
    """Say whether frames come at uneven times: all by the index where it is whole, else the last ones."""
    indexed = [entry.timestamp for entry in stream.index_entries]
    times = sorted(indexed if len(indexed) == stream.frames else last)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    if not gaps or max(gaps) <= 1.5 * statistics.median(gaps):
        return {}
    longest, usual = (1e3 * float(g * stream.time_base) for g in (max(gaps), round(statistics.median(gaps))))
    return {VARIABLE_RATE: f"up to {longest:.0f} ms between frames, mostly {usual:.0f}"}


def _sound_notes(picture: _Picture, sound: Sound | None, offset: float | None) -> dict[str, str]:
    if sound is None:
        return {NO_SOUND: ""}
    notes = {}
    if offset is not None and abs(offset) > _START_TOLERANCE:
        notes[STARTS_APART] = f"sound {1e3 * abs(offset):.0f} ms {'late' if offset > 0 else 'early'}"
    longer = sound.seconds - picture.seconds
    if abs(longer) > _LENGTH_TOLERANCE:
        notes[LENGTHS_DIFFER] = f"sound {abs(longer):.2f} s {'longer' if longer > 0 else 'shorter'}"
    return notes


def _check_lengths(path: Path, picture: _Picture, sound: Sound | None) -> None:
    if sound is None:
        return
    shorter, longer = sorted((sound.seconds, picture.seconds))
    if shorter < longer / 2:
        raise BadInput(
            f"{path}: {sound.seconds:.2f} s of sound for {picture.seconds:.2f} s of picture; "
            "one of the two is cut off"
        )
