"""Speech by espeak-ng (through espeakng-loader): sound at 16 kHz and the exact time of every phoneme.

Emotion is carried by rate, pitch, pitch range and loudness, in the directions that Scherer (2003,
Speech Communication) and Burkhardt & Sendlmeier (2000) report. It is no emotional voice actor.
"""

import ctypes
from _ctypes import dlclose
from dataclasses import dataclass

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from harness.types import SAMPLE_RATE, SAMPLES_PER_FRAME, Audio

LEAD_SECONDS = 0.2
TAIL_SECONDS = 0.2
NOISE_FLOOR = 2e-4
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4  # espeak_PARAMETER
_SYNCHRONOUS, _PHONEME_EVENTS, _CHARS_UTF8 = 2, 1, 1
_LIST_TERMINATED, _PHONEME = 0, 7  # espeak_EVENT_TYPE


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker's voice: espeak-ng voice name, words a minute, pitch and pitch range (0..99)."""

    name: str
    rate: float
    pitch: float
    pitch_range: float


@dataclass(frozen=True, slots=True)
class Prosody:
    """What an emotion does to a voice: factors on rate and range, shift of pitch, gain in dB."""

    rate: float = 1.0
    pitch: float = 0.0
    pitch_range: float = 1.0
    gain_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Phoneme:
    """An espeak-ng phoneme mnemonic and its start and end in seconds."""

    symbol: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Sound (N,) float32 16 kHz, N a multiple of 640, and its phonemes; silence has the symbol "_"."""

    audio: Audio
    phonemes: tuple[Phoneme, ...]

    @property
    def frames(self) -> int:
        """Number of video frames at 25 frames/s that last exactly as long as the sound."""
        return len(self.audio) // SAMPLES_PER_FRAME


PROSODY = {
    "NEU": Prosody(),
    "HAP": Prosody(rate=1.06, pitch=14, pitch_range=1.5, gain_db=2.0),
    "SAD": Prosody(rate=0.80, pitch=-10, pitch_range=0.45, gain_db=-5.0),
    "ANG": Prosody(rate=1.10, pitch=6, pitch_range=1.7, gain_db=5.0),
    "FEA": Prosody(rate=1.18, pitch=22, pitch_range=0.8, gain_db=0.0),
    "DIS": Prosody(rate=0.86, pitch=-6, pitch_range=1.15, gain_db=-1.0),
}


def speak(text: str, voice: Voice, emotion: str, intensity: float, generator: np.random.Generator) -> Speech:
    """Say `text`; `intensity` 0..1 scales what the emotion does to the voice.

    Silence of about 0.2 s stands before and after; the sound is padded to whole video frames.
    """
    prosody = PROSODY[emotion]
    settings = {
        _RATE: voice.rate * (1 + (prosody.rate - 1) * intensity) * generator.uniform(0.97, 1.03),
        _PITCH: voice.pitch + prosody.pitch * intensity + generator.uniform(-2, 2),
        _RANGE: voice.pitch_range * (1 + (prosody.pitch_range - 1) * intensity),
        _VOLUME: 100,
    }
    pcm, starts, rate = _synthesise(text, voice.name, {k: round(v) for k, v in settings.items()})
    lead = LEAD_SECONDS + generator.uniform(-0.04, 0.04)
    gain_db = prosody.gain_db * intensity + generator.uniform(-1, 1)
    audio = _to_audio(pcm, rate, lead, gain_db, generator)
    return Speech(audio, _phonemes(starts, rate, lead, len(audio) / SAMPLE_RATE))


def _to_audio(
    pcm: NDArray[np.int16], rate: int, lead: float, gain_db: float, generator: np.random.Generator
) -> Audio:
    from scipy.signal import resample_poly  # slow to import, and only who draws needs it

    speech = resample_poly(pcm.astype(np.float64) / 32768, SAMPLE_RATE // 50, rate // 50)
    loud = np.sqrt(np.mean(speech**2))
    speech *= 0.06 / loud * 10 ** (gain_db / 20)
    speech = np.tanh(speech / 0.9) * 0.9  # a soft limiter: no peak reaches full scale
    start = round(lead * SAMPLE_RATE)
    samples = start + len(speech) + round(TAIL_SECONDS * SAMPLE_RATE)
    frames = -(-samples // SAMPLES_PER_FRAME)
    audio = generator.normal(0, NOISE_FLOOR, frames * SAMPLES_PER_FRAME)
    audio[start : start + len(speech)] += speech
    return audio.astype(np.float32)


def _phonemes(starts: list[tuple[int, str]], rate: int, lead: float, duration: float) -> tuple[Phoneme, ...]:
    """Turn phoneme onsets into intervals that cover the clip from 0 to `duration` without a gap."""
    times = [lead + sample / rate for sample, _ in starts]
    symbols = ["_" if symbol.startswith("_") else symbol for _, symbol in starts]
    ends = [*times[1:], duration]
    spoken = [Phoneme(*item) for item in zip(symbols, times, ends, strict=True)]
    return (Phoneme("_", 0.0, times[0]), *(item for item in spoken if item.end > item.start))


class _EventId(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def _synthesise(
    text: str, voice: str, settings: dict[int, int]
) -> tuple[NDArray[np.int16], list[tuple[int, str]], int]:
    """Return PCM, phoneme onsets (sample, mnemonic) and the sample rate.

    espeak-ng keeps state between sentences (glottal phase, flutter), even over espeak_Terminate; the
    library is therefore loaded afresh each time (5 ms), so a clip does not depend on the ones before.
    """
    chunks: list[NDArray[np.int16]] = []
    onsets: list[tuple[int, str]] = []

    def receive(
        samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]"
    ) -> int:
        if samples and count:
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != _LIST_TERMINATED:
            if events[index].type == _PHONEME:
                onsets.append((events[index].sample, events[index].id.string.decode()))
            index += 1
        return 0

    callback = _Callback(receive)
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        data = espeakng_loader.get_data_path().encode()
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, data, _PHONEME_EVENTS)
        if rate <= 0:
            raise RuntimeError(f"espeak-ng did not start with the data in {data.decode()}")
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RuntimeError(f"espeak-ng has no voice {voice!r}")
        for parameter, value in settings.items():
            library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        library.espeak_Synchronize()
        library.espeak_Terminate()
    finally:
        dlclose(library._handle)
    return np.concatenate(chunks), onsets, rate
