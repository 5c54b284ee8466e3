"""The only video and audio decode and encode of the project (PyAV).

Policy `25fps-nearest`: the timeline starts at the first video frame's presentation time; output frame i is
the source frame whose time is nearest to i/25 s. Sound is never stretched: it is placed on the same
timeline by its own timestamps (cut if it starts earlier, zero-padded if later or where some is missing), as
mono 16 kHz. Frames are never resampled to match a length. A file that was cut short is refused where its
container can tell: mp4 and mov always, avi, flv and mpg mostly, Matroska never. Not done here: faces, crops
(see `faces`).
"""

import wave
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from harness.types import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME, Audio, BadInput, Clip, Frames

# Near-lossless at a few kB a frame: a ground-truth clip written and read again keeps about 45 dB.
CRF = 10
# Containers round timestamps to a millisecond or so; a jump longer than this is missing sound.
_SOUND_GAP = 0.02
# A longer jump between timestamps, in seconds, is damage: it would become hours of stills or silence.
_LONGEST_JUMP = 60.0
_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"moof", b"mfra", b"sidx", b"styp"}

Frame = NDArray[np.uint8]
"""One picture, (H, W, 3) RGB."""


def frames_25fps(path: Path) -> Iterator[Frame]:
    """Yield (H, W, 3) uint8 RGB frames at 25 frames/s, one in memory at a time.

    Raises BadInput, naming the file, when it is missing, not a video, or broken in the middle.
    """
    with _open(path) as container:
        stream = _video_stream(container, path)
        previous: tuple[float, Frame] | None = None
        due, start, gap = 0, 0.0, 1.0 / FPS
        for frame in _decoded(container, stream, path):
            time = _time(frame, path)
            image = _upright(frame)
            if previous is None:
                start = time
            else:
                gap = time - start - previous[0]
                _check_jump(gap, path)
                # Every output time nearer to the previous frame than to this one is the previous frame's.
                while due / FPS < previous[0] + gap / 2:
                    yield previous[1]
                    due += 1
            previous = (time - start, image)
        if previous is None:
            raise BadInput(f"{path}: the video stream holds no frame")
        # The last frame stays on screen as long as the one before it did.
        while due < round((previous[0] + gap) * FPS):
            yield previous[1]
            due += 1


def audio_16k(path: Path, start: float | None = None) -> Audio | None:
    """Return the first sound track, mono float32 at 16 kHz, from `start` seconds of the file's clock on.

    `start` None is the track's own first sample. None is returned where the file has no sound track.
    Raises BadInput, naming the file, when it cannot be decoded.
    """
    with _open(path) as container:
        if not container.streams.audio:
            return None
        runs = _unbroken_runs(_decoded(container, container.streams.audio[0], path), path, start)
    if not runs:
        raise BadInput(f"{path}: the sound track holds no samples")
    origin = runs[0][0] if start is None else start
    placed = [(round((first - origin) * SAMPLE_RATE), np.concatenate(chunks)) for first, chunks in runs]
    timeline = np.zeros(max(0, *(place + len(samples) for place, samples in placed)), np.float32)
    for place, samples in placed:
        kept = samples[max(0, -place) :]
        timeline[max(0, place) : max(0, place) + len(kept)] = kept
    return timeline


def video_start(path: Path) -> float:
    """Return the first video frame's presentation time in seconds on the file's clock."""
    with _open(path) as container:
        for frame in _decoded(container, _video_stream(container, path), path):
            return _time(frame, path)
    raise BadInput(f"{path}: the video stream holds no frame")


def read_clip(path: Path, audio: Path | None = None) -> Clip:
    """Decode a whole clip; `audio` is a sound file of its own whose sample 0 belongs to the first frame."""
    frames = np.stack(list(frames_25fps(path)))
    return Clip(frames, read_audio(path, audio))


def read_audio(video: Path, audio: Path | None = None) -> Audio | None:
    """Return the sound that belongs to a video, on the video's timeline."""
    if audio is not None:
        samples = audio_16k(audio)
        if samples is None:
            raise BadInput(f"{audio}: no sound in it")
        return samples
    return audio_16k(video, start=video_start(video))


def encode(path: Path, frames: Frames, audio: Audio | None, fps: int = FPS, crf: int = CRF) -> None:
    """Write an mp4 that plays anywhere: H.264 yuv420p and AAC, the same bytes every time.

    frames: (T, H, W, 3) uint8 RGB with even H and W; audio: (N,) float32 16 kHz in [-1, 1] or None.
    crf: H.264's constant rate factor, 0 (lossless) to 51 (worst).
    """
    height, width = frames.shape[1:3]
    if height % 2 or width % 2:
        raise BadInput(f"{path}: H.264 needs even sides, not {width}x{height}; choose an even size")
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.codec_context.thread_count = 1
        video.options = {"crf": str(crf), "preset": "veryfast"}
        sound = None if audio is None else container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for image in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            for start in range(0, len(audio), 1024):
                block = audio[None, start : start + 1024].astype(np.float32)
                piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", "mono")
                piece.sample_rate, piece.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
                # With timestamps the muxer notes AAC's 1024 priming samples in an edit list;
                # without them every reader hears the sound 64 ms late.
                piece.pts = start
                container.mux(sound.encode(piece))
            container.mux(sound.encode(None))


