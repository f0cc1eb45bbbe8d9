"""Blender's cloth solver on a moving body. Runs only in the `dress` process.

Frame 1 is where the garment has exactly its rest shape; then comes the rest of the ease-in to the
first frame of the clip, then the clip. Each garment meets the body and the garments below it as one
moving collider.
"""

import struct
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np

from pipeline.config import GarmentSection
from pipeline.garments.surface import face_cross, unique_edges

_SUBSTEP_M = 0.010
"""Furthest that a limb should move in one substep of the solver."""

_EXPLODED = 3.0
"""A vertex this many times the size of all the body's motion away from its start is lost."""

_DRAG_PA = 0.72
"""Pressure of a wind of 1 m/s on cloth across it: half of 1.2 kg/m3 of air times a plate's 1.2."""
_CLOTH_KG_M2 = 0.25
"""What a square metre of cloth weighs, for the wind alone: vertices have one mass in the solver."""
_FIELD = 0.83
"""Force of Blender's wind per strength and area, measured against gravity on a free sheet."""
_GUST_FRAMES = (11.0, 17.3, 29.9)
"""Periods of the swelling of a gusty wind."""

_HOLDS = (0.85, 0.95)
"""Weights that draw cloth to its skin in later tries (the solver uses their fourth power)."""

_DEEP_BEND = 2.2
"""Stretch of a hundredth of the clothed skin beyond which free cloth slips off or is run through:
deep crouches and seats, where hip and knee take twice the cloth they have."""


@dataclass(frozen=True)
class ClothSettings:
    """Solver and material numbers, in Blender's units (stiffness) and metres."""

    quality: int
    collision_quality: int
    distance_m: float
    stretch: float = 20.0
    compression: float = 5.0
    bend: float = 0.3
    friction: float = 2.0
    vertex_mass_kg: float = 0.25
    air_damping: float = 1.0
    self_collision: bool = False
    hold: float = 0.0
    wind: float = 0.0
    wind_from_deg: float = 0.0
    gusts: float = 0.0

    def safer(self) -> "ClothSettings":
        """For another try after a diverged one: cloth drawn (more) towards its place on the skin,
        without wind and self-collision."""
        return replace(
            self,
            hold=_HOLDS[self.hold > 0],
            friction=min(self.friction, 0.5),
            self_collision=False,
            wind=0.0,
        )


@dataclass(frozen=True)
class ClothTask:
    """What the solver is given.

    rest: (N, 3) m, where the cloth starts; its edges have their own length there. faces: (M, 3).
    pinned: (K,) vertices that follow the skin; the other of the first n are drawn to it by
    `ClothSettings.hold`. skin_path: (F, n, 3) m, where the body takes the first n vertices.
    collider: (F, C, 3) m, with collider_faces.
    """

    rest: np.ndarray
    faces: np.ndarray
    pinned: np.ndarray
    skin_path: np.ndarray
    collider: np.ndarray
    collider_faces: np.ndarray


def cloth_settings(
    config: GarmentSection, measures: dict[str, float], speed_m: float
) -> ClothSettings:
    """Settings of a garment from the configuration and the garment's own measures.

    speed_m: metres per frame that the body moves within the garment. A limb that moves much further
    than the contact distance in one substep slips through the cloth, so fast motions get more
    substeps, up to three times `config.quality`.
    """
    wanted = int(np.ceil(speed_m / _SUBSTEP_M))
    return ClothSettings(
        quality=int(np.clip(wanted, config.quality, 3 * config.quality)),
        collision_quality=config.collision_quality,
        distance_m=config.collision_distance_mm / 1000,
        stretch=20.0 * measures.get("stretch", 1.0),
        bend=0.3 * measures.get("bend", 1.0),
        self_collision=config.self_collision,
        wind=config.wind,
        wind_from_deg=config.wind_from_deg,
        gusts=config.gusts,
    )


def bends_deeply(task: ClothTask) -> bool:
    """Whether the motion stretches the clothed skin so much that cloth has to be held from the
    start."""
    n = task.skin_path.shape[1]
    faces = task.faces[(task.faces < n).all(axis=1)]
    ratio = _stretch(task.skin_path, task.rest[:n], faces)
    return bool(np.quantile(ratio, 0.99, axis=1).max() > _DEEP_BEND)


