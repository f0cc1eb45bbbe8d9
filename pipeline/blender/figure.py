"""One person in the scene: body, garments and hair, with their looks."""

import bpy
import numpy as np

from pipeline.blender import cloth_materials, features, fuzz, groom, hair, palette
from pipeline.blender.eyes import eye_material, teeth_material, tongue_material
from pipeline.blender.hems import Hem, plan_hem
from pipeline.blender.people import (
    face_parts,
    label,
    move_vertices,
    new_mesh,
    read_vertices,
    set_materials,
    set_scalar,
    set_uv,
    set_vector,
)
from pipeline.blender.skin import skin_material
from pipeline.blender.wardrobe import Worn, side_faces, world_normals
from pipeline.body.modelfile import JOINT_INDEX, ModelFile
from pipeline.contracts import SceneBodies
from pipeline.conventions import PARTS
from pipeline.garments.surface import vertex_normals
from pipeline.scene import PersonSpec

_FACE_SLOTS = np.array([0, 1, 1, 2, 2, 3])
"""Material slot of each `face_part`: skin, eyes, teeth, tongue."""

_GROWN_UP_YEARS = 17.0
_UPPER_JOINTS = [
    JOINT_INDEX[name]
    for name in (
        *("head", "neck", "spine3", "left_collar", "right_collar"),
        *("left_shoulder", "right_shoulder"),
    )
]
_OVER_HAIR = {PARTS["upper"], PARTS["full"], PARTS["outer"]}