def write_wav(path: Path, audio: Audio) -> None:
    """Write mono 16 kHz signed 16-bit PCM."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(to_int16(audio).tobytes())


def to_int16(audio: Audio) -> NDArray[np.int16]:
    """Return float samples in [-1, 1] as the int16 values that 16-bit PCM holds."""
    return np.asarray(np.clip(np.rint(audio * 32768.0), -32768, 32767), np.int16)


def fit_audio(audio: Audio, frames: int) -> Audio:
    """Cut or zero-pad the end of `audio` to exactly `frames` video frames."""
    wanted = frames * SAMPLES_PER_FRAME
    return np.pad(audio[:wanted], (0, max(0, wanted - len(audio))))


def _open(path: Path) -> av.container.InputContainer:
    if not path.is_file():
        raise BadInput(f"{path}: no such file")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise BadInput(f"{path}: not a readable media file ({error.strerror})") from error
    size, promised = path.stat().st_size, _promised_size(container, path)
    if promised > size:
        container.close()
        raise BadInput(f"{path}: cut short: {size} bytes of at least {promised}; copy it again")
    return container


def _promised_size(container: av.container.InputContainer, path: Path) -> int:
    """Return the bytes that the file's own index, and an mp4's or mov's boxes, say it has; at least 0."""
    indexed = max((e.pos + e.size for s in container.streams for e in s.index_entries), default=0)
    if "mp4" not in container.format.name:
        return indexed
    end, size = 0, path.stat().st_size
    with path.open("rb") as file:
        while end < size:
            file.seek(end)
            head = file.read(16).ljust(16, b"\0")
            length = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4], "big")
            # Length 0 is "up to the file's end"; frames that a writer left outside any box have no length.
            if head[4:8] not in _BOXES or length < 8:
                break
            end += length
    return max(indexed, end)


def _video_stream(container: av.container.InputContainer, path: Path) -> Any:
    if not container.streams.video:
        raise BadInput(f"{path}: no video stream in it")
    return container.streams.video[0]


def _decoded(container: av.container.InputContainer, stream: Any, path: Path) -> Iterator[Any]:
    if stream.codec_context is None:
        raise BadInput(
            f"{path}: {stream.type} in a coding that is not known here; convert it to H.264 and AAC"
        )
    stream.codec_context.thread_count = 1  # workers are the parallelism
    try:
        for packet in container.demux():  # all streams: where a file is cut short, any one may show it
            if packet.is_corrupt:
                raise BadInput(f"{path}: damaged or cut short at byte {packet.pos}; copy it again")
            if packet.stream.index == stream.index:
                yield from stream.decode(packet)
    except av.error.FFmpegError as error:
        raise BadInput(f"{path}: broken {stream.type} stream ({error.strerror})") from error


def _check_jump(seconds: float, path: Path) -> None:
    if abs(seconds) > _LONGEST_JUMP:
        raise BadInput(f"{path}: timestamps jump by {seconds:.0f} s; re-mux the file or cut it there")


def _upright(frame: Any) -> Frame:
    """Return (H, W, 3) RGB as a player shows it: telephones store portraits on their side."""
    image: Frame = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(image, frame.rotation // 90)) if frame.rotation else image


def _time(frame: Any, path: Path) -> float:
    if frame.time is None:
        raise BadInput(f"{path}: frames without timestamps; re-mux the file")
    return float(frame.time)


def _unbroken_runs(frames: Iterable[Any], path: Path, start: float | None) -> list[tuple[float, list[Audio]]]:
    """Return 16 kHz mono sound, split where some is missing; each run with its start time in seconds."""
    runs: list[tuple[float, list[Audio]]] = []
    resampler, due = _resampler(), start
    for frame in frames:
        time = _time(frame, path)
        due = time if due is None else due
        _check_jump(time - due, path)
        if not runs or abs(time - due) > _SOUND_GAP:
            if runs:
                runs[-1][1].extend(_resampled(resampler, None))
            resampler, due = _resampler(), time
            runs.append((time, []))
        runs[-1][1].extend(_resampled(resampler, frame))
        due += frame.samples / frame.sample_rate
    if runs:
        runs[-1][1].extend(_resampled(resampler, None))
    return runs


def _resampler() -> av.AudioResampler:
    return av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)


def _resampled(resampler: av.AudioResampler, frame: Any) -> list[Audio]:
    return [piece.to_ndarray()[0].astype(np.float32) for piece in resampler.resample(frame)]
