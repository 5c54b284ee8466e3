"""HDTF (Zhang et al., CVPR 2021): annotation files, and videos that every user fetches alone.

Three lists (RD, WDA, WRA), each in files of one video or clip a line, words parted by blanks:
    {list}_video_url.txt       name, address; the name without .mp4
    {list}_annotion_time.txt   name.mp4, then mm:ss-mm:ss for each clip
    {list}_crop_wh.txt         name_i.mp4, then x, width, y, height of clip i, in pixels
    {list}_resolution.txt      name.mp4, then the height of the picture that the crops were measured on
They stand in the folder or in HDTF_dataset below it. Videos lie anywhere below, named {name} or
{list}_{name}. Clip i is {name}_i, its interval `Sample.cut` and its crop `Sample.box`. `crop_ratio` is not
used, nor are clips that another program cut before: read those as a folder.

HDTF has no emotions, no texts and no official split. A speaker is the name without its last digits; RD names
no people (Radio1, Radio2), so there each video counts as a speaker. Names of one address are one speaker.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import av

from harness.datasets import Found, unread
from harness.datasets.folder import SUFFIXES
from harness.types import BadInput, Sample

LISTS = ("RD", "WDA", "WRA")

_CLOCK = re.compile(r"(\d+):(\d\d)-(\d+):(\d\d)")
_NAMED = 20

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Listed:
    """A video as its list describes it, all as written there."""

    name: str
    speaker: str
    times: tuple[str, ...]
    crops: Mapping[int, tuple[str, ...]]
    height: str | None


def read(root: Path) -> Found:
    """Return the annotated clips of every video that is there; what the lists lack or get wrong is named."""
    samples: list[Sample] = []
    unusable: dict[str, str] = {}
    listed = [video for name in LISTS for video in _list(_annotations(root), name)]
    files = _videos(root, {video.name for video in listed}, unusable)
    absent = [video.name for video in listed if video.name not in files]
    for video in listed:
        if video.name in files:
            _read_video(video, files[video.name], samples, unusable)
    notes = (_absent(absent, len(listed)),) if absent else ()
    return Found(tuple(sorted(samples, key=lambda s: s.id)), unusable, (), notes, ("hdtf",))


def _annotations(root: Path) -> Path:
    for folder in (root, root / "HDTF_dataset"):
        if any((folder / f"{name}_annotion_time.txt").exists() for name in LISTS):
            return folder
    raise BadInput(
        f"data.root: {root} has no RD_annotion_time.txt, WDA_... or WRA_..., nor has its HDTF_dataset"
    )


def _list(folder: Path, name: str) -> Iterator[_Listed]:
    """Yield the videos of one list, in its order; a list without times is not there."""
    if not (folder / f"{name}_annotion_time.txt").exists():
        return
    times, crops, heights, urls = (
        _table(folder / f"{name}_{kind}.txt")
        for kind in ("annotion_time", "crop_wh", "resolution", "video_url")
    )
    speakers = _speakers({video: urls.get(video, ()) for video in {**urls, **times}}, name)
    for video in sorted(speakers):
        of_clip = {
            int(clip.removeprefix(f"{video}_")): words
            for clip, words in crops.items()
            if re.fullmatch(re.escape(video) + r"_\d+", clip)
        }
        height = heights.get(video, ())
        yield _Listed(video, speakers[video], times.get(video, ()), of_clip, height[0] if height else None)


def _table(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the words of each line after the first, which is the name, with or without .mp4."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise BadInput(f"{path}: missing; fetch HDTF's annotation files again") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not text in UTF-8 ({error}); fetch HDTF's annotation files again") from error
    rows = [line.split() for line in lines]
    return {row[0].removesuffix(".mp4"): tuple(row[1:]) for row in rows if row}


def _speakers(urls: Mapping[str, tuple[str, ...]], name: str) -> dict[str, str]:
    """Return who speaks, by video: JamesClyburn1 and WhipJimClyburn are one, because they are one video."""
    speakers = {video: video if name == "RD" else video.rstrip("0123456789") for video in urls}
    shown: dict[str, list[str]] = {}
    for video, words in urls.items():
        for address in words[:1]:
            shown.setdefault(_video_id(address), []).append(video)
    for videos in shown.values():
        names = {speakers[video] for video in videos}
        speakers = {video: min(names) if who in names else who for video, who in speakers.items()}
    return speakers


def _video_id(address: str) -> str:
    return parse_qs(urlparse(address).query).get("v", [address])[0]


def _videos(root: Path, names: Collection[str], unusable: dict[str, str]) -> dict[str, Path]:
    """Return the files below `root` that have one of the names, with or without a list's prefix."""
    found: dict[str, Path] = {}
    for file in sorted(root.rglob("*")):
        name = re.sub(rf"^({'|'.join(LISTS)})_", "", file.stem)
        if name not in names or file.suffix.lower() not in SUFFIXES:
            continue
        if name in found:
            unusable[str(file.relative_to(root))] = (
                f"{file}: {found[name]} is the same video, and is the one used"
            )
        else:
            found[name] = file
    return found


