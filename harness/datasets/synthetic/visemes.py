"""From phonemes to mouth shapes: viseme targets blended by dominance (Cohen & Massaro 1993).

Each phoneme pulls the mouth towards its viseme, most while it sounds and less with distance in time;
the shape is the average weighted by these dominances, so lips round before a "w" is heard and close fully
for a "p". Articulation is of lips, jaw and tongue tip only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .speech import Phoneme

Floats = NDArray[np.float64]

# jaw drop, lips parted, spread, rounded, pressed shut, lower lip under teeth, tongue tip up: 0..1
SHAPE_NAMES = ("jaw", "part", "spread", "round", "press", "tuck", "tongue")


@dataclass(frozen=True, slots=True)
class Viseme:
    """A mouth target in the order of SHAPE_NAMES, and how strongly it insists on lips and jaw."""

    shape: tuple[float, float, float, float, float, float, float]
    lips: float = 1.0
    jaw: float = 1.0


VISEMES = {
    "sil": Viseme((0.02, 0.00, 0.00, 0.00, 0.20, 0.0, 0.0), 0.8, 0.8),
    "p_b_m": Viseme((0.06, 0.00, 0.05, 0.05, 1.00, 0.0, 0.0), 5.0, 2.5),
    "f_v": Viseme((0.14, 0.25, 0.10, 0.00, 0.00, 1.0, 0.0), 4.0, 1.5),
    "th": Viseme((0.22, 0.45, 0.10, 0.00, 0.00, 0.0, 1.0), 1.5, 1.2),
    "t_d_n_l": Viseme((0.18, 0.40, 0.20, 0.00, 0.00, 0.0, 0.6), 0.6, 1.0),
    "s_z": Viseme((0.07, 0.50, 0.45, 0.00, 0.00, 0.0, 0.1), 0.9, 1.8),
    "sh_ch_j": Viseme((0.12, 0.55, 0.00, 0.70, 0.00, 0.0, 0.1), 2.0, 1.5),
    "k_g": Viseme((0.28, 0.40, 0.05, 0.00, 0.00, 0.0, 0.0), 0.5, 0.7),
    "h": Viseme((0.40, 0.40, 0.00, 0.00, 0.00, 0.0, 0.0), 0.15, 0.2),
    "r": Viseme((0.22, 0.35, 0.00, 0.50, 0.00, 0.0, 0.2), 1.2, 0.8),
    "w": Viseme((0.14, 0.20, 0.00, 1.00, 0.00, 0.0, 0.0), 3.0, 1.3),
    "iy": Viseme((0.26, 0.45, 0.75, 0.00, 0.00, 0.0, 0.0), 1.0, 1.0),
    "eh": Viseme((0.56, 0.45, 0.40, 0.00, 0.00, 0.0, 0.0), 1.0, 1.2),
    "aa": Viseme((1.00, 0.45, 0.10, 0.00, 0.00, 0.0, 0.0), 1.0, 1.5),
    "ah": Viseme((0.66, 0.40, 0.05, 0.05, 0.00, 0.0, 0.0), 1.0, 1.1),
    "ao": Viseme((0.78, 0.35, 0.00, 0.60, 0.00, 0.0, 0.0), 1.3, 1.3),
    "uw": Viseme((0.24, 0.25, 0.00, 0.95, 0.00, 0.0, 0.0), 1.8, 1.0),
    "ax": Viseme((0.38, 0.38, 0.05, 0.05, 0.00, 0.0, 0.0), 0.6, 0.7),
}
VISEME_NAMES = tuple(VISEMES)

# espeak-ng mnemonics, without stress marks; a diphthong is two visemes.
PHONEME_VISEMES = {
    **dict.fromkeys("pbm", ("p_b_m",)),
    **dict.fromkeys("fv", ("f_v",)),
    **dict.fromkeys("TD", ("th",)),
    **dict.fromkeys("tdnl", ("t_d_n_l",)),
    **dict.fromkeys("sz", ("s_z",)),
    **dict.fromkeys(("S", "Z", "tS", "dZ"), ("sh_ch_j",)),
    **dict.fromkeys(("k", "g", "N", "x", "?"), ("k_g",)),
    **dict.fromkeys(("r", "R"), ("r",)),
    **dict.fromkeys("hH", ("h",)),
    "w": ("w",),
    **dict.fromkeys("j;", ("iy",)),
    **dict.fromkeys(("i", "I"), ("iy",)),
    **dict.fromkeys(("e", "E"), ("eh",)),
    **dict.fromkeys(("a", "A", "0"), ("aa",)),
    "V": ("ah",),
    **dict.fromkeys("Oo", ("ao",)),
    **dict.fromkeys(("u", "U"), ("uw",)),
    **dict.fromkeys(("@", "a#"), ("ax",)),
    **dict.fromkeys(("3", "VR"), ("r",)),
    "aI": ("aa", "iy"),
    "aU": ("aa", "uw"),
    "eI": ("eh", "iy"),
    "OI": ("ao", "iy"),
    "oU": ("ao", "uw"),
    "_": ("sil",),
}
DIPHTHONG_TURN = 0.6
REACH_SECONDS = 0.045


def viseme_segments(phonemes: tuple[Phoneme, ...]) -> list[tuple[int, float, float]]:
    """Return (viseme index, start, end) in seconds, in time order, covering the clip."""
    segments = []
    for phoneme in phonemes:
        names = _visemes_of(phoneme.symbol)
        turn = phoneme.start + DIPHTHONG_TURN * (phoneme.end - phoneme.start)
        edges = (phoneme.start, phoneme.end) if len(names) == 1 else (phoneme.start, turn, phoneme.end)
        for name, start, end in zip(names, edges, edges[1:], strict=False):
            segments.append((VISEME_NAMES.index(name), start, end))
    return segments


def _visemes_of(symbol: str) -> tuple[str, ...]:
    """Look a mnemonic up, then its longest known beginning ("O2" -> "O", "i:" -> "i")."""
    bare = symbol.lstrip("',")  # stress
    for length in range(len(bare), 0, -1):
        if bare[:length] in PHONEME_VISEMES:
            return PHONEME_VISEMES[bare[:length]]
    raise KeyError(f"espeak-ng phoneme {symbol!r} has no viseme: add it to PHONEME_VISEMES")


def viseme_track(phonemes: tuple[Phoneme, ...], times: Floats) -> NDArray[np.int64]:
    """Return the viseme index that sounds at each time, (T,)."""
    segments = viseme_segments(phonemes)
    starts = np.array([start for _, start, _ in segments])
    index = np.searchsorted(starts, times, side="right") - 1
    return np.array([viseme for viseme, _, _ in segments])[np.maximum(index, 0)]


def mouth_track(phonemes: tuple[Phoneme, ...], times: Floats) -> Floats:
    """Return the coarticulated mouth shape at each time, (T, len(SHAPE_NAMES)), values 0..1."""
    segments = viseme_segments(phonemes)
    starts = np.array([start for _, start, _ in segments])
    ends = np.array([end for _, _, end in segments])
    visemes = [VISEMES[VISEME_NAMES[index]] for index, _, _ in segments]
    distance = np.maximum(0, np.maximum(starts - times[:, None], times[:, None] - ends))
    nearness = np.exp(-((distance / REACH_SECONDS) ** 1.4))  # (T, segments)
    targets = np.array([viseme.shape for viseme in visemes])
    jaw = nearness * np.array([viseme.jaw for viseme in visemes])
    lips = nearness * np.array([viseme.lips for viseme in visemes])
    track: Floats = lips @ targets / lips.sum(1, keepdims=True)
    track[:, 0] = (jaw @ targets[:, 0]) / jaw.sum(1)
    return track
