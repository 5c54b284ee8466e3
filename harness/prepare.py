"""From a Sample to what every method trains on and every metric compares with: one prepared clip.

A prepared clip is square face crops at 25 frames/s with 16 kHz sound on the same timeline, made once per
(file, face policy, size). Its file is one WebDataset sample (`harness.prepared`), which is written while the
footage is decoded, so a film's length costs no memory.
"""

import io
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tarfile import TarError
from typing import IO, Any
from zipfile import BadZipFile

import av.error
import numpy as np
from numpy.typing import NDArray

from harness import faces, media
from harness.faces import OpenDetector, Policy
from harness.media import Frame
from harness.prepared import arrays, crops, tars
from harness.store import file_digest
from harness.types import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Audio, BadInput, Frames, Sample

_NOT_AN_NPZ = (OSError, ValueError, KeyError, EOFError, BadZipFile)
"""What numpy raises on a file that is no .npz, is cut off, or lacks an array."""

CODE = (
    "harness.media",
    "harness.faces",
    "harness.prepare",
    "harness.prepared.crops",
    "harness.prepared.tars",
)
"""The modules that a prepared clip's bytes depend on."""

_NOT_A_SAMPLE = (*_NOT_AN_NPZ, TarError, av.error.FFmpegError)


@dataclass(frozen=True, slots=True)
class PreparedClip:
    """One clip, cropped.

    frames: (T, S, S, 3) uint8 RGB. audio: (T * 640,) float32, or None for a silent file.
    landmarks: (T, 68, 2) float32 pixels of the crop, iBUG-68 order.
    mask: (T, S, S) bool, the whole face, made of rigid points only (`faces.full_face_mask`), so that its
    outline says nothing of the mouth.
    boxes: (T, 3) float32 left, top and side of the crop in the source's upright pixels; None where a clip was
    never cut out of a picture.
    """

    frames: Frames
    audio: Audio | None
    landmarks: NDArray[np.float32]
    mask: NDArray[np.bool_]
    boxes: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class _Crops:
    """A clip whose faces are found and whose pictures are still to be decoded."""

    landmarks: NDArray[np.float32]
    boxes: NDArray[np.float32]
    audio: Audio | None
    pictures: Iterator[Frame]


def prepare(sample: Sample, policy: Policy, size: int, detector: OpenDetector) -> PreparedClip:
    """Return a sample cropped to (size, size) by a face policy, its sound fitted to the picture's length.

    `detector` is opened only where landmarks have to be found. Raises BadInput, naming the file, when it
    cannot be decoded, shows no face, is not square under policy `none`, or when sound or picture is not half
    as long as the other.
    """
    found = _crops(sample, policy, size, detector)
    frames = np.stack(list(found.pictures))
    mask = faces.full_face_mask(found.landmarks, size)
    return PreparedClip(frames, found.audio, found.landmarks, mask, found.boxes)


def write(path: Path, sample: Sample, policy: Policy, size: int, detector: OpenDetector) -> None:
    """Write the file of a sample's prepared clip, with one picture in memory at a time; see `prepare`.

    It says what was made of what and how, and no label: those may change without the clip.
    """
    found = _crops(sample, policy, size, detector)
    points = found.landmarks
    kept = {"landmarks": points, "boxes": found.boxes, "pose": faces.head_pose(points)}
    masks: dict[str, arrays.Masks] = {
        "mask": faces.full_face_masks(points, size),
        "lower_half": faces.lower_half_masks(points, size),
        "hull": faces.hull_masks(points, size),
    }
    about = {
        "id": sample.id,
        "cut": sample.cut,
        "box": sample.box,
        "source": {p.name: file_digest(p) for p in source_files(sample)},
        "faces": asdict(policy),
        "size": size,
    }
    npz = arrays.packed(kept, masks, len(points), size)
    _write(path, {**about, "frames": len(points)}, npz, found.audio, found.pictures)


def save(path: Path, clip: PreparedClip) -> None:
    """Write the file of a clip that comes from no footage; the caller makes it atomic (`store`)."""
    frames, size = clip.frames.shape[:2]
    kept = {"landmarks": clip.landmarks} | ({} if clip.boxes is None else {"boxes": clip.boxes})
    npz = arrays.packed(kept, {"mask": clip.mask}, frames, size)
    _write(path, {"id": "clip", "size": size, "frames": frames}, npz, clip.audio, clip.frames)


def load(path: Path) -> PreparedClip:
    """Read a prepared clip's file or its address in a shard. Raises BadInput, naming it, when it is none."""
    with _reading(path) as members:
        found: dict[str, Any] = {}
        for extension, content in members:
            found[extension] = _READ[extension](content)
        stored, frames = found["npz"], found["avi"]
        mask = arrays.unpacked(stored["mask"], frames.shape[1])
        return PreparedClip(frames, found.get("wav"), stored["landmarks"], mask, stored.get("boxes"))


def sound(path: Path) -> Audio | None:
    """Return a prepared clip's sound, None for a silent one, without reading its pictures."""
    with _reading(path) as members:
        return next((read_sound(content) for extension, content in members if extension == "wav"), None)


def describe(path: Path) -> dict[str, Any]:
    """Return what a prepared clip says of itself (its member `json`), without reading its pictures."""
    with _reading(path) as members:
        extension, content = next(members)
        if extension != "json":
            raise KeyError("its first member is no .json")
        about: dict[str, Any] = json.load(content)
        return about


def frames_and_sound(path: Path) -> tuple[int, bool]:
    """Return a prepared clip's frame count and whether it has sound, without reading its pictures."""
    about = describe(path)
    return about["frames"], about["sound"]


