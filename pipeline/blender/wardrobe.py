"""What each person of a scene wears, frame by frame, in the world."""

from dataclasses import dataclass

import numpy as np

from pipeline.blender.session import quiet
from pipeline.contracts import SceneBodies
from pipeline.conventions import PARTS, transform
from pipeline.errors import GenbError
from pipeline.garments.caches import read_cache
from pipeline.garments.surface import vertex_normals
from pipeline.scene import PersonSpec, SceneSpec
from pipeline.stages import Plan
from pipeline.storage import read_json, read_npz


@dataclass(frozen=True)
class Worn:
    """One garment in a scene.

    vertices: (F, N, 3) f32 world m. faces: (M, 3 or 4). rest: (N, 3) f32 m, its place on the
    T-pose. part: id of `conventions.PARTS`. seed: of its colours. sole: (N,) f32, 1 on the sole of
    a shoe, or None.
    """

    kind: str
    part: int
    vertices: np.ndarray
    faces: np.ndarray
    rest: np.ndarray
    seed: int
    sole: np.ndarray | None = None

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
        _read_person(plan, person, spec.clip_frames(person), bodies.T_world_subject[:, k])
        for k, person in enumerate(spec.people)
    ]


def _read_person(
    plan: Plan, person: PersonSpec, frames: list[int], T_world_subject: np.ndarray
) -> list[Worn]:
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
        pairs = zip(T_world_subject, frames, strict=True)
        vertices = np.stack([transform(T, sequence.vertices[f]) for T, f in pairs])
        worn.append(
            Worn(
                kind=row["kind"],
                part=PARTS[row["layer"]],
                vertices=vertices.astype(np.float32),
                faces=sequence.faces,
                rest=rest.astype(np.float32),
                seed=seed,
                sole=beside.get("sole"),
            )
        )
    return worn


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


def side_faces(worn: Worn) -> np.ndarray:
    """(M,) 1 where the cloth faces sideways on the T-pose, 0 where it faces front or back."""
    normal = vertex_normals(worn.rest.astype(float), _triangles(worn.faces))
    mean = normal[worn.faces].mean(axis=1)
    return (np.abs(mean[:, 0]) > np.abs(mean[:, 1])).astype(np.float32)


def world_normals(worn: Worn, frame: int) -> np.ndarray:
    """(N, 3) unit vertex normals of one frame."""
    return vertex_normals(worn.vertices[frame].astype(float), _triangles(worn.faces))


def _triangles(faces: np.ndarray) -> np.ndarray:
    if faces.shape[1] == 3:
        return faces
    return np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
