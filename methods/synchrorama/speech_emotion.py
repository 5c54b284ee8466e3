"""How a voice feels: shares of eight emotions, valence and arousal, heard in speech alone.

Two ways. `embedded`: the small network here on log-mel and prosody, taught on the embedded corpus's
synthetic speech (`train_speech_emotion`), whose six emotions it tells apart; of surprise and contempt it
knows nothing, and on human voices it was never tried. Anything else is the name of a transformers audio
classifier, such as a wav2vec2, from a local folder or the hub.

F0 is the peak of the autocorrelation divided by the window's own: Boersma, Accurate Short-Term Analysis of
the Fundamental Frequency, IFA Proceedings 17, 1993. Emotions stand in the plane of valence and arousal about
where Russell, A Circumplex Model of Affect, 1980, puts them; the numbers are ours.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.audio import MEL_BANDS, mel_spectrogram
from harness.types import EMOTIONS, SAMPLE_RATE, Audio, BadInput
from harness.weights import Weights

EMBEDDED = "embedded"
WEIGHTS_NAME = "embedded-speech-emotion"
FUNCTIONALS = 9
CIRCUMPLEX = {
    "neutral": (0.0, 0.0),
    "happy": (0.8, 0.5),
    "sad": (-0.7, -0.5),
    "angry": (-0.7, 0.7),
    "fear": (-0.6, 0.8),
    "disgust": (-0.7, 0.2),
    "surprise": (0.3, 0.8),
    "contempt": (-0.6, 0.1),
}
_WIDTH = 48
_WINDOW, _HOP, _FFT = 800, 200, 2048
_LAGS = slice(SAMPLE_RATE // 500, SAMPLE_RATE // 60)  # 60 to 500 Hz
_PIECE = 3 * SAMPLE_RATE
_SILENT_DB, _HEARD_STEPS = -55.0, 8
_VOICED = 0.6
_NAMES = {
    "neutral": ("neu", "neutral", "calm"),
    "happy": ("hap", "happy", "happiness", "joy"),
    "sad": ("sad", "sadness"),
    "angry": ("ang", "angry", "anger"),
    "fear": ("fea", "fear", "fearful"),
    "disgust": ("dis", "disgust", "disgusted"),
    "surprise": ("sur", "surprise", "surprised"),
    "contempt": ("con", "contempt"),
}

Float32 = NDArray[np.float32]
Heard = tuple[Float32, Float32]
"""Shares of EMOTIONS (8,), summing to 1; valence and arousal (2,) in -1..1."""


class SpeechEmotionNet(nn.Module):
    """Convolutions over log-mel, pooled, beside the prosody of the whole clip: logits (8) and VA (2)."""

    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(FUNCTIONALS))
        self.register_buffer("scale", torch.ones(FUNCTIONALS))
        layers: list[nn.Module] = []
        for channels in (MEL_BANDS, _WIDTH, _WIDTH):
            layers += [nn.Conv1d(channels, _WIDTH, 5, 2, 2), nn.BatchNorm1d(_WIDTH), nn.ReLU()]
        self.mel = nn.Sequential(*layers)
        self.prosody = nn.Sequential(nn.Linear(FUNCTIONALS, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.joined = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * _WIDTH + 64, 64), nn.ReLU())
        self.emotion = nn.Linear(64, len(EMOTIONS))
        self.plane = nn.Linear(64, 2)

    def forward(self, mel: Tensor, prosody: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 80, steps) in -4..4 and (B, FUNCTIONALS) -> logits (B, 8), valence and arousal (B, 2)."""
        maps = self.mel(mel / 4)
        told = self.prosody((prosody - self.mean) / self.scale)
        both = self.joined(torch.cat([maps.mean(2), maps.std(2), told], 1))
        return self.emotion(both), self.plane(both).tanh()


def speech_emotion(audio: Audio, speech: str = EMBEDDED, weights: Weights | None = None) -> Heard | None:
    """Return how (N,) mono 16 kHz sound feels, None where nobody speaks in it.

    Long sound is heard in pieces of about three seconds, as long as the clips that were learnt from, whose
    answers are averaged; silent ones have no say.
    speech: `embedded`, or a transformers audio classifier's name; weights: where the embedded network's file
    is verified. BadInput names a classifier that cannot be had or whose labels are no emotions.
    """
    pieces = np.array_split(audio, max(1, round(len(audio) / _PIECE)))
    heard = [piece for piece in pieces if not is_silent(piece)]
    if not heard:
        return None
    read = _reader(speech, weights or Weights())
    shares, planes = zip(*map(read, heard), strict=True)
    return np.mean(shares, axis=0, dtype=np.float32), np.mean(planes, axis=0, dtype=np.float32)


def is_silent(audio: Audio) -> bool:
    """Whether less than a tenth of a second of (N,) sound is louder than -55 dB of full scale."""
    return int((levels(audio) > _SILENT_DB).sum()) < _HEARD_STEPS