def source_files(sample: Sample) -> list[Path]:
    """Return the files that a sample is made of."""
    return [p for p in (sample.video, sample.audio, sample.truth) if p is not None]


def _crops(sample: Sample, policy: Policy, size: int, detector: OpenDetector) -> _Crops:
    audio = media.read_audio(sample.video, sample.audio, sample.cut)
    found = _cut_out if policy.crops else _whole
    landmarks, boxes, pictures = found(sample, policy, size, detector)
    if audio is not None:
        audio = _fitted(audio, len(landmarks), sample)
    return _Crops(landmarks, boxes, audio, pictures)


_Found = tuple[NDArray[np.float32], NDArray[np.float32], Iterator[Frame]]


def _cut_out(sample: Sample, policy: Policy, size: int, detector: OpenDetector) -> _Found:
    with detector() as detect:
        track = faces.look(_decoded(sample), detect, policy, sample.video, size, sample.box)
    pictures = faces.cut(track, partial(_decoded, sample))
    return track.inside(), track.boxes.astype(np.float32), pictures


def _whole(sample: Sample, policy: Policy, size: int, detector: OpenDetector) -> _Found:
    sizes = [p.size if sample.box is None else sample.box[2:] for p in _decoded(sample)]
    width, height = sizes[0]
    if height != width:
        raise BadInput(f"{sample.video}: {width}x{height} is not square; faces: none is for cropped footage")
    if sample.truth is None:
        with detector() as detect:
            landmarks = faces.track(_pictures(sample), detect, policy, sample.video)
    else:
        landmarks = _truth(sample.truth, len(sizes))
    corner = sample.box[:2] if sample.box is not None else (0, 0)
    boxes = np.tile(np.array([*corner, width], np.float32), (len(sizes), 1))
    pictures = (faces.resized(p[None], size)[0] for p in _pictures(sample))
    return faces.rescaled(landmarks, size / width), boxes, pictures


def _decoded(sample: Sample) -> Iterator[media.Picture]:
    """Yield the clip's pictures, unconverted. Raises BadInput for a corpus's box outside them."""
    x, y, width, height = sample.box or (0, 0, 1, 1)
    for picture in media.pictures_25fps(sample.video, sample.cut):
        if min(x, y) < 0 or x + width > picture.size[0] or y + height > picture.size[1]:
            raise BadInput(
                f"{sample.video}: the corpus's box {sample.box} (x, y, width, height) is not inside its "
                f"{picture.size[0]}x{picture.size[1]} pictures; get the video in the box's resolution"
            )
        yield picture


def _pictures(sample: Sample) -> Iterator[Frame]:
    """Yield the clip's pictures, cut to the corpus's box where it has one."""
    inside = (slice(None), slice(None))
    if sample.box is not None:
        x, y, width, height = sample.box
        inside = (slice(y, y + height), slice(x, x + width))
    return (picture.rgb()[inside] for picture in _decoded(sample))


def _truth(path: Path, frames: int) -> NDArray[np.float32]:
    try:
        with np.load(path, allow_pickle=False) as truth:
            landmarks = np.asarray(truth["landmarks"], np.float32)
    except _NOT_AN_NPZ as error:
        raise BadInput(f"{path}: no landmarks to be read in it ({error}); draw the clip again") from error
    if landmarks.shape != (frames, 68, 2):
        raise BadInput(
            f"{path}: landmarks {landmarks.shape} beside a clip of {frames} frames; draw the clip again"
        )
    return landmarks


def _fitted(audio: Audio, frames: int, sample: Sample) -> Audio:
    shorter, longer = sorted((len(audio), frames * SAMPLES_PER_FRAME))
    if shorter < longer / 2:
        raise BadInput(
            f"{sample.audio or sample.video}: {len(audio) / SAMPLE_RATE:.2f} s of sound for "
            f"{frames / FPS:.2f} s of picture; one of the two is cut off"
        )
    return media.fit_audio(audio, frames)


def _write(
    path: Path, about: Mapping[str, Any], npz: bytes, audio: Audio | None, pictures: Iterable[Frame]
) -> None:
    told = {**about, "fps": FPS, "sample_rate": SAMPLE_RATE, "sound": audio is not None}
    members: dict[str, bytes | Path] = {
        "json": json.dumps(told, sort_keys=True, ensure_ascii=False).encode(),
        "npz": npz,
    }
    if audio is not None:
        from scipy.io import wavfile  # slow to import, and most processes need none of it

        sound = io.BytesIO()
        wavfile.write(sound, SAMPLE_RATE, audio)
        members["wav"] = sound.getvalue()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".frames.") as folder:
        film = Path(folder) / "frames.avi"
        crops.write(film, pictures, about["size"])
        members["avi"] = film
        tars.write_sample(path, about["id"], members)


def read_sound(content: IO[bytes]) -> Audio:
    """Return the samples of a member `wav`."""
    from scipy.io import wavfile

    return np.array(wavfile.read(io.BytesIO(content.read()))[1], np.float32)


_READ: dict[str, Callable[[IO[bytes]], Any]] = {
    "json": json.load,
    "npz": lambda content: arrays.read(content, ("landmarks", "boxes", "mask")),
    "wav": read_sound,
    "avi": lambda content: np.stack(list(crops.read(content))),
}


@contextmanager
def _reading(path: Path) -> Iterator[tars.Members]:
    with naming(path), tars.open_sample(path) as members:
        yield members


@contextmanager
def naming(where: object) -> Iterator[None]:
    """Turn what is raised where a prepared clip is none into BadInput that names `where`."""
    try:
        yield
    except _NOT_A_SAMPLE as error:
        raise BadInput(f"{where}: not a prepared clip ({error}); delete it and run again") from error
