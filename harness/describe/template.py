"""Facts in fixed sentences: the same facts always give the same words."""

from harness.describe.facts import Facts

_LOOKS = {
    "neutral": "neutral",
    "happy": "happy",
    "sad": "sad",
    "angry": "angry",
    "fear": "afraid",
    "disgust": "disgusted",
    "surprise": "surprised",
    "contempt": "contemptuous",
}
_DEGREES = {"low": "slightly ", "medium": "", "high": "very ", None: ""}
# Degrees from which a head is said to be turned, raised or tilted. A person's own nose shifts pitch by ten.
_TURNED, _RAISED, _TILTED = 6.0, 20.0, 5.0
_STILL, _LIVELY = 1.5, 3.0
_ASIDE = 0.1  # an iris is half as wide as the eye: its middle does not come near a corner
_DARK, _BRIGHT = 0.35, 0.55
_CLOSE, _MEDIUM = 0.55, 0.3


def sentences(facts: Facts) -> str:
    """Return two to five English sentences."""
    said = [f"{_framing(facts)} of a person{_mood(facts)}.", _head(facts), f"The eyes look {_gaze(facts)}."]
    said.append(f"The picture is {_light(facts)}.")
    if facts.motion is not None:
        said.append(f"The head {_motion(facts.motion)}.")
    return " ".join(said)


def _framing(facts: Facts) -> str:
    if facts.face >= _CLOSE:
        return "A close-up"
    return "A head shot" if facts.face >= _MEDIUM else "A wide shot"


def _mood(facts: Facts) -> str:
    if facts.emotion is None:
        return ""
    # A neutral face has no degrees.
    degree = "" if facts.emotion == "neutral" else _DEGREES[facts.level]
    return f" who looks {degree}{_LOOKS[facts.emotion]}"


def _head(facts: Facts) -> str:
    """Directions are the picture's own."""
    found = []
    if abs(facts.yaw) >= _TURNED:
        found.append(f"turned to the {'right' if facts.yaw > 0 else 'left'}")
    if abs(facts.pitch) >= _RAISED:
        found.append("raised" if facts.pitch > 0 else "lowered")
    if abs(facts.roll) >= _TILTED:
        found.append(f"tilted to the {'right' if facts.roll > 0 else 'left'}")
    if not found:
        return "The head faces the camera."
    return f"The head is {' and '.join(found)}."


def _gaze(facts: Facts) -> str:
    if abs(facts.gaze) < _ASIDE:
        return "straight ahead"
    return f"to the {'right' if facts.gaze > 0 else 'left'}"


def _light(facts: Facts) -> str:
    if facts.brightness < _DARK:
        return "dark"
    return "bright" if facts.brightness > _BRIGHT else "evenly lit"


def _motion(degrees: float) -> str:
    if degrees < _STILL:
        return "hardly moves"
    return "moves a lot" if degrees > _LIVELY else "moves a little"
