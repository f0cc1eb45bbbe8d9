"""One person in the scene: body, garments and hair, with their looks."""

import bpy
import numpy as np

from pipeline.blender import cloth_materials, features, groom, hair, palette
from pipeline.blender.eyes import eye_material, teeth_material, tongue_material
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
from pipeline.body.modelfile import ModelFile
from pipeline.contracts import SceneBodies
from pipeline.conventions import PARTS
from pipeline.garments.surface import vertex_normals
from pipeline.scene import PersonSpec

_FACE_SLOTS = np.array([0, 1, 1, 2, 2, 3])
"""Material slot of each `face_part`: skin, eyes, teeth, tongue."""

_GROWN_UP_YEARS = 17.0
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
        self.body = self._add_body(person, painted, rng)
        self._garments = self._dress()
        self._hair = self._add_hair(person) if self._groom else None

    @property
    def coverings(self) -> list[bpy.types.Object]:
        """Everything but the naked body."""
        return self._garments + ([self._hair] if self._hair else [])

    def show(self, frame: int) -> None:
        """Move everything to a frame of the scene."""
        move_vertices(self.body, self._vertices[frame])
        for thing, worn in zip(self._garments, self._worn, strict=True):
            move_vertices(thing, worn.vertices[frame])
        if self._hair:
            hair.move_strands(self._hair, self._strands(frame))

    def evaluated_vertices(self) -> np.ndarray:
        """Body vertices (V, 3) f32 world m as Blender evaluates them."""
        return read_vertices(self.body)

    def _add_body(
        self, person: PersonSpec, painted: bool, rng: np.random.Generator
    ) -> bpy.types.Object:
        look, model, tpose, head = person.appearance, self._model, self._tpose, self._head
        body = new_mesh(f"body_{self._index}", self._vertices[0], model.faces)
        set_vector(body.data, "rest", tpose)
        set_vector(body.data, "eyeball", features.eye_coordinates(tpose, model, head))
        man = person.subject.sex == "male" and person.subject.age_years >= _GROWN_UP_YEARS
        stubble = rng.choice([0.25, 0.55, 0.9]) if man else 0.0
        child = person.subject.age_years < _GROWN_UP_YEARS
        fields = {
            "brow": features.brows(tpose, head, 1.1 if man else 0.8),
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
        tint = 0.0 if man or child else float(rng.random() ** 2)
        skin = skin_material(look.skin_tone, colour, float(stubble), tint, painted, rng)
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
        for number, worn in enumerate(self._worn):
            thing = new_mesh(f"worn_{self._index}_{number}", worn.vertices[0], worn.faces)
            set_vector(thing.data, "rest", worn.rest)
            set_scalar(thing.data, "side", "FACE", side_faces(worn))
            if worn.sole is not None:
                set_scalar(thing.data, "sole", "POINT", worn.sole)
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

    def _add_hair(self, person: PersonSpec) -> bpy.types.Object:
        look = person.appearance
        thing = hair.add_strands(f"hair_{self._index}", self._strands(0), self._instance)
        colour = np.array(hair.COLOURS[look.hair_colour])
        older = np.clip((person.subject.age_years - 38) / 40, 0, 0.5)
        thing.data.materials.append(hair.hair_material(colour, float(older)))
        return thing

    def _strands(self, frame: int) -> np.ndarray:
        vertices = self._vertices[frame]
        skin = self._model.weights[:, _upper_joints()].sum(axis=1) > 0.5
        points = [vertices[skin]]
        normals = [vertex_normals(vertices.astype(float), self._model.faces)[skin]]
        for worn in self._worn:
            if worn.part in _OVER_HAIR:
                points.append(worn.vertices[frame])
                normals.append(world_normals(worn, frame))
        obstacles = np.concatenate(points), np.concatenate(normals)
        return groom.grow(
            self._groom, vertices, self._tpose, self._model, self._head, obstacles
        )


def _upper_joints() -> list[int]:
    from pipeline.body.modelfile import JOINT_INDEX

    names = ("head", "neck", "spine3", "left_collar", "right_collar", "left_shoulder", "right_shoulder")
    return [JOINT_INDEX[name] for name in names]
