"""One person in the scene: body, garments and hair, with their looks."""

import bpy
import numpy as np

from pipeline.blender import features, fuzz, groom, hair, hair_fall, passes
from pipeline.blender.clothing import Clothing
from pipeline.blender.eyes import eye_material, teeth_material, tongue_material
from pipeline.blender.hair_mesh import HairMesh
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
from pipeline.blender.scalp import Scalp, head_frame
from pipeline.blender.skin import pictured_skin_material, skin_material
from pipeline.blender.texture_folders import Pictures
from pipeline.blender.wardrobe import Worn, world_normals
from pipeline.body.modelfile import JOINT_INDEX, ModelFile
from pipeline.contracts import SceneBodies
from pipeline.conventions import PARTS
from pipeline.garments.surface import vertex_normals
from pipeline.scene import PersonSpec

_FACE_SLOTS = np.array([0, 1, 1, 2, 2, 3])
"""Material slot of each `face_part`: skin, eyes, teeth, tongue."""

_GROWN_UP_YEARS = 17.0
_MOMENT_S = 1e-3
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

    painted: the body has the texture map that the free body's CC0 masks are made for. skin: the
    user's textures for it.
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
        skin: Pictures | None = None,
    ) -> None:
        self._index, self._model, self._worn, self._skin = index, model, worn, skin
        self._vertices = bodies.vertices[:, index]
        self._velocity = bodies.velocity[:, index] if len(bodies.velocity) else None
        self._tpose = bodies.tpose[index].astype(float)
        self._instance = index + 1
        look = person.appearance
        rng = np.random.default_rng(look.seed)
        self._head = features.find_head(self._tpose, model)
        style = look.hair_style if with_hair and not look.hair_mesh else "bald"
        self._groom = groom.plan_hair(style, self._tpose, model, self._head, rng)
        self._wig = self._read_wig(look.hair_mesh) if with_hair and look.hair_mesh else None
        self._scalp = self._covered_scalp()
        self._man = person.subject.sex == "male" and person.subject.age_years >= _GROWN_UP_YEARS
        stubble = float(rng.choice([0.25, 0.55, 0.9])) if self._man else 0.0
        bearded = self._man and rng.random() < 0.25
        beard_m = float(rng.uniform(0.004, 0.014)) if bearded else 0.0
        fullness = float(rng.uniform(1.0, 1.5) if self._man else rng.uniform(0.7, 1.1))
        self._fuzz = fuzz.plan_fuzz(self._tpose, model, self._head, fullness, beard_m, rng)
        self.body = self._add_body(person, painted, stubble, rng)
        scheme = np.random.default_rng([look.seed, 1])
        self._clothing = Clothing(worn, index, self._instance, scheme)
        self._with_hair = with_hair
        self._places: dict[int, list[np.ndarray]] = {}
        self._hair = self._add_hair(person) if with_hair else []
        self.things = [self.body, *self._clothing.things, *self._hair]

    def show(self, frame: int) -> None:
        """Move everything to a frame of the scene, and tell where it will be in the next one."""
        here = self._placed(frame)
        for thing, points in zip(self.things, here, strict=True):
            if isinstance(thing.data, bpy.types.Mesh):
                move_vertices(thing, points)
            else:
                hair.move_strands(thing, points)
        if frame + 1 < len(self._vertices):
            for thing, points in zip(self.things, self._placed(frame + 1), strict=True):
                set_vector(thing.data, passes.NEXT_ATTRIBUTE, points)
        if self._velocity is not None:
            for thing, speeds in zip(self.things, self._speeds(frame, here), strict=True):
                # Cycles moves points along this attribute while the shutter is open.
                set_vector(thing.data, "velocity", speeds)

    def _placed(self, frame: int) -> list[np.ndarray]:
        """Points of every thing in a frame, world m; kept for the frame after."""
        if frame not in self._places:
            vertices = self._vertices[frame]
            places = [vertices, *self._clothing.vertices(frame)]
            if self._with_hair:
                places += self._all_strands(frame)
                places += [self._wig.place(vertices)] if self._wig else []
            self._places = {f: p for f, p in self._places.items() if f == frame - 1}
            self._places[frame] = places
        return self._places[frame]

    def _speeds(self, frame: int, here: list[np.ndarray]) -> list[np.ndarray]:
        """Velocity of every point of every thing in a frame, m/s; hair goes with the head."""
        vertices, velocity = self._vertices[frame].astype(float), self._velocity[frame]
        later = vertices + _MOMENT_S * velocity
        frames = [head_frame(v, self._tpose, self._model, self._head) for v in (vertices, later)]
        (axes, centre), (next_axes, next_centre) = frames
        speeds = [velocity, *self._clothing.velocities(frame)]
        for points in here[len(speeds) :]:
            flat = points.reshape(-1, 3).astype(float)
            moved = next_centre + (flat - centre) @ axes.T @ next_axes
            speeds.append((moved - flat) / _MOMENT_S)
        return speeds

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
            "scalp": self._scalp,
        }
        for name, values in fields.items():
            set_scalar(body.data, name, "POINT", values)
        if model.vt is not None:
            set_uv(body, model.vt[model.ft])
        colour = np.array(hair.COLOURS[look.hair_colour])
        tint = 0.0 if self._man or child else float(rng.random() ** 2)
        skin = skin_material(look.skin_tone, colour, stubble, tint, painted, rng)
        if self._skin is not None:
            skin = pictured_skin_material(self._skin, colour)
        materials = [skin, eye_material(look.iris), teeth_material(), tongue_material()]
        set_materials(body, materials, _FACE_SLOTS[model.face_part])
        label(body, self._instance, self._parts())
        set_scalar(body.data, passes.FACE_ATTRIBUTE, "FACE", np.arange(len(model.faces)) + 1)
        return body

    def _parts(self) -> np.ndarray:
        """Part per face: skin under hair counts as hair, as seen between the strands."""
        parts = face_parts(self._model.vertex_part, self._model.faces)
        parts[self._model.face_part > 0] = PARTS["eyes_mouth"]
        parts[self._scalp[self._model.faces].mean(axis=1) > 0.5] = PARTS["hair"]
        return parts

    def _read_wig(self, asset_id: str) -> HairMesh:
        name = f"hair_{self._index}"
        return HairMesh(asset_id, self._tpose, self._model, self._head, name)

    def _covered_scalp(self) -> np.ndarray:
        """How much hair covers the skin (V,), 0..1."""
        if self._wig:
            density = Scalp(self._tpose, self._model, self._head).density(self._tpose)
            return np.clip(density * 1.3 - 0.15, 0, 1)
        return self._groom.scalp if self._groom else np.zeros(len(self._tpose))

    def _add_hair(self, person: PersonSpec) -> list[bpy.types.Object]:
        """Brows, lashes and beard first, then the hair of the head, if any."""
        colour = np.array(hair.COLOURS[person.appearance.hair_colour])
        older = float(np.clip((person.subject.age_years - 38) / 40, 0, 0.5))
        material = hair.hair_material(colour, older)
        dark = hair.hair_material(colour * 0.6 + 0.002, older / 2)
        labels = ((PARTS["face"], dark, 0.00010), (PARTS["hair"], material, hair.ROOT_RADIUS_M))
        things = []
        places = self._placed(0)[1 + len(self._clothing.things) :]
        strands_of = [points for points in places if points.ndim == 3]
        for strands, (part, look, radius_m) in zip(strands_of, labels, strict=False):
            name = f"strands_{self._index}_{part}"
            thing = hair.add_strands(name, strands, self._instance, part, radius_m)
            thing.data.materials.append(look)
            things.append(thing)
        if self._wig:
            seed = person.appearance.seed
            things.append(self._wig.add(self._vertices[0], self._instance, colour, seed))
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
        return hair_fall.grow(
            self._groom, vertices, self._tpose, self._model, self._head, obstacles
        )
