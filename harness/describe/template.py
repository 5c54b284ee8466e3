"""Facts in one sentence: the same facts always give the same words.

It is short, some thirty of a text encoder's tokens, for a small model's attention to be spent on facts.
"""

from harness.describe.facts import Facts

LOOKS = {
    "neutral": "calm",
    "happy": "happy",
    "sad": "sad",
    "angry": "angry",
    "fear": "frightened",
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


def sentence(facts: Facts) -> str:
    """Return one English sentence; directions are the picture's own."""
    said = [f"{_person(facts)} in {_framing(facts.face)}", _head(facts), _gaze(facts.gaze)]
    said.append(f"{_light(facts.brightness)} lit")
    if facts.motion is not None:
        said.append(_motion(facts.motion))
    return ", ".join(said) + "."


def _person(facts: Facts) -> str:
    if facts.emotion is None:
        return "A person"
    # A neutral face has no degrees.
    degree = "" if facts.emotion == "neutral" else _DEGREES[facts.level]
    mood = degree + LOOKS[facts.emotion]
    return f"{'An' if mood[0] in 'aeiou' else 'A'} {mood} person"


def _framing(face: float) -> str:
    if face >= _CLOSE:
        return "close-up"
    return "a head shot" if face >= _MEDIUM else "a wide shot"


def _head(facts: Facts) -> str:
    found = []
    if abs(facts.yaw) >= _TURNED:
        found.append(f"turned {'right' if facts.yaw > 0 else 'left'}")
    if abs(facts.pitch) >= _RAISED:
        found.append("raised" if facts.pitch > 0 else "lowered")
    if abs(facts.roll) >= _TILTED:
        found.append(f"tilted {'right' if facts.roll > 0 else 'left'}")
    return f"head {' and '.join(found)}" if found else "facing the camera"


def _gaze(gaze: float) -> str:
    if abs(gaze) < _ASIDE:
        return "looking ahead"
    return f"looking {'right' if gaze > 0 else 'left'}"


def _light(brightness: float) -> str:
    if brightness < _DARK:
        return "darkly"
    return "brightly" if brightness > _BRIGHT else "evenly"


def _motion(degrees: float) -> str:
    if degrees < _STILL:
        return "hardly moving"
    return "moving a lot" if degrees > _LIVELY else "moving a little"