def levels(audio: Audio) -> Float32:
    """Return (steps,) the level of each 50 ms in dB of full scale, 80 steps a second."""
    squares = np.cumsum(np.pad(audio.astype(np.float64) ** 2, (_WINDOW // 2 + 1, _WINDOW // 2)))
    power = (squares[_WINDOW::_HOP] - squares[:-_WINDOW:_HOP]) / _WINDOW
    return (10 * np.log10(np.maximum(power, 1e-10))).astype(np.float32)


def pitch(audio: Audio) -> tuple[Float32, Float32]:
    """Return F0 in Hz and the voicing 0..1 of (N,) sound, each (steps,), 80 steps a second."""
    padded = np.pad(audio.astype(np.float64), _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    hann = np.hanning(_WINDOW)
    own = _autocorrelation(hann[None])[0]
    found = _autocorrelation((frames - frames.mean(1, keepdims=True)) * hann)
    ratio = found / (np.maximum(found[:, :1], 1e-9) * own / own[0])
    # A period's multiples repeat as well as it does: a longer lag must earn its place.
    lags = np.arange(_LAGS.start, _LAGS.stop)
    best = (ratio[:, _LAGS] - 0.01 * np.log2(lags / _LAGS.start)).argmax(1)
    voicing = ratio[np.arange(len(frames)), lags[best]].clip(0, 1)
    return (SAMPLE_RATE / lags[best]).astype(np.float32), voicing.astype(np.float32)


def prosody(audio: Audio) -> Float32:
    """Return (FUNCTIONALS,): how high, how lively, how loud and how fast a clip is spoken.

    Mean, spread and the 10, 50 and 90 % quantiles of F0 in octaves over 100 Hz where the voice sounds; mean
    and spread of the level in dB/20 there; the share of voiced steps; seconds of sound.
    """
    level, (hertz, voicing) = levels(audio), pitch(audio)
    heard = level > max(_SILENT_DB, float(level.max()) - 30)
    sounds = heard & (voicing > _VOICED)
    sounds = sounds if sounds.any() else heard
    octaves, loud = np.log2(hertz[sounds] / 100), level[sounds] / 20
    high = [octaves.mean(), octaves.std(), *np.quantile(octaves, (0.1, 0.5, 0.9))]
    return np.array([*high, loud.mean(), loud.std(), sounds.mean(), heard.sum() / 80], np.float32)


def plane_of(shares: Float32) -> Float32:
    """Return the valence and arousal (2,) that shares (8,) of the emotions expect."""
    return np.asarray(shares @ np.array([CIRCUMPLEX[e] for e in EMOTIONS]), np.float32)


@lru_cache(maxsize=2)
def _reader(speech: str, weights: Weights) -> Callable[[Audio], Heard]:
    return _embedded(weights) if speech == EMBEDDED else _classifier(speech)


def _embedded(weights: Weights) -> Callable[[Audio], Heard]:
    net = SpeechEmotionNet()
    net.load_state_dict(weights.state_dict(WEIGHTS_NAME))
    net.eval()

    def read(audio: Audio) -> Heard:
        mel = torch.from_numpy(mel_spectrogram(audio))[None]
        with torch.inference_mode():
            logits, plane = net(mel, torch.from_numpy(prosody(audio))[None])
        return logits[0].softmax(0).numpy(), plane[0].numpy()

    return read


def _classifier(name: str) -> Callable[[Audio], Heard]:
    """Return a reader by a transformers audio classifier; valence and arousal are those of its shares."""
    extractor, model = _from_pretrained(name)
    columns = [emotion_named(label, name) for _, label in sorted(model.config.id2label.items())]

    def read(audio: Audio) -> Heard:
        inputs = extractor(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        with torch.inference_mode():
            found = model(**inputs).logits[0].softmax(0).numpy()
        shares = np.zeros(len(EMOTIONS), np.float32)
        np.add.at(shares, columns, found)
        return shares, plane_of(shares)

    return read


def emotion_named(label: str, model: str) -> int:
    """Return which of EMOTIONS a classifier calls `label`. BadInput where it is none of them."""
    for emotion, names in _NAMES.items():
        if label.lower() in names:
            return EMOTIONS.index(emotion)
    raise BadInput(f'speech: {model} has a class "{label}", which is none of {", ".join(EMOTIONS)}')


def _from_pretrained(name: str) -> tuple[Any, Any]:
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification  # slow to import

    try:
        extractor = AutoFeatureExtractor.from_pretrained(name)
        model = AutoModelForAudioClassification.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise BadInput(
            f'speech: "{name}" cannot be loaded ({str(error).splitlines()[0]}); give the folder of a '
            "transformers audio classifier, be online once to fetch it, or choose speech: embedded"
        ) from error
    return extractor, model.eval()


def _autocorrelation(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, longest lag) of (n, window): its sum of products with itself, moved by each lag."""
    power = np.abs(np.fft.rfft(frames, _FFT, axis=1)) ** 2
    return np.asarray(np.fft.irfft(power, axis=1)[:, : _LAGS.stop])
