"""What the face does over time: action units of emotion and speech, blinks, gaze and head pose.

Emotions are EMFACS prototypes (Ekman, Friesen & Hager, FACS 2002 Investigator's Guide); intensities are
0..1, a linear stand-in for FACS A..E. Only the action units in AU_NAMES are drawn.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.types import FPS

from .speech import Speech
from .visemes import SHAPE_NAMES, mouth_track

Floats = NDArray[np.float64]

AU_NAMES = (
    "AU1",  # inner brow raiser
    "AU2",  # outer brow raiser
    "AU4",  # brow lowerer
    "AU5",  # upper lid raiser
    "AU6",  # cheek raiser
    "AU7",  # lid tightener
    "AU9",  # nose wrinkler
    "AU10",  # upper lip raiser
    "AU12",  # lip corner puller
    "AU15",  # lip corner depressor
    "AU17",  # chin raiser
    "AU18",  # lip pucker
    "AU20",  # lip stretcher
    "AU23",  # lip tightener
    "AU25",  # lips part
    "AU26",  # jaw drop
    "AU43",  # eyes closed
)
EMOTION_UNITS = {
    "NEU": {},
    "HAP": {"AU6": 0.9, "AU12": 1.0, "AU25": 0.45, "AU7": 0.25, "AU1": 0.1, "AU2": 0.1},
    "SAD": {"AU1": 1.0, "AU4": 0.35, "AU15": 1.0, "AU17": 0.7, "AU43": 0.22},
    "ANG": {"AU4": 1.0, "AU5": 0.5, "AU7": 0.8, "AU23": 0.9, "AU9": 0.12, "AU17": 0.15},
    "FEA": {"AU1": 1.0, "AU2": 0.75, "AU4": 0.4, "AU5": 1.0, "AU20": 0.95, "AU25": 0.5, "AU26": 0.2},
    "DIS": {"AU9": 1.0, "AU10": 0.85, "AU15": 0.45, "AU17": 0.45, "AU4": 0.4, "AU7": 0.6, "AU6": 0.2},
}
EMOTION_POSE = {  # pitch, yaw, roll in degrees at full intensity; pitch > 0 looks up
    "NEU": (0.0, 0.0, 0.0),
    "HAP": (2.0, 0.0, 2.0),
    "SAD": (-6.0, 0.0, 2.5),
    "ANG": (-3.5, 0.0, 0.0),
    "FEA": (3.0, 0.0, -1.5),
    "DIS": (2.0, 3.5, -3.0),
}
LEVEL_INTENSITY = {"LO": 0.55, "MD": 0.75, "HI": 1.0, "XX": 0.75}
_UNIT = {name: index for index, name in enumerate(AU_NAMES)}
_SHAPE = {name: index for index, name in enumerate(SHAPE_NAMES)}


@dataclass(frozen=True, slots=True)
class Performance:
    """All that moves, per frame.

    units: (T, len(AU_NAMES)) 0..1; AU25 and AU26 are those of the mouth as it is drawn.
    mouth: (T, len(SHAPE_NAMES)) 0..1, its jaw equal to AU26. pose: (T, 3) pitch, yaw, roll in degrees.
    shift: (T, 2) head translation as a share of the frame. gaze: (T, 2) in -1..1, right and down.
    """

    units: Floats
    mouth: Floats
    pose: Floats
    shift: Floats
    gaze: Floats


def frame_times(frames: int) -> Floats:
    """Return the time that each frame shows, in seconds: the middle of its 1/25 s."""
    return (np.arange(frames) + 0.5) / FPS


def intensity_of(emotion: str, level: str, generator: np.random.Generator) -> float:
    """Return how strongly an emotion is acted, 0..1; an unspecified level varies round the medium."""
    if emotion == "NEU":
        return 0.0
    jitter = generator.uniform(-0.08, 0.08) if level == "XX" else generator.uniform(-0.03, 0.03)
    return float(min(1.0, LEVEL_INTENSITY[level] + jitter))


def perform(
    speech: Speech,
    emotion: str,
    intensity: float,
    articulation: float,
    generator: np.random.Generator,
    gain: float = 1.0,
) -> Performance:
    """Act an emotion while speaking; `articulation` is how far this speaker moves the lips (about 1).

    `gain` scales the emotion's action units and nothing else: articulation, blinks, gaze and head stay.
    """
    times = frame_times(speech.frames)
    units = _emotion_units(emotion, intensity, times, generator)
    mouth = _mouth(speech, units, articulation, times)
    units = np.clip(gain * units, 0, 1)
    units[:, _UNIT["AU18"]] = mouth[:, _SHAPE["round"]]
    units[:, _UNIT["AU25"]] = mouth[:, _SHAPE["part"]]
    units[:, _UNIT["AU26"]] = mouth[:, _SHAPE["jaw"]]
    units[:, _UNIT["AU43"]] = np.maximum(units[:, _UNIT["AU43"]], _blinks(times, emotion, generator))
    pose, shift = _head(speech, emotion, intensity, times, generator)
    return Performance(units, mouth, pose, shift, _gaze(times, generator))


def _emotion_units(emotion: str, intensity: float, times: Floats, generator: np.random.Generator) -> Floats:
    """Ramp up from a trace at the start, hold with a slow tremble, relax slightly at the end."""
    onset = 1 / (1 + np.exp(-(times - generator.uniform(0.10, 0.18)) / 0.06))
    release = 1 - 0.25 / (1 + np.exp(-(times - times[-1] + 0.15) / 0.06))
    envelope = (0.45 + 0.55 * onset) * release
    units = np.zeros((len(times), len(AU_NAMES)))
    for name, strength in EMOTION_UNITS[emotion].items():
        individual = generator.uniform(0.9, 1.1) * (1 + 0.08 * _drift(times, 1.2, generator))
        units[:, _UNIT[name]] = strength * intensity * envelope * individual
    for name in ("AU1", "AU2", "AU4", "AU12"):  # a living face is never quite still
        units[:, _UNIT[name]] += 0.05 * np.maximum(0, _drift(times, 1.5, generator))
    return np.clip(units, 0, 1)


def _mouth(speech: Speech, units: Floats, articulation: float, times: Floats) -> Floats:
    """Lay the emotion's mouth units under the articulation; closed lips stay closed."""
    mouth = mouth_track(speech.phonemes, times)
    press, jaw, part = (mouth[:, _SHAPE[name]] for name in ("press", "jaw", "part"))
    closed = np.clip((press - 0.35) / 0.45, 0, 1)
    tight = units[:, _UNIT["AU23"]]
    jaw *= articulation * (1 - 0.15 * tight)
    jaw += 0.35 * units[:, _UNIT["AU26"]] * (1 - closed) * (1 - jaw)
    part += units[:, _UNIT["AU25"]] * (1 - part)
    part *= (1 - closed) * (1 - 0.3 * tight)
    mouth[:, _SHAPE["press"]] = closed
    return np.clip(mouth, 0, 1)


