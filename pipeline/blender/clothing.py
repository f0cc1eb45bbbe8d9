"""The clothes of one person as Blender objects: hems, cloth coordinates and materials."""

from collections.abc import Sequence

import bpy
import numpy as np

from pipeline.blender import sewing
from pipeline.blender.cloth_materials import cloth_material, pictured_material
from pipeline.blender.drawing import BEHIND_UV, CLOTH_UV
from pipeline.blender.fabric_prints import Dye
from pipeline.blender.fabrics import choose_fabric
from pipeline.blender.harmony import Outfit
from pipeline.blender.hems import Hem, plan_hem
from pipeline.blender.people import label, new_mesh, set_materials, set_scalar, set_uv, set_vector
from pipeline.blender.picture_materials import OWN_UV, picture_material
from pipeline.blender.seam_lines import SEAM_ATTRIBUTES
from pipeline.blender.shoe_materials import shoe_dye, shoe_material
from pipeline.blender.wardrobe import Worn
from pipeline.conventions import PARTS

_CHOSEN_IN_ORDER = ("lower", "full", "upper", "outer", "shoes")
"""The bottom's colour comes first; what is worn over or with it is chosen to go with it."""

_LAYERS = {PARTS[name]: name for name in _CHOSEN_IN_ORDER}


class Clothing:
    """Everything that one person wears, as objects in the scene.

    rng: draws the colour scheme; each garment's own choices come from its own seed.
    """

    def __init__(
        self, worn: Sequence[Worn], person: int, instance: int, rng: np.random.Generator
    ) -> None:
        self._worn = worn
        self._hems = [None if one.part == PARTS["shoes"] else _hem(one) for one in worn]
        layouts = [None if one.part == PARTS["shoes"] else _layout(one) for one in worn]
        outfit = Outfit.sample(rng)
        order = sorted(
            range(len(worn)), key=lambda i: _CHOSEN_IN_ORDER.index(_LAYERS[worn[i].part])
        )
        looks = {number: _materials(worn[number], outfit) for number in order}
        self.things = []
        for number, one in enumerate(worn):
            name = f"worn_{person}_{number}"
            hem, layout = self._hems[number], layouts[number]
            thing = _shoes(name, one) if layout is None else _garment(name, one, hem, layout)
            slots = None
            if len(looks[number]) > 1 and one.face_group is not None:
                slots = hem.repeat_faces(one.face_group)
            set_materials(thing, looks[number], slots)
            label(thing, instance, one.part)
            self.things.append(thing)

    def vertices(self, frame: int) -> list[np.ndarray]:
        """Vertices of every thing in a frame, world m, hems included."""
        return [
            hem.extend(one.vertices[frame]) if hem else one.vertices[frame]
            for one, hem in zip(self._worn, self._hems, strict=True)
        ]

    def velocities(self, frame: int) -> list[np.ndarray]:
        """Velocity of every vertex of every thing, world m/s; a hem's is its border's."""
        return [
            hem.repeat(one.velocity[frame]) if hem else one.velocity[frame]
            for one, hem in zip(self._worn, self._hems, strict=True)
        ]


def _hem(worn: Worn) -> Hem:
    return plan_hem(worn.faces, len(worn.rest))


def _layout(worn: Worn) -> sewing.Layout:
    """Ours from the T-pose; of a garment with texture coordinates of its own, from those."""
    if worn.corner_uv is not None:
        return sewing.own_layout(worn.rest, worn.faces, worn.corner_uv)
    return sewing.lay_out(worn.kind, worn.part, worn.rest, worn.faces)


def _shoes(name: str, worn: Worn) -> bpy.types.Object:
    thing = new_mesh(name, worn.vertices[0], worn.faces)
    set_vector(thing.data, "rest", worn.rest)
    set_scalar(thing.data, "sole", "POINT", worn.sole)
    return thing


def _garment(name: str, worn: Worn, hem: Hem, layout: sewing.Layout) -> bpy.types.Object:
    thing = new_mesh(name, hem.extend(worn.vertices[0]), hem.faces)
    set_vector(thing.data, "rest", hem.repeat(worn.rest))
    distances = (*layout.seam_m.T, layout.hem_m)
    for attribute, values in zip(SEAM_ATTRIBUTES[:3], distances, strict=True):
        set_scalar(thing.data, attribute, "POINT", hem.repeat(values))
    set_scalar(thing.data, SEAM_ATTRIBUTES[3], "FACE", hem.repeat_faces(layout.piece))
    for uv_map, corner_uv in zip((CLOTH_UV, BEHIND_UV), layout.corner_uv, strict=True):
        set_uv(thing, hem.repeat_corners(corner_uv), uv_map)
    if worn.corner_uv is not None:
        set_uv(thing, hem.repeat_corners(worn.corner_uv), OWN_UV)
    return thing


def _materials(worn: Worn, outfit: Outfit) -> list[bpy.types.Material]:
    """One material, or one per material group of a garment that brings its own."""
    rng = np.random.default_rng(worn.seed)
    if worn.part == PARTS["shoes"]:
        dye = shoe_dye(worn.style, rng)
        return [shoe_material(worn.style, dye, outfit.add(rng, dye), rng)]
    if worn.pictures and worn.corner_uv is not None:
        groups = worn.groups or ("",)
        return [picture_material(worn.pictures, group, OWN_UV) for group in groups]
    if worn.pictures:
        return [pictured_material(worn.kind, worn.pictures, worn.rest, worn.pixel_m)]
    fabric = choose_fabric(worn.kind, rng)
    base = outfit.add(rng, fabric.dye or _LAYERS[worn.part])
    accent, second = outfit.accent(rng, base), outfit.accent(rng, base)
    dye = Dye(base, accent, second, _chest(worn.rest))
    return [cloth_material(worn.kind, fabric, dye, worn.rest, worn.pixel_m, rng)]


def _chest(rest: np.ndarray) -> np.ndarray:
    low, high = rest.min(axis=0), rest.max(axis=0)
    middle = (low + high) / 2
    return np.array([middle[0], middle[1], high[2] - 0.34 * (high[2] - low[2])])
