"""CREMA-D (Cao et al. 2014): VideoFlash/*.flv or .mp4 and AudioWAV/*.wav, votes in processedResults.

Files are named {actor}_{sentence}_{emotion}_{level}; the label is what the actor was asked to show, the votes
(`crema_d_votes`) are what the raters saw. The embedded corpus has the same layout, with Truth/*.npz beside.
A sound file that disagrees with its picture in length is found when the clip is prepared.
"""

import json
from pathlib import Path

from harness.datasets import Found, unread
from harness.datasets.crema_d_votes import read_votes
from harness.types import EMOTIONS as VOCABULARY
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
    "1076_MTI_NEU_XX": "its sound cannot be played",
    "1076_MTI_SAD_XX": "it has neither a face nor a sound",
    "1064_TIE_SAD_XX": "its video has no length",
    "1064_IEO_DIS_MD": "its video is one minute long and shows several emotions",
}
"""Clips of the published corpus that nobody can use (the corpus's issue 8)."""

_MASK = tuple(e for e in VOCABULARY if e in EMOTIONS.values())


def read(root: Path) -> Found:
    """Return every clip of VideoFlash; the known bad ones only where the footage is the real corpus's."""
    samples: list[Sample] = []
    votes, unusable, notes = read_votes(root)
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
                votes=votes.get(video.stem),
            )
        )
    return Found(tuple(samples), unusable, _MASK, notes, _population(root))


def _population(root: Path) -> tuple[str, ...]:
    """The published corpus has its own actors, the embedded one draws others from each seed."""
    description = root / "corpus.json"
    if not description.exists():
        return ("crema_d",)
    return "embedded", str(json.loads(description.read_text(encoding="utf-8"))["spec"]["seed"])


def _unusable(video: Path, audio: Path, drawn: bool) -> str | None:
    parts = video.stem.split("_")
    if len(parts) != 4 or parts[1] not in SENTENCES or parts[2] not in EMOTIONS or parts[3] not in LEVELS:
        return f"{video}: not named actor_SENTENCE_EMOTION_LEVEL as CREMA-D names its clips"
    if not drawn and video.stem in KNOWN_BAD:
        return f"{video}: known to be broken: {KNOWN_BAD[video.stem]}"
    return unread(video) or (unread(audio) if audio.exists() else None)