def _blinks(times: Floats, emotion: str, generator: np.random.Generator) -> Floats:
    """Return eye closure by blinks, about one in 2.5 s, 0.2 s long, closing faster than opening."""
    pause = {"FEA": 3.5, "ANG": 4.0, "SAD": 2.0}.get(emotion, 2.5)
    closure = np.zeros(len(times))
    moment = generator.uniform(0.15, pause)
    while moment < times[-1]:
        after = times - moment
        width = np.where(after < 0, 0.045, 0.085)
        closure = np.maximum(closure, np.exp(-((after / width) ** 2)))
        moment += generator.uniform(0.6, 1.6) * pause
    return closure


def _head(
    speech: Speech, emotion: str, intensity: float, times: Floats, generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """Sway slowly, nod with the loudness of speech, and hold the emotion's posture."""
    sway = np.stack([_drift(times, 0.45, generator) for _ in range(5)], axis=1)
    posture = np.array(EMOTION_POSE[emotion]) * intensity
    if emotion == "DIS":
        posture[1:] *= generator.choice([-1, 1])
    rest = generator.uniform(-1, 1, 3) * (1.5, 4.0, 1.5)
    pose = rest + posture + sway[:, :3] * (2.0, 3.0, 1.5)
    pose[:, 0] -= 2.5 * _loudness(speech)
    return pose, sway[:, 3:] * 0.008


def _loudness(speech: Speech) -> Floats:
    """Return the smoothed loudness of speech at each frame, 0..1 within the clip."""
    energy = np.sqrt((speech.audio.reshape(speech.frames, -1) ** 2).mean(1))
    window = np.hanning(9)
    smooth = np.convolve(energy, window / window.sum(), mode="same")
    return np.asarray(smooth / smooth.max())


def _gaze(times: Floats, generator: np.random.Generator) -> Floats:
    """Look at the camera with small jumps every half second or so."""
    jumps = np.sort(generator.uniform(0, times[-1], max(1, int(times[-1] / 0.6))))
    targets = generator.normal(0, 0.16, (len(jumps) + 1, 2))
    return targets[np.searchsorted(jumps, times)]


def _drift(times: Floats, hertz: float, generator: np.random.Generator) -> Floats:
    """Return a smooth random curve of about unit amplitude: three sines near a frequency."""
    rates = hertz * generator.uniform(0.5, 1.5, 3)
    phases = generator.uniform(0, 2 * np.pi, 3)
    return np.asarray(np.sin(2 * np.pi * rates * times[:, None] + phases).sum(1) / 1.7)