def simulate(task: ClothTask, settings: ClothSettings) -> tuple[np.ndarray, float]:
    """Simulate one garment.

    Returns vertices (F, N, 3) float32 and the CPU seconds spent. Never raises on a diverged result:
    the frames from an explosion on are NaN.
    """
    n_frames, rest = len(task.collider), task.rest
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, n_frames
    started = time.process_time()
    reach_m = _EXPLODED * float(np.ptp(task.collider.reshape(-1, 3), axis=0).max())
    with tempfile.TemporaryDirectory() as folder:
        body = _add_mesh("body", task.collider[0], task.collider_faces)
        _drive(body, task.collider, Path(folder) / "body.pc2")
        _make_collider(body, settings)
        cloth = _add_mesh("cloth", rest, task.faces)
        bound = task.skin_path.shape[1]
        path = np.repeat(rest[None].astype(np.float32), n_frames, axis=0)
        path[1:, :bound] = task.skin_path[1:]
        _drive(cloth, path, Path(folder) / "cloth.pc2")
        _make_cloth(cloth, task.pinned, bound, settings, n_frames)
        area_m2 = float(np.linalg.norm(face_cross(rest, task.faces), axis=1).sum()) / 2
        _blow(scene, settings, area_m2 / len(rest))
        result = np.full((n_frames, len(rest), 3), np.nan, np.float32)
        for frame in range(n_frames):
            scene.frame_set(frame + 1)
            _read_vertices(cloth, result[frame])
            if not np.abs(result[frame] - rest).max() < reach_m:
                result[frame] = np.nan
                break
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return result, time.process_time() - started


def fault(result: np.ndarray, rest: np.ndarray, faces: np.ndarray, skin: np.ndarray) -> str | None:
    """What is wrong with a simulated garment (F, N, 3), or None.

    skin: (F, n, 3), the places on the body that the first n vertices clothe. A garment diverges by
    losing finite coordinates, by crumpling, or by leaving the places it clothes. `tear` is judged
    later, when contact has been settled.
    """
    if not np.isfinite(result).all():
        frame = int(np.flatnonzero(~np.isfinite(result).all(axis=(1, 2)))[0])
        return f"it exploded in frame {frame}"
    ratio = np.median(_stretch(result, rest, faces), axis=1)
    if ratio.min() < 0.6:
        return f"crumpled to {ratio.min():.2f} of its size in frame {int(ratio.argmin())}"
    apart = np.linalg.norm(result[:, : skin.shape[1]] - skin, axis=2)
    lost = np.quantile(apart, 0.9, axis=1)
    if lost.max() > 0.12 * np.ptp(skin[0], axis=0).max() + 0.05:
        frame = int(lost.argmax())
        return f"it left the body: a tenth of it is over {lost[frame]:.2f} m away in frame {frame}"
    return None


def tear(
    result: np.ndarray,
    rest: np.ndarray,
    faces: np.ndarray,
    skin: np.ndarray,
    pinched: np.ndarray,
) -> str | None:
    """Whether edges of a garment (F, N, 3) are stretched beyond what cloth can bear, or None.

    An edge may be as long as the skin under it: over a bent knee that is twice its length at rest.
    skin: (F, n, 3), the places on the body that the first n vertices clothe. pinched: (F, N) bool,
    vertices between body parts: their edges span a gap that nobody sees.
    """
    ratio = _stretch(result, rest, faces, skin)
    a, b = unique_edges(faces).T
    ratio[pinched[:, a] | pinched[:, b]] = 1.0
    worst = ratio.max(axis=1)
    if np.quantile(ratio, 0.99, axis=1).max() > 2.0 or worst.max() > 10.0:
        frame = int(worst.argmax())
        return f"torn: an edge is {worst[frame]:.1f} times its rest length in frame {frame}"
    return None


def _stretch(
    result: np.ndarray, rest: np.ndarray, faces: np.ndarray, skin: np.ndarray | None = None
) -> np.ndarray:
    """Edge lengths (F, E) over those at rest, or of the skin under them where it is stretched more;
    very short edges count as 8 mm."""
    a, b = unique_edges(faces).T
    length = np.maximum(np.linalg.norm(rest[a] - rest[b], axis=1), 0.008)
    length = np.repeat(length[None], len(result), axis=0)
    if skin is not None:
        bound = np.flatnonzero(np.maximum(a, b) < skin.shape[1])
        under = np.linalg.norm(skin[:, a[bound]] - skin[:, b[bound]], axis=2)
        length[:, bound] = np.maximum(length[:, bound], under)
    return np.linalg.norm(result[:, a] - result[:, b], axis=2) / length


