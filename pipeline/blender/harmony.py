"""Which colours are worn together: a scheme for the whole outfit, in a perceptual colour space.

Hue, chroma and lightness are those of Oklab (Ottosson 2020, https://bottosson.github.io/posts/oklab).
Black, white, greys, beige, denim and leather count as neutral: they go with everything.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.blender import palette

NEUTRAL_CHROMA = 0.058
"""Below this a colour is worn as a neutral: greys, beige, navy, denim, brown leather."""

SCHEMES = {"neutral": 0.36, "analogous": 0.24, "complementary": 0.20, "monochrome": 0.20}
"""How often an outfit follows each scheme."""

_APART_DEG = {
    "monochrome": ((0.0, 22.0),),
    "analogous": ((0.0, 60.0),),
    "complementary": ((0.0, 22.0), (130.0, 180.0)),
}
"""Hue differences that two colours of a scheme may have."""

_MOST_COLOURS = {"neutral": 1, "monochrome": 3, "analogous": 3, "complementary": 2}
_ENOUGH_CONTRAST = 0.30
_CANDIDATES = 14

_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def lightness_chroma_hue(colour: np.ndarray) -> tuple[float, float, float]:
    """Oklab lightness 0..1, chroma and hue in degrees of a linear RGB colour (3,)."""
    lightness, a, b = _LAB @ np.cbrt(_LMS @ np.asarray(colour, float))
    return float(lightness), float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)) % 360)


def is_neutral(colour: np.ndarray) -> bool:
    """Whether a linear RGB colour goes with everything."""
    return lightness_chroma_hue(colour)[1] < NEUTRAL_CHROMA


def hues_agree(scheme: str, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two colours may be worn together under a scheme; neutrals always may."""
    if is_neutral(a) or is_neutral(b):
        return True
    if scheme == "neutral":
        return False
    apart = abs(lightness_chroma_hue(a)[2] - lightness_chroma_hue(b)[2])
    apart = min(apart, 360 - apart)
    return any(low <= apart <= high for low, high in _APART_DEG[scheme])


@dataclass
class Outfit:
    """The colours of one person's clothes so far, in the order in which they were chosen."""

    scheme: str
    chosen: list[np.ndarray]

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "Outfit":
        """An outfit without clothes yet, and the scheme it will follow."""
        return cls(str(rng.choice(list(SCHEMES), p=list(SCHEMES.values()))), [])

    def add(self, rng: np.random.Generator, use: str) -> np.ndarray:
        """Choose a colour (3,) for the next piece: one of `use` that suits what is worn already."""
        colour = self._pick(rng, use)
        self.chosen.append(colour)
        return colour

    def accent(self, rng: np.random.Generator, base: np.ndarray) -> np.ndarray:
        """A second colour (3,) for a pattern on `base`: it suits the outfit, and stands out."""
        return self._pick(rng, "accents", against=base)

    def _pick(self, rng: np.random.Generator, use: str, against: np.ndarray | None = None):
        known = palette.colours(use)
        tried = [palette.varied(rng, known[i]) for i in rng.integers(0, len(known), _CANDIDATES)]
        suits = [colour for colour in tried if self._suits(colour)]
        # Every use has neutrals, so a list without one is rare; the least colourful is nearest.
        suits = suits or [min(tried, key=lambda c: lightness_chroma_hue(c)[1])]
        beside = self.chosen[-1:] if against is None else [against]
        if not beside:
            return suits[0]
        worth = [self._worth(colour, beside[0], against is not None) for colour in suits[:6]]
        return suits[int(np.argmax(worth))]

    def _suits(self, colour: np.ndarray) -> bool:
        if is_neutral(colour):
            return True
        loud = [worn for worn in self.chosen if not is_neutral(worn)]
        room = len(loud) < _MOST_COLOURS[self.scheme]
        return room and all(hues_agree(self.scheme, colour, worn) for worn in loud)

    def _worth(self, colour: np.ndarray, beside: np.ndarray, strict: bool) -> float:
        """Contrast of lightness, up to enough, and a little reward for following the scheme."""
        lightness, chroma, _ = lightness_chroma_hue(colour)
        contrast = abs(lightness - lightness_chroma_hue(beside)[0])
        reward = 0.0 if strict or self.scheme == "neutral" else 1.2 * min(chroma, 0.12)
        return min(contrast, _ENOUGH_CONTRAST) + reward
