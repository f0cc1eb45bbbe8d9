"""Facts of a whole picture: who is where, how far from whom, from where the camera looks.

Left and right are the image's; nearer and farther are along the camera's axis; distances between
people are between their pelvises.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pipeline.dataset import Frame
from pipeline.text.bands import BANDS
from pipeline.text.describe import describe
from pipeline.text.fact import Fact, PoseFacts

_SEEN_PX = 100
"""With so many pixels a person is surely in the picture; with fewer a reader may not count them."""

_EYE_LEVEL_M = (1.35, 1.75)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_SUN = {"high": (50.0, 90.0), "low": (-1.0, 22.0)}


@dataclass(frozen=True)
class Pair:
    """Two people: whether a is left of b in the image and nearer to the camera (None: unsure), and
    their distance in metres."""

    a: int
    b: int
    left: bool | None
    nearer: bool | None
    metres: float


@dataclass(frozen=True)
class SceneFacts:
    """A picture: its own facts, everybody's, and every pair of those who are surely seen.

    order: who is surely seen, from left to right in the image. sure: nobody is so small that a
    reader may not count them. names: how to speak of each of them without doubt.
    """

    key: str
    people: tuple[PoseFacts, ...]
    facts: tuple[Fact, ...]
    order: tuple[int, ...]
    sure: bool
    pairs: tuple[Pair, ...]
    names: dict[int, str]

    def get(self, id: str) -> Fact | None:
        """A fact of the picture by its id, e.g. "camera.pitch"; None where nothing is sure."""
        return next((fact for fact in self.facts if fact.id == id), None)


def describe_scene(frame: Frame) -> SceneFacts:
    """Everything that can be said of a frame. Raises what `describe` raises."""
    areas = [person["mask_area_px"] for person in frame.people]
    centres = {
        k: (person["box_modal"][0] + person["box_modal"][2]) / 2 / frame.size[0]
        for k, person in enumerate(frame.people)
        if areas[k] >= _SEEN_PX
    }
    order = sorted(centres, key=lambda k: (centres[k], k))
    pelvis = frame.labels["joints_cam"][:, 0].astype(float)
    pairs = [_pair(a, b, centres, pelvis) for a, b in combinations(order, 2)]
    sure = all(area == 0 or area >= _SEEN_PX for area in areas)
    return SceneFacts(
        key=frame.key,
        people=tuple(describe(frame, k) for k in range(len(frame.people))),
        facts=tuple(_scene_facts(frame, len(order), sure)),
        order=tuple(order),
        sure=sure,
        pairs=tuple(pairs),
        names=_names(frame, order, {(p.a, p.b): p.left for p in pairs}),
    )


def _pair(a: int, b: int, centres: dict[int, float], pelvis: np.ndarray) -> Pair:
    aside, deeper = centres[b] - centres[a], pelvis[b, 2] - pelvis[a, 2]
    return Pair(
        a,
        b,
        left=_signed("beside", aside),
        nearer=_signed("nearer", deeper),
        metres=float(np.linalg.norm(pelvis[a] - pelvis[b])),
    )


def _signed(band: str, value: float) -> bool | None:
    return bool(value > 0) if BANDS[band](abs(value)) else None


def _names(frame: Frame, order: list[int], left: dict) -> dict[int, str]:
    """The place in the row where it is clear, or else the box in pixels."""
    names = {}
    for i, k in enumerate(order):
        beside = [left.get((order[j], order[j + 1])) for j in (i - 1, i) if 0 <= j < len(order) - 1]
        if len(order) == 1:
            names[k] = "the person"
        elif all(beside) and len(order) <= len(_ORDINALS):
            names[k] = _place_in_row(i, len(order))
        else:
            box = ", ".join(f"{value:.0f}" for value in frame.people[k]["box_modal"])
            names[k] = f"the person in the box ({box})"
    return names


def _place_in_row(i: int, count: int) -> str:
    if i == 0:
        return "the person on the left" if count < 4 else "the leftmost person"
    if i == count - 1:
        return "the person on the right" if count < 4 else "the rightmost person"
    return "the person in the middle" if count == 3 else f"the {_ORDINALS[i]} person from the left"


def _scene_facts(frame: Frame, count: int, sure: bool) -> list[Fact]:
    camera, light = frame.facts["camera"], frame.facts["light"]
    facts = []
    if sure:
        facts.append(Fact("people", "count", str(count), count, labels=("mask_area_px",)))
    labels = ("json camera.eye_m",)
    height, pitch = camera["eye_m"][2], camera["pitch_deg"]
    if BANDS["camera_high"](height):
        facts.append(Fact("camera", "height", "high", height, "m", labels=labels))
    elif BANDS["camera_low"](-height):
        facts.append(Fact("camera", "height", "low", height, "m", labels=labels))
    elif _EYE_LEVEL_M[0] <= height <= _EYE_LEVEL_M[1]:
        facts.append(Fact("camera", "height", "eye_level", height, "m", labels=labels))
    labels, tilted = ("json camera.pitch_deg",), BANDS["camera_pitch"](abs(pitch))
    if tilted is not None:
        value = ("down" if pitch < 0 else "up") if tilted else "level"
        facts.append(Fact("camera", "pitch", value, pitch, "deg", labels=labels))
    if BANDS["camera_roll"](abs(camera["roll_deg"])):
        labels = ("json camera.roll_deg",)
        facts.append(Fact("camera", "roll", "tilted", camera["roll_deg"], "deg", labels=labels))
    hfov, labels = camera["hfov_deg"], ("json camera.hfov_deg",)
    if BANDS["wide_view"](hfov):
        facts.append(Fact("camera", "view", "wide", hfov, "deg", labels=labels))
    elif BANDS["narrow_view"](-hfov):
        facts.append(Fact("camera", "view", "narrow", hfov, "deg", labels=labels))
    place = light["hdri"] if light["place"] == "panorama" else light["place"]
    facts.append(Fact("place", "kind", place, labels=("json light.place", "json light.hdri")))
    # Only a procedural sky has a sun whose height is known; an HDRI's fields are 0.
    if not light["hdri"] and light["place"] in ("field", "plaza"):
        deg, labels = light["sun_elevation_deg"], ("json light.sun_elevation_deg",)
        for name, (low, high) in _SUN.items():
            if low <= deg <= high:
                facts.append(Fact("light", "sun", name, deg, "deg", labels=labels))
    return facts