def _add_mesh(name: str, vertices: np.ndarray, faces: np.ndarray) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces.tolist())
    mesh.update()
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def _drive(thing: bpy.types.Object, path: np.ndarray, file: Path) -> None:
    """Move an object's vertices along path (F, V, 3), frame 1 first."""
    data = np.ascontiguousarray(path, "<f4")
    header = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, data.shape[1], 1.0, 1.0, len(data))
    file.write_bytes(header + data.tobytes())
    modifier = thing.modifiers.new("path", "MESH_CACHE")
    modifier.cache_format = "PC2"
    modifier.filepath = str(file)
    modifier.frame_start = 1
    modifier.interpolation = "NONE"
    modifier.forward_axis, modifier.up_axis = "POS_Y", "POS_Z"


def _make_collider(thing: bpy.types.Object, settings: ClothSettings) -> None:
    thing.modifiers.new("collision", "COLLISION")
    collision = thing.collision
    collision.thickness_outer = settings.distance_m
    collision.thickness_inner = 0.2
    collision.damping = 0.5
    collision.cloth_friction = settings.friction


def _make_cloth(thing, pinned, bound: int, settings: ClothSettings, n_frames: int) -> None:
    modifier = thing.modifiers.new("cloth", "CLOTH")
    modifier.point_cache.frame_start, modifier.point_cache.frame_end = 1, n_frames
    cloth = modifier.settings
    cloth.quality = settings.quality
    cloth.mass = settings.vertex_mass_kg
    cloth.air_damping = settings.air_damping
    cloth.tension_stiffness = settings.stretch
    cloth.compression_stiffness = settings.compression
    cloth.shear_stiffness = settings.stretch / 2
    cloth.tension_damping = cloth.compression_damping = cloth.shear_damping = 10.0
    cloth.bending_model = "ANGULAR"
    cloth.bending_stiffness = settings.bend
    cloth.bending_damping = 0.5
    contact = modifier.collision_settings
    contact.collision_quality = settings.collision_quality
    contact.distance_min = settings.distance_m
    contact.use_self_collision = settings.self_collision
    contact.self_distance_min = settings.distance_m
    group = thing.vertex_groups.new(name="pinned")
    if settings.hold > 0:
        group.add(list(range(bound)), settings.hold, "REPLACE")
    group.add(pinned.tolist(), 1.0, "REPLACE")
    cloth.vertex_group_mass = "pinned"


def _blow(scene: bpy.types.Scene, settings: ClothSettings, area_m2: float) -> None:
    """A level wind over the whole scene, from a direction seen from above (0: from ahead, -Y).

    area_m2: of cloth per vertex. The strength makes the pull of the wind as many times that of
    gravity as on cloth of its usual weight, however fine the mesh is.
    """
    if not settings.wind:
        return
    wind = bpy.data.objects.new("wind", None)
    scene.collection.objects.link(wind)
    # The field blows along its own Z: lay that flat, then turn it about the vertical.
    turn = np.radians(settings.wind_from_deg)
    wind.rotation_euler = (-np.pi / 2, 0.0, turn)
    with bpy.context.temp_override(object=wind, active_object=wind, selected_objects=[wind]):
        bpy.ops.object.forcefield_toggle()
    field = wind.field
    field.type = "WIND"
    pull = _DRAG_PA * settings.wind**2 / _CLOTH_KG_M2
    steady = pull * settings.vertex_mass_kg / (_FIELD * area_m2)
    for frame in range(scene.frame_start, scene.frame_end + 1):
        waves = np.mean([np.sin(2 * np.pi * frame / period) for period in _GUST_FRAMES])
        field.strength = steady * (1 + settings.gusts * float(waves)) ** 2
        field.keyframe_insert("strength", frame=frame)


def _read_vertices(thing: bpy.types.Object, out: np.ndarray) -> None:
    graph = bpy.context.evaluated_depsgraph_get()
    flat = out.reshape(-1)
    thing.evaluated_get(graph).data.vertices.foreach_get("co", flat)