def _read_video(video: _Listed, file: Path, samples: list[Sample], unusable: dict[str, str]) -> None:
    """Add a video's clips to `samples`, or the reasons why there are none to `unusable`."""
    size = _picture_size(file)
    if isinstance(size, str):
        unusable[video.name] = size
        return
    if wrong := _whole_is_wrong(video, size[1]):
        unusable[video.name] = f"{file}: {wrong}"
        return
    for i, times in enumerate(video.times):
        clip = f"{video.name}_{i}"
        cut, box = _cut(times), _box(video.crops.get(i, ()), size)
        if isinstance(cut, str):
            unusable[clip] = f"{file}: clip {i}: {cut}"
        elif isinstance(box, str):
            unusable[clip] = f"{file}: clip {i}: {box}"
        else:
            samples.append(Sample(clip, file, None, video.speaker, None, cut=cut, box=box))


def _whole_is_wrong(video: _Listed, height: int) -> str | None:
    if not video.times:
        return "no times in the annotations, so it has no clips"
    if video.height in (None, "0"):
        return (
            f"the annotations give {video.height or 'nothing'} as the height that its crops were measured on"
        )
    if video.height != str(height):
        return f"{height} pixels high, but its crops were measured on {video.height}; fetch it in that size"
    return None


def _cut(times: str) -> tuple[float, float] | str:
    """Return start and end in seconds, or what is wrong with them."""
    written = _CLOCK.fullmatch(times)
    if written is None:
        return f'times "{times}" are not mm:ss-mm:ss'
    first, first_seconds, last, last_seconds = (float(n) for n in written.groups())
    start, end = first * 60 + first_seconds, last * 60 + last_seconds
    return (start, end) if start < end else f'times "{times}" end before they start'


def _box(words: tuple[str, ...], size: tuple[int, int]) -> Box | str:
    """Return x, y, width and height of a crop, written x, width, y, height, or what is wrong with it."""
    if not words:
        return "no crop in the annotations"
    if len(words) != 4 or not all(word.isdigit() for word in words):
        return f'crop "{" ".join(words)}" is not x, width, y, height'
    x, width, y, height = (int(word) for word in words)
    if x + width > size[0] or y + height > size[1] or not width or not height:
        return f"crop {width}x{height} at {x},{y} is not within the picture of {size[0]}x{size[1]}"
    return x, y, width, height


def _picture_size(file: Path) -> tuple[int, int] | str:
    """Return width and height as the file's header says, or why it says nothing."""
    if reason := unread(file):
        return reason
    try:
        with av.open(str(file)) as container:
            for stream in container.streams.video[:1]:
                return stream.width, stream.height
    except av.FFmpegError as error:
        return f"{file}: not a video that can be read ({error})"
    return f"{file}: no video stream"


def _absent(names: list[str], listed: int) -> str:
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return f"{len(names)} of {listed} listed videos are not here: {shown}"
