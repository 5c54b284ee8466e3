"""Who speaks: geometry of the face, colours, hair, clothes, light, background and voice of a speaker.

Everything follows from (seed, actor). Skin tone, sex and hair style take turns over the actors, so that
even a small corpus is diverse; the rest is drawn at random.
"""

from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np

from .spec import FIRST_ACTOR
from .speech import Voice

Colour = tuple[float, float, float]  # RGB, 0..255
Hair = Literal["short", "side_part", "buzz", "curly", "bald", "long", "bob", "fringe", "tied"]
Beard = Literal["none", "stubble", "goatee", "full"]

SKIN_TONES: tuple[Colour, ...] = (
    (244, 211, 190), (236, 196, 170), (225, 180, 148), (212, 164, 128), (194, 144, 108),
    (172, 122, 88), (148, 102, 72), (124, 84, 60), (101, 68, 50), (82, 56, 44),
)  # fmt: skip
HAIR_COLOURS: tuple[Colour, ...] = (
    (28, 22, 20), (44, 30, 24), (70, 46, 32), (100, 66, 40), (138, 92, 52),
    (190, 150, 92), (214, 182, 128), (126, 54, 30), (150, 146, 142), (206, 202, 196),
)  # fmt: skip
EYE_COLOURS: tuple[Colour, ...] = (
    (62, 38, 24), (84, 54, 32), (104, 78, 44), (92, 110, 72), (78, 112, 146), (110, 128, 138),
)  # fmt: skip
CLOTH_COLOURS: tuple[Colour, ...] = (
    (38, 44, 60), (120, 40, 44), (52, 84, 72), (190, 184, 172), (70, 70, 74), (66, 92, 140),
    (168, 120, 60), (104, 72, 110), (226, 224, 220), (30, 30, 32), (150, 92, 84), (84, 120, 128),
)  # fmt: skip
BACKDROPS: tuple[Colour, ...] = (
    (120, 128, 136), (150, 142, 130), (88, 104, 120), (176, 178, 176), (104, 120, 104),
    (140, 116, 112), (70, 76, 86), (188, 176, 158),
)  # fmt: skip
MALE_HAIR: tuple[Hair, ...] = ("short", "side_part", "buzz", "curly", "bald", "fringe")
FEMALE_HAIR: tuple[Hair, ...] = ("long", "tied", "bob", "fringe", "curly", "side_part")
BEARDS: tuple[Beard, ...] = ("none", "stubble", "none", "full", "stubble", "goatee")
MALE_VOICES = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "max", "michel", "edward")
FEMALE_VOICES = ("f1", "f2", "f3", "f4", "f5", "steph", "belinda", "linda", "aunty", "shelby")
ACCENTS = ("en-us", "en-us", "en-gb-x-rp", "en-gb-scotland")


@dataclass(frozen=True, slots=True)
class Geometry:
    """Measures of a face as shares of the frame, from its middle line (x) and from the top (y)."""

    cheek_width: float  # half
    jaw_width: float  # half, at the jaw's angle
    chin_width: float  # half
    chin_y: float
    hairline_y: float
    eye_y: float
    eye_spacing: float  # half the distance of the pupils
    eye_width: float  # half
    eye_height: float
    eye_tilt: float  # outer corner up, share of the eye's width
    brow_y: float
    brow_thickness: float
    brow_arch: float
    nose_y: float  # base
    nose_width: float  # half
    nose_depth: float
    mouth_y: float
    mouth_width: float  # half
    upper_lip: float
    lower_lip: float


@dataclass(frozen=True, slots=True)
class Light:
    """Direction towards the light (x right, y down, z to the viewer), its share, and its tint."""

    direction: tuple[float, float, float]
    ambient: float
    tint: Colour  # factors round 1


@dataclass(frozen=True, slots=True)
class Identity:
    """A speaker. `age`, `articulation` and `asymmetry` scale wrinkles, lip movement and left-right bias."""

    actor: int
    seed: int
    female: bool
    age: float
    skin: Colour
    lips: Colour
    hair_colour: Colour
    hair: Hair
    beard: Beard
    eyes: Colour
    lashes: float
    freckles: float
    cloth: Colour
    cloth_style: int
    backdrop: Colour
    backdrop_style: int
    geometry: Geometry
    light: Light
    voice: Voice
    articulation: float
    asymmetry: float

    def generator(self, purpose: str) -> np.random.Generator:
        """Return this speaker's own randomness for one purpose ("hair", "backdrop", ...)."""
        return np.random.default_rng([self.seed, self.actor, crc32(purpose.encode())])


