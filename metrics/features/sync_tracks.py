"""The LSE protocols that look for faces: S3FD, face tracks, crops, encoded again; one clip for each track.

`wav2lip-real`: Wav2Lip's LSE of real videos, which is joonson/syncnet_python's run_pipeline.py. `latentsync`:
LatentSync's eval (bytedance/LatentSync), the same with shorter tracks, other codecs and the offset cut to
whole frames. Where a published script lets ffmpeg choose its number of threads, here it is one, as JPEG files
would else depend on the machine. Scene cuts: PySceneDetect's content detector with its defaults.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from harness.types import FPS, Clip, Unscorable
from metrics.features.face_tracks import SIDE, SMALLEST, Boxes, Track, cropped, face_tracks, smoothed
from metrics.features.s3fd import FaceDetector
from metrics.features.sync_streams import (
    KEEP_TIME,
    SOUND,
    dumped,
    ffmpeg,
    private_folder,
    read_picture,
    source_file,
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the two protocols differ in: container, codecs of a crop, and the tracks that they take."""

    suffix: str
    fourcc: str
    sound: str
    shortest_track: int


WAV2LIP_REAL = Recipe(".avi", "XVID", "copy", 100)
LATENTSYNC = Recipe(".mp4", "mp4v", "aac", 50)


class FaceStreams:
    """`Streams` of a clip's file: one clip for each face track."""

    def __init__(self, detector: FaceDetector, recipe: Recipe) -> None:
        self.detector = detector
        self.recipe = recipe

    def __call__(self, clip: Clip) -> list[Clip]:
        """Return the crops as SyncNet reads them; Unscorable without a file, sound or a face track."""
        source = source_file(clip)
        with private_folder() as name:
            folder = Path(name)
            video = self._normalised(source, folder)
            pictures = sorted((folder / "frames").glob("*.jpg"))
            tracks = list(
                self._tracks(video, [self.detector.faces(read_picture(path)[..., ::-1]) for path in pictures])
            )
            if not tracks:
                raise Unscorable(
                    f"no face track of more than {self.recipe.shortest_track} frames and {SMALLEST} px"
                )
            return [
                self._stream(track, pictures, folder / f"track{index}") for index, track in enumerate(tracks)
            ]

    def _normalised(self, source: Path, folder: Path) -> Path:
        """Write the clip at 25 frames/s, its frames and its sound; return the first."""
        video = folder / f"video{self.recipe.suffix}"
        (folder / "frames").mkdir()
        ffmpeg("-i", source, "-qscale:v", 2, *KEEP_TIME, "-r", FPS, video)
        ffmpeg("-i", video, "-qscale:v", 2, "-threads", 1, "-f", "image2", folder / "frames" / "%06d.jpg")
        ffmpeg("-i", video, *SOUND, folder / "audio.wav")
        return video

    def _tracks(self, video: Path, faces: Sequence[Boxes]) -> Iterator[Track]:
        for begin, end in scenes(video):
            if end - begin >= self.recipe.shortest_track:
                yield from face_tracks(faces[begin:end], self.recipe.shortest_track, begin)

    def _stream(self, track: Track, pictures: Sequence[Path], folder: Path) -> Clip:
        """Cut a track out of pictures and sound, encode it, and return it decoded; `folder` is made."""
        silent, sound, crop = (
            folder / f"silent{self.recipe.suffix}",
            folder / "cut.wav",
            folder / f"crop{self.recipe.suffix}",
        )
        (folder / "dump").mkdir(parents=True)
        end = track.start + len(track.boxes)
        self._encode(silent, track, pictures[track.start : end])
        cut = ["-ss", f"{track.start / FPS:.3f}", "-to", f"{end / FPS:.3f}"]
        ffmpeg("-i", folder.parent / "audio.wav", *cut, sound)
        ffmpeg("-i", silent, "-i", sound, "-c:v", "copy", "-c:a", self.recipe.sound, crop)
        return dumped(crop, folder / "dump")

    def _encode(self, path: Path, track: Track, pictures: Sequence[Path]) -> None:
        """Write the crops by OpenCV's encoder, whose choice of quality is part of the number."""
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*self.recipe.fourcc), FPS, (SIDE, SIDE))
        for picture, place in zip(pictures, smoothed(track.boxes), strict=True):
            writer.write(cropped(read_picture(picture), place))
        writer.release()


def scenes(video: Path) -> list[tuple[int, int]]:
    """Return first frame and the one after the last of each scene; without a cut, of the whole file."""
    from scenedetect import ContentDetector, detect

    found = detect(str(video), ContentDetector(), start_in_scene=True)
    return [(begin.get_frames(), end.get_frames()) for begin, end in found]
