"""A place from a user's file: everything in a .blend, .glb or .gltf, laid where the spec says.

What a file lacks is an error that names it: a scene with pink or black surfaces is never rendered.
"""

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from pipeline.assets import Asset
from pipeline.blender import session
from pipeline.errors import SceneRejected
from pipeline.scene import PlaceSpec


def add_file(scene: bpy.types.Scene, place: PlaceSpec, asset: Asset, path: Path) -> None:
    """Add a file's objects (and its world, when `asset.lit`) to the scene.

    Raises SceneRejected when the file cannot be read, holds nothing to render, or its pictures are
    missing.
    """
    before = set(bpy.data.objects)
    read = _append_blend if path.suffix.lower() == ".blend" else _import_gltf
    try:
        with session.quiet():
            read(scene, path, asset.lit)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise SceneRejected(
            f"place {place.asset!r}: {path} cannot be read ({_first_line(error)}). Open it in "
            "Blender and save it again."
        ) from error
    things = _without_cameras([t for t in bpy.data.objects if t not in before])
    if not any(t.type == "MESH" for t in things):
        raise SceneRejected(f"place {place.asset!r}: {path} holds no mesh to stand before.")
    _check_pictures(place.asset, path)
    _lay(things, place, asset)


def _append_blend(scene: bpy.types.Scene, path: Path, lit: bool) -> None:
    with bpy.data.libraries.load(str(path), link=False) as (there, wanted):
        wanted.scenes = there.scenes[:1]
        wanted.objects = [] if there.scenes else there.objects
    if not wanted.scenes:
        for thing in wanted.objects:
            scene.collection.objects.link(thing)
        return
    source = wanted.scenes[0]
    for thing in source.collection.all_objects:
        if not thing.hide_render:
            scene.collection.objects.link(thing)
    if lit and source.world:
        scene.world = source.world
    bpy.data.scenes.remove(source)


def _import_gltf(scene: bpy.types.Scene, path: Path, lit: bool) -> None:
    bpy.ops.import_scene.gltf(filepath=str(path))


def _without_cameras(things: list[bpy.types.Object]) -> list[bpy.types.Object]:
    """A file's own cameras are not ours; its animations stand still."""
    cameras = [thing for thing in things if thing.type == "CAMERA"]
    kept = [thing for thing in things if thing.type != "CAMERA"]
    for thing in kept:
        thing.animation_data_clear()
    for camera in cameras:
        bpy.data.objects.remove(camera)
    return kept


def _check_pictures(name: str, path: Path) -> None:
    missing = []
    for image in bpy.data.images:
        if image.source not in ("FILE", "TILED") or not image.users or image.packed_file:
            continue
        where = Path(bpy.path.abspath(image.filepath, library=image.library))
        if image.source == "FILE" and not where.is_file():
            missing.append(f"{image.name} ({where})")
    if missing:
        shown = "; ".join(sorted(missing)[:5])
        raise SceneRejected(
            f"place {name!r}: {path.name} needs {len(missing)} picture(s) that are not there: "
            f"{shown}. Put them back, or in Blender use File > External Data > Pack Resources."
        )


def _lay(things: list[bpy.types.Object], place: PlaceSpec, asset: Asset) -> None:
    """Bring the file's frame into the world: its floor to z = 0, turned and moved."""
    scale = np.diag([asset.metres_per_unit] * 3 + [1.0])
    floor = np.eye(4)
    floor[2, 3] = -asset.floor_m
    T = Matrix((place.T_world_place() @ floor @ scale).tolist())
    bpy.context.view_layer.update()
    for thing in things:
        if thing.parent is None:
            thing.matrix_world = T @ thing.matrix_world
        # Nobody's instance: the file's own numbers would be taken for people.
        thing.pass_index = 0
    bpy.context.view_layer.update()


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
