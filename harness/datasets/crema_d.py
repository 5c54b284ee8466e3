"""CREMA-D (Cao et al. 2014): VideoFlash/*.flv or .mp4 and AudioWAV/*.wav.

Files are named {actor}_{sentence}_{emotion}_{level}. The embedded corpus has the same layout, with
Truth/*.npz beside. Rater votes are not read here.
"""

from pathlib import Path

from harness.datasets import Found
from harness.types import Sample

EMOTIONS = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": None}
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
KNOWN_BAD = {
    "1076_MTI_NEU_XX": "the corpus lists this clip as broken",
    "1076_MTI_SAD_XX": "the corpus lists this clip as broken",
    "1064_TIE_SAD_XX": "the corpus lists this clip as broken",
    "1064_IEO_DIS_MD": "the corpus lists this clip as broken: one minute long",
}
_LFS_HEADER = b"version https://git-lfs"


def read(root: Path) -> Found:
    """Return every clip of VideoFlash; the known bad ones only where the footage is the real corpus's."""
    samples: list[Sample] = []
    unusable: dict[str, str] = {}
    drawn = (root / "corpus.json").exists()
    for video in sorted((root / "VideoFlash").glob("*")):
        if video.suffix not in {".flv", ".mp4"}:
            continue
        if samples and samples[-1].id == video.stem:
            unusable[video.name] = f"{video}: {samples[-1].video.name} is the same clip, and is the one used"
            continue
        audio = root / "AudioWAV" / f"{video.stem}.wav"
        reason = _unusable(video, audio, drawn)
        if reason is not None:
            unusable[video.stem] = reason
            continue
        actor, sentence, emotion, level = video.stem.split("_")
        truth = root / "Truth" / f"{video.stem}.npz"
        samples.append(
            Sample(
                id=video.stem,
                video=video,
                audio=audio if audio.exists() else None,
                speaker=actor,
                emotion=EMOTIONS[emotion],
                level=LEVELS[level],
                text=SENTENCES[sentence],
                truth=truth if truth.exists() else None,
            )
        )
    return Found(tuple(samples), unusable)


def _unusable(video: Path, audio: Path, drawn: bool) -> str | None:
    parts = video.stem.split("_")
    if len(parts) != 4 or parts[1] not in SENTENCES or parts[2] not in EMOTIONS or parts[3] not in LEVELS:
        return f"{video}: not named actor_SENTENCE_EMOTION_LEVEL as CREMA-D names its clips"
    if not drawn and video.stem in KNOWN_BAD:
        return f"{video}: {KNOWN_BAD[video.stem]}"
    for file in (video, audio):
        if file.exists() and _is_lfs_pointer(file):
            return f"{file}: a git-lfs pointer, not the file itself; run `git lfs pull` in the corpus"
    return None


def _is_lfs_pointer(file: Path) -> bool:
    with file.open("rb") as source:
        return source.read(len(_LFS_HEADER)) == _LFS_HEADER
