"""Hair that a user modelled as a mesh: fitted to the head on the T-pose, then moved with it.

The mesh is an asset of kind `hair`, modelled on the body template's T-pose in the subject frame.
Pictures for it lie in a texture folder beside it, named like the mesh without its ending.
"""

from pathlib import Path

import bpy
import numpy as np

from pipeline import assets
from pipeline.blender.features import Head
from pipeline.blender.hair import hair_surface_material
from pipeline.blender.people import label, new_mesh, set_materials, set_uv
from pipeline.blender.picture_materials import OWN_UV, picture_material
from pipeline.blender.scalp import head_frame
from pipeline.blender.texture_folders import choose_look
from pipeline.body.frames import SUBJECT_FROM_BODY
from pipeline.body.modelfile import JOINT_INDEX, ModelFile
from pipeline.conventions import PARTS
from pipeline.garments.fitted_mesh import fit_mesh, read_still


class HairMesh:
    """One person's modelled hair as an object in the scene.

    tpose: (V, 3) of the person, subject frame. Raises GenbError when the asset cannot be used.
    """

    def __init__(
        self, asset_id: str, tpose: np.ndarray, model: ModelFile, head: Head, name: str
    ) -> None:
        path = assets.find_file("hair", asset_id)
        self._mesh = read_still(path)
        self._path, self._name = path, name
        self._tpose, self._model, self._head = tpose, model, head
        skull = model.weights[:, JOINT_INDEX["head"]] > 0.9
        template = model.v_template @ SUBJECT_FROM_BODY.T
        self.rest = fit_mesh(self._mesh.vertices[0], template[skull], tpose[skull])
        self._frame = head_frame(tpose, tpose, model, head)

    def place(self, vertices: np.ndarray) -> np.ndarray:
        """Vertices (N, 3) of the hair on a posed body (V, 3), world m."""
        axes0, centre0 = self._frame
        axes, centre = head_frame(vertices, self._tpose, self._model, self._head)
        return (centre + (self.rest - centre0) @ axes0.T @ axes).astype(np.float32)

    def add(
        self, vertices: np.ndarray, instance: int, colour: np.ndarray, seed: int
    ) -> bpy.types.Object:
        """The object on a posed body (V, 3). colour: linear RGB (3,) where it has no pictures."""
        mesh = self._mesh
        thing = new_mesh(self._name, self.place(vertices), mesh.faces)
        slots = None
        folder = self._path.with_suffix("")
        if folder.is_dir() and mesh.corner_uv is not None:
            set_uv(thing, mesh.corner_uv, OWN_UV)
            look = choose_look(Path(folder), seed, mesh.group_names)
            looks = [picture_material(look, g, OWN_UV) for g in mesh.group_names or ("",)]
            slots = mesh.face_group if len(looks) > 1 else None
        else:
            looks = [hair_surface_material(colour)]
        set_materials(thing, looks, slots)
        label(thing, instance, PARTS["hair"])
        return thing
