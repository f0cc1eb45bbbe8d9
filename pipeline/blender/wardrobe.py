"""What each person of a scene wears, frame by frame, in the world."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.assets import user_path
from pipeline.blender.session import quiet
from pipeline.blender.texture_folders import Pictures, choose_look
from pipeline.config import LookSection
from pipeline.contracts import SceneBodies
from pipeline.conventions import PARTS, transform
from pipeline.errors import GenbError
from pipeline.garments.caches import read_cache
from pipeline.garments.surface import vertex_normals
from pipeline.look_assets import look_folder
from pipeline.motion.resample import neighbours
from pipeline.scene import PersonSpec, SceneSpec
from pipeline.stages import Plan
from pipeline.storage import read_json, read_npz


@dataclass(frozen=True)
class Worn:
    """One garment in a scene.

    vertices: (F, N, 3) f32 world m. faces: (M, 3). rest: (N, 3) f32 m, its place on the
    T-pose. part: id of `conventions.PARTS`. seed: of its colours. sole: (N,) f32, 1 on the sole of
    a shoe, or None. style: of shoes. pixel_m: the least that a pixel covers of it, m. corner_uv:
    (M, 3, 2) of a garment that brings its own texture coordinates. face_group: (M,) index into
    groups, the materials' names. pictures: the textures it wears, or None for a procedural fabric.
    velocity: (F, N, 3) f32 world m/s, or None for scenes without motion blur.
    """

    kind: str
    part: int
    vertices: np.ndarray
    faces: np.ndarray
    rest: np.ndarray
    seed: int
    sole: np.ndarray | None = None
    style: str = ""
    pixel_m: float = 0.001
    corner_uv: np.ndarray | None = None
    face_group: np.ndarray | None = None
    groups: tuple[str, ...] = ()
    pictures: Pictures | None = None
    velocity: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.vertices.ndim != 3 or self.vertices.shape[1:] != self.rest.shape:
            raise ValueError(
                f"{self.kind}: vertices {self.vertices.shape} do not fit rest {self.rest.shape}"
            )


def read_wardrobe(plan: Plan, spec: SceneSpec, bodies: SceneBodies) -> list[list[Worn]]:
    """Everything that every person of a scene wears, from the `dress` stage's files.

    Raises GenbError when a cache is missing, damaged or shorter than the scene needs.
    """
    return [
        _read_person(plan, spec, person, bodies.T_world_subject[:, k])
        for k, person in enumerate(spec.people)
    ]


def _read_person(
    plan: Plan, spec: SceneSpec, person: PersonSpec, T_world_subject: np.ndarray
) -> list[Worn]:
    frames = spec.clip_frames(person)
    folder = plan.subject_dir("dress", person.subject)
    rows = read_json(folder / "dress.json")["garments"]
    seeds = _seeds(person, rows)
    worn = []
    for row, seed in zip(rows, seeds, strict=True):
        path = folder / row["file"]
        with quiet():
            sequence = read_cache(path, person.subject.motion.fps)
        if frames[-1] >= len(sequence.vertices):
            raise GenbError(
                f"garment cache {path} has {len(sequence.vertices)} frames, but the scene needs "
                f"clip frame {frames[-1]}. Export a longer cache, or lower scene.frames."
            )
        beside = read_npz(folder / row["rest"]) if row.get("rest") else {}
        rest = beside.get("rest", sequence.vertices[0])
        vertices = _placed(T_world_subject, sequence.vertices, frames)
        velocity = None
        if spec.shutter_s > 0:
            fps = person.subject.motion.fps
            before, after, seconds = neighbours(frames, len(sequence.vertices), fps)
            moved = _placed(T_world_subject, sequence.vertices, after)
            moved -= _placed(T_world_subject, sequence.vertices, before)
            velocity = (moved / seconds[:, None, None]).astype(np.float32)
        groups = tuple(row.get("groups", ()))
        worn.append(
            Worn(
                kind=row["kind"],
                part=PARTS[row["layer"]],
                vertices=vertices.astype(np.float32),
                faces=sequence.faces,
                rest=rest.astype(np.float32),
                seed=seed,
                sole=beside.get("sole"),
                style=person.subject.shoes if row["layer"] == "shoes" else "",
                pixel_m=_pixel_m(spec, vertices),
                corner_uv=beside.get("corner_uv"),
                face_group=beside.get("face_group"),
                groups=groups,
                pictures=_pictures(row, seed, groups, plan.config.look, "corner_uv" in beside),
                velocity=velocity,
            )
        )
    return worn


def _placed(T_world_subject: np.ndarray, sequence: np.ndarray, frames: Sequence[int]) -> np.ndarray:
    """Clip frames (F, N, 3) of a garment in the world, m."""
    pairs = zip(T_world_subject, frames, strict=True)
    return np.stack([transform(T, sequence[f]) for T, f in pairs])


def _pixel_m(spec: SceneSpec, vertices: np.ndarray) -> float:
    """The least that a pixel covers of a garment (F, N, 3) in any frame, m."""
    covered = []
    for frame, points in enumerate(vertices):
        view = spec.camera_at(frame)
        depth = transform(view.T_cam_world(), points)[:, 2]
        covered.append(max(float(np.quantile(depth, 0.05)), 0.05) / view.K()[0, 0])
    return min(covered)


def _pictures(
    row: dict, seed: int, groups: tuple[str, ...], look: LookSection, own_uv: bool
) -> Pictures | None:
    """The pictures that a garment wears: its own, or one of the configured fabrics, or none."""
    if row.get("textures"):
        if not own_uv:
            raise GenbError(
                f"the {row['kind']} ({row['file']}) has textures ({row['textures']}) but its cache "
                "has no texture coordinates. Export it with UVs, or leave `textures` out."
            )
        return choose_look(user_path(row["textures"]), seed, groups)
    suiting = [f for f in look.fabric_folders if not f.kinds or row["kind"] in f.kinds]
    if row["layer"] == "shoes" or not suiting:
        return None
    rng = np.random.default_rng([seed, len(suiting)])
    if own_uv or rng.random() >= look.fabric_share:
        return None
    chosen = suiting[int(rng.integers(len(suiting)))]
    return choose_look(look_folder(chosen), seed, tile_m=chosen.tile_m)


def _seeds(person: PersonSpec, rows: list[dict]) -> list[int]:
    """Colour seed of every row, by its place in the outfit, whatever the dressing order."""
    look, outfit = person.appearance, person.subject.outfit
    free = list(range(len(outfit)))
    seeds = []
    for row in rows:
        if row["layer"] == "shoes":
            seeds.append(look.shoe_seed)
            continue
        this = (row["kind"], row["layer"])
        place = next(i for i in free if (outfit[i].kind, outfit[i].layer) == this)
        free.remove(place)
        seeds.append(look.garment_seeds[place])
    return seeds


def world_normals(worn: Worn, frame: int) -> np.ndarray:
    """(N, 3) unit vertex normals of one frame."""
    return vertex_normals(worn.vertices[frame].astype(float), worn.faces)


def choose_skin(person: PersonSpec, look: LookSection) -> Pictures | None:
    """The textures of a person's skin, of the configured folders that suit them, or None."""
    sex, tone = person.subject.sex, person.appearance.skin_tone
    suiting = [
        folder
        for folder in look.skin_folders
        if folder.sex in ("any", sex) and folder.skin_tone[0] <= tone <= folder.skin_tone[1]
    ]
    rng = np.random.default_rng([person.appearance.seed, 2])
    if not suiting or rng.random() >= look.skin_share:
        return None
    chosen = suiting[int(rng.integers(len(suiting)))]
    return choose_look(look_folder(chosen), int(rng.integers(2**31)))