def identity_of(seed: int, actor: int) -> Identity:
    """Return the speaker that a corpus seed gives an actor number."""
    order = np.random.default_rng([seed, crc32(b"cast")])
    turn = actor - FIRST_ACTOR
    female = bool((turn + order.integers(2)) % 2)
    tone = int(order.permutation(len(SKIN_TONES))[turn % len(SKIN_TONES)])
    styles = FEMALE_HAIR if female else MALE_HAIR
    style = styles[(turn // 2 + int(order.integers(len(styles)))) % len(styles)]
    backdrop = (turn + int(order.integers(len(BACKDROPS)))) % len(BACKDROPS)
    generator = np.random.default_rng([seed, actor, crc32(b"identity")])
    skin = _vary(SKIN_TONES[tone], 4, generator)
    darkness = tone / (len(SKIN_TONES) - 1)
    age = float(generator.uniform(0, 1))
    return Identity(
        actor=actor,
        seed=seed,
        female=female,
        age=age,
        skin=skin,
        lips=_lip_colour(skin, female, generator),
        hair_colour=_hair_colour(darkness, age, generator),
        hair=style,
        beard="none" if female else BEARDS[int(generator.integers(len(BEARDS)))],
        eyes=EYE_COLOURS[int(generator.integers(2 if darkness > 0.5 else len(EYE_COLOURS)))],
        lashes=float(generator.uniform(0.7, 1.0) if female else generator.uniform(0.25, 0.5)),
        freckles=float(max(0, generator.uniform(-1, 1)) * (1 - darkness)),
        cloth=_vary(CLOTH_COLOURS[int(generator.integers(len(CLOTH_COLOURS)))], 10, generator),
        cloth_style=int(generator.integers(3)),
        backdrop=_vary(BACKDROPS[backdrop], 8, generator),
        backdrop_style=int(generator.integers(4)),
        geometry=_geometry(female, generator),
        light=_light(generator),
        voice=_voice(female, turn, generator),
        articulation=float(generator.uniform(0.85, 1.05)),
        asymmetry=float(generator.uniform(-0.08, 0.08)),
    )


def _vary(colour: Colour, amount: float, generator: np.random.Generator) -> Colour:
    """Return a colour whose brightness varies by `amount` per cent, and its hue by a quarter of that."""
    factor = 1 + generator.normal(0, amount) / 100 + generator.normal(0, amount / 4, 3) / 100
    red, green, blue = np.clip(np.array(colour) * factor, 8, 250).tolist()
    return red, green, blue


def _lip_colour(skin: Colour, female: bool, generator: np.random.Generator) -> Colour:
    """Return skin shifted to red; some women wear lipstick."""
    red, green, blue = skin
    depth = generator.uniform(0.62, 0.74)
    if female and generator.uniform() < 0.5:
        depth -= 0.14
    return red * 0.90, green * depth, blue * (depth + 0.06)


def _hair_colour(darkness: float, age: float, generator: np.random.Generator) -> Colour:
    if age > 0.8:
        return _vary(HAIR_COLOURS[int(generator.integers(8, 10))], 6, generator)
    choices = 3 if darkness > 0.5 else 8
    return _vary(HAIR_COLOURS[int(generator.integers(choices))], 10, generator)


def _geometry(female: bool, generator: np.random.Generator) -> Geometry:
    def around(value: float, share: float) -> float:
        return float(value * (1 + generator.uniform(-share, share)))

    eye_y = around(0.445, 0.02)
    return Geometry(
        cheek_width=around(0.272, 0.05),
        jaw_width=around(0.205 if female else 0.225, 0.07),
        chin_width=around(0.085 if female else 0.105, 0.15),
        chin_y=around(0.888 if female else 0.902, 0.012),
        hairline_y=around(0.205, 0.10),
        eye_y=eye_y,
        eye_spacing=around(0.118, 0.06),
        eye_width=around(0.062 if female else 0.058, 0.08),
        eye_height=around(0.025 if female else 0.022, 0.15),
        eye_tilt=float(generator.uniform(-0.04, 0.16)),
        brow_y=eye_y - around(0.068 if female else 0.061, 0.10),
        brow_thickness=around(0.010 if female else 0.015, 0.25),
        brow_arch=around(0.018 if female else 0.011, 0.4),
        nose_y=around(0.605, 0.02),
        nose_width=around(0.048 if female else 0.055, 0.15),
        nose_depth=around(0.075, 0.15),
        mouth_y=around(0.712, 0.012),
        mouth_width=around(0.122 if female else 0.128, 0.05),
        upper_lip=around(0.021 if female else 0.017, 0.22),
        lower_lip=around(0.030 if female else 0.025, 0.18),
    )


def _light(generator: np.random.Generator) -> Light:
    side = generator.uniform(-0.75, 0.75)
    direction = np.array([side, generator.uniform(-0.75, -0.3), 1.0])
    x, y, z = (direction / np.linalg.norm(direction)).tolist()
    warmth = generator.uniform(-0.05, 0.06)
    tint = (1 + warmth, 1.0, 1 - warmth)
    return Light((x, y, z), float(generator.uniform(0.38, 0.55)), tint)


def _voice(female: bool, turn: int, generator: np.random.Generator) -> Voice:
    names = FEMALE_VOICES if female else MALE_VOICES
    accent = ACCENTS[int(generator.integers(len(ACCENTS)))]
    return Voice(
        name=f"{accent}+{names[(turn // 2) % len(names)]}",
        rate=float(generator.uniform(145, 175)),
        pitch=float(generator.uniform(38, 60)),
        pitch_range=float(generator.uniform(40, 60)),
    )