class Figure:
    """The Blender objects of person `index`, moved from frame to frame by `show`.

    painted: the body has the texture map that the free body's CC0 masks are made for.
    """

    def __init__(
        self,
        index: int,
        person: PersonSpec,
        bodies: SceneBodies,
        worn: list[Worn],
        model: ModelFile,
        with_hair: bool,
        painted: bool,
    ) -> None:
        self._index, self._model, self._worn = index, model, worn
        self._vertices = bodies.vertices[:, index]
        self._tpose = bodies.tpose[index].astype(float)
        self._instance = index + 1
        look = person.appearance
        rng = np.random.default_rng(look.seed)
        self._head = features.find_head(self._tpose, model)
        style = look.hair_style if with_hair else "bald"
        self._groom = groom.plan_hair(style, self._tpose, model, self._head, rng)
        self._man = person.subject.sex == "male" and person.subject.age_years >= _GROWN_UP_YEARS
        stubble = float(rng.choice([0.25, 0.55, 0.9])) if self._man else 0.0
        bearded = self._man and rng.random() < 0.25
        beard_m = float(rng.uniform(0.004, 0.014)) if bearded else 0.0
        fullness = float(rng.uniform(1.0, 1.5) if self._man else rng.uniform(0.7, 1.1))
        self._fuzz = fuzz.plan_fuzz(self._tpose, model, self._head, fullness, beard_m, rng)
        self.body = self._add_body(person, painted, stubble, rng)
        self._hems = [_hem(garment) for garment in worn]
        self._garments = self._dress()
        self._hair = self._add_hair(person) if with_hair else []

    @property
    def coverings(self) -> list[bpy.types.Object]:
        """Everything but the naked body."""
        return self._garments + self._hair

    def show(self, frame: int) -> None:
        """Move everything to a frame of the scene."""
        move_vertices(self.body, self._vertices[frame])
        for thing, worn, hem in zip(self._garments, self._worn, self._hems, strict=True):
            vertices = worn.vertices[frame]
            move_vertices(thing, hem.extend(vertices) if hem else vertices)
        for thing, strands in zip(self._hair, self._all_strands(frame), strict=False):
            hair.move_strands(thing, strands)

    def evaluated_vertices(self) -> np.ndarray:
        """Body vertices (V, 3) f32 world m as Blender evaluates them."""
        return read_vertices(self.body)

    def _add_body(
        self, person: PersonSpec, painted: bool, stubble: float, rng: np.random.Generator
    ) -> bpy.types.Object:
        look, model, tpose, head = person.appearance, self._model, self._tpose, self._head
        body = new_mesh(f"body_{self._index}", self._vertices[0], model.faces)
        set_vector(body.data, "rest", tpose)
        set_vector(body.data, "eyeball", features.eye_coordinates(tpose, model, head))
        child = person.subject.age_years < _GROWN_UP_YEARS
        fields = {
            "brow": features.brows(tpose, head, 1.1 if self._man else 0.8),
            "lash": features.upper_lashes(tpose, head),
            "lip": features.lips(tpose, head),
            "flush": features.flush(tpose, head) * (1.1 if child else 0.85),
            "beard": features.beard(tpose, head),
            "scalp": self._groom.scalp if self._groom else np.zeros(len(tpose)),
        }
        for name, values in fields.items():
            set_scalar(body.data, name, "POINT", values)
        if model.vt is not None:
            set_uv(body, model.vt[model.ft])
        colour = np.array(hair.COLOURS[look.hair_colour])
        tint = 0.0 if self._man or child else float(rng.random() ** 2)
        skin = skin_material(look.skin_tone, colour, stubble, tint, painted, rng)
        materials = [skin, eye_material(look.iris), teeth_material(), tongue_material()]
        set_materials(body, materials, _FACE_SLOTS[model.face_part])
        label(body, self._instance, self._parts())
        return body

    def _parts(self) -> np.ndarray:
        """Part per face: skin under hair counts as hair, as seen between the strands."""
        parts = face_parts(self._model.vertex_part, self._model.faces)
        parts[self._model.face_part > 0] = PARTS["eyes_mouth"]
        if self._groom:
            covered = self._groom.scalp[self._model.faces].mean(axis=1) > 0.5
            parts[covered] = PARTS["hair"]
        return parts

    def _dress(self) -> list[bpy.types.Object]:
        materials = self._fabrics()
        things = []
        for number, (worn, hem) in enumerate(zip(self._worn, self._hems, strict=True)):
            name, side = f"worn_{self._index}_{number}", side_faces(worn)
            if hem:
                thing = new_mesh(name, hem.extend(worn.vertices[0]), hem.faces)
                set_vector(thing.data, "rest", hem.repeat(worn.rest))
                side = np.append(side, np.zeros(len(hem.faces) - len(side)))
            else:
                thing = new_mesh(name, worn.vertices[0], worn.faces)
                set_vector(thing.data, "rest", worn.rest)
                sole = np.zeros(len(worn.rest)) if worn.sole is None else worn.sole
                set_scalar(thing.data, "sole", "POINT", sole)
            set_scalar(thing.data, "side", "FACE", side)
            set_materials(thing, [materials[number]])
            label(thing, self._instance, worn.part)
            things.append(thing)
        return things

    def _fabrics(self) -> list[bpy.types.Material]:
        """One material per garment; the bottom's colour is chosen first, the top goes with it."""
        materials: dict[int, bpy.types.Material] = {}
        bottom = None
        order = sorted(range(len(self._worn)), key=lambda i: self._worn[i].part != PARTS["lower"])
        for number in order:
            worn = self._worn[number]
            rng = np.random.default_rng(worn.seed)
            if worn.part == PARTS["shoes"]:
                materials[number] = cloth_materials.shoe_material(rng)
                continue
            if worn.part == PARTS["lower"]:
                base = bottom = palette.bottom_colour(rng)
            else:
                base = palette.top_colour(rng, bottom)
            materials[number] = self._cloth(worn, base, rng)
        return [materials[number] for number in range(len(self._worn))]

    def _cloth(self, worn: Worn, base: np.ndarray, rng: np.random.Generator):
        pattern = cloth_materials.choose_pattern(worn.kind, rng)
        accent = palette.accent_colour(rng, base)
        low, high = worn.rest.min(axis=0), worn.rest.max(axis=0)
        middle = (low + high) / 2
        chest = np.array([middle[0], middle[1], high[2] - 0.34 * (high[2] - low[2])])
        return cloth_materials.cloth_material(pattern, base, accent, chest, rng)

    def _add_hair(self, person: PersonSpec) -> list[bpy.types.Object]:
        """Brows, lashes and beard first, then the hair of the head, if any."""
        colour = np.array(hair.COLOURS[person.appearance.hair_colour])
        older = float(np.clip((person.subject.age_years - 38) / 40, 0, 0.5))
        material = hair.hair_material(colour, older)
        dark = hair.hair_material(colour * 0.6 + 0.002, older / 2)
        labels = ((PARTS["face"], dark, 0.00010), (PARTS["hair"], material, hair.ROOT_RADIUS_M))
        things = []
        for strands, (part, look, radius_m) in zip(self._all_strands(0), labels, strict=False):
            name = f"strands_{self._index}_{part}"
            thing = hair.add_strands(name, strands, self._instance, part, radius_m)
            thing.data.materials.append(look)
            things.append(thing)
        return things

    def _all_strands(self, frame: int) -> list[np.ndarray]:
        vertices = self._vertices[frame]
        strands = [self._fuzz.place(vertices, self._model.faces)]
        if self._groom:
            strands.append(self._head_hair(frame))
        return strands

    def _head_hair(self, frame: int) -> np.ndarray:
        vertices = self._vertices[frame]
        skin = self._model.weights[:, _UPPER_JOINTS].sum(axis=1) > 0.5
        points = [vertices[skin]]
        normals = [vertex_normals(vertices.astype(float), self._model.faces)[skin]]
        for worn in self._worn:
            if worn.part in _OVER_HAIR:
                points.append(worn.vertices[frame])
                normals.append(world_normals(worn, frame))
        obstacles = np.concatenate(points), np.concatenate(normals)
        return groom.grow(self._groom, vertices, self._tpose, self._model, self._head, obstacles)


def _hem(worn: Worn) -> Hem | None:
    """Cloth of triangles gets a hem; shoes and odd meshes keep their edges."""
    if worn.part == PARTS["shoes"] or worn.faces.shape[1] != 3:
        return None
    return plan_hem(worn.faces, len(worn.rest))
