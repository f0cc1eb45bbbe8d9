"""Scenes for the label, shard and report tests: posed bodies, and a render of them by ray casting.

The picture comes from a plain numpy ray caster in this file, so that nothing under test (OpenGL,
projection, skinning in numpy) has a hand in it: bodies are evaluated by the `smplx` package.
"""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from pipeline.body.model import BodyModel, load_body_model
from pipeline.config import Config
from pipeline.contracts import RenderPasses, SceneBodies
from pipeline.conventions import PARTS
from pipeline.diffusion.__main__ import run as run_rerender
from pipeline.jobs import REJECTED, Job
from pipeline.scene import SceneSpec, frame_name
from pipeline.shards.__main__ import run as run_shards
from pipeline.shards.finish import finish_dataset
from pipeline.shards.records import shard_blocks
from pipeline.stages import Plan
from pipeline.storage import write_json
from pipeline.truth.__main__ import run as run_truth

WIDTH, HEIGHT = 224, 192
NUM_BETAS = 16


@dataclass(frozen=True)
class Mesh:
    """Something to render: vertices (V, 3) world m, faces (F, 3), instance id, part id (F,), and
    the vertices in the next frame unless they stay."""

    vertices: np.ndarray
    faces: np.ndarray
    instance: int
    part: np.ndarray
    following: np.ndarray | None = None


def make_plan(out: Path, **sections) -> Plan:
    """A plan whose config asks for one HDRI and small images."""
    config = Config.model_validate(
        {
            "camera": {"width": WIDTH, "height": HEIGHT},
            "light": {"hdris": ["city"]},
            **sections,
        }
    )
    return Plan(config, seed=7, out=out)


def make_spec(scene: int, people: list[dict], frames: int = 1, **camera) -> SceneSpec:
    """A scene of people given as {x, y, yaw, seed}, seen from the front."""
    view = {
        "width": WIDTH,
        "height": HEIGHT,
        "vfov_deg": 34.0,
        "eye_m": (0.3, -4.2, 1.4),
        "target_m": (0.2, 0.0, 0.85),
        "roll_deg": 2.0,
    }
    return SceneSpec.model_validate(
        {
            "scene": scene,
            "seed": 7,
            "frames": frames,
            "people": [_person(k, **person) for k, person in enumerate(people)],
            "camera": view | camera,
            "light": {
                "hdri": "city",
                "rotation_deg": 12.0,
                "strength": 1.0,
                "exposure_stops": 0.0,
            },
        }
    )


def _person(k: int, x: float, y: float, yaw: float, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    subject = {
        "subject": f"subject_{seed:04d}",
        "gender": "neutral",
        "sex": "female" if seed % 2 else "male",
        "age_years": 20.0 + seed,
        "ancestry": [1.0, 0.0, 0.0],
        "betas": (rng.normal(size=NUM_BETAS) * 0.7).tolist(),
        "motion": {"name": "idle", "seed": seed, "frames": 20, "fps": 25.0},
        "outfit": [] if k else [{"kind": "tshirt", "layer": "upper", "options": {"ease": 1.0}}],
    }
    appearance = {
        "skin_tone": 0.5,
        "iris": "brown",
        "hair_style": "bald",
        "hair_colour": "black",
        "garment_seeds": [1],
        "shoe_seed": 1,
        "seed": 1,
    }
    return {
        "subject": subject,
        "first_frame": 0,
        "position_m": [x, y],
        "yaw_deg": yaw,
        "expression": (rng.normal(size=10) * 0.5).tolist(),
        "appearance": appearance,
    }


def pose_people(spec: SceneSpec, model: BodyModel) -> SceneBodies:
    """Stand every person at its place, arms down and a little random, with smplx."""
    columns: dict[str, list] = {"vertices": [], "joints": [], "pose": [], "transl": [], "tpose": []}
    for k, person in enumerate(spec.people):
        rng = np.random.default_rng(100 + k)
        pose = np.zeros((spec.frames, 165))
        pose[:, 3:] = rng.normal(size=162) * 0.08
        pose[:, 3 * 16 + 2], pose[:, 3 * 17 + 2] = -1.1, 1.1
        pose[:, 3 * 18 + 1] += np.linspace(0, 0.4, spec.frames)
        upright = Rotation.from_euler("z", person.yaw_deg, degrees=True)
        pose[:, :3] = (upright * Rotation.from_euler("x", 90, degrees=True)).as_rotvec()
        betas = np.array(person.subject.betas)
        expression = np.tile(person.expression, (spec.frames, 1))
        posed = model.evaluate(betas, pose, np.zeros((spec.frames, 3)), expression)
        place = np.array([*person.position_m, 0.0]) - posed.joints[0, 0] * [1, 1, 0]
        place[2] = -posed.vertices[0, :, 2].min()
        transl = np.tile(place, (spec.frames, 1))
        posed = model.evaluate(betas, pose, transl, expression)
        rest = model.evaluate(betas, np.zeros((1, 165)), np.zeros((1, 3))).vertices[0]
        columns["vertices"].append(posed.vertices)
        columns["joints"].append(posed.joints)
        columns["pose"].append(pose)
        columns["transl"].append(transl)
        columns["tpose"].append(np.stack([rest[:, 0], -rest[:, 2], rest[:, 1]], axis=1))
    placement = np.tile(np.eye(4), (spec.frames, len(spec.people), 1, 1))
    return SceneBodies(
        vertices=np.stack(columns["vertices"], axis=1),
        joints=np.stack(columns["joints"], axis=1),
        pose_world=np.stack(columns["pose"], axis=1),
        transl_world=np.stack(columns["transl"], axis=1),
        betas=np.stack([np.array(p.subject.betas) for p in spec.people]),
        expression=np.stack([np.array(p.expression) for p in spec.people]),
        tpose=np.stack(columns["tpose"]),
        T_world_subject=placement,
        ground_gap_mm=np.tile(np.float32([0.0, 4.0, -3.0, 0.0, 0.0]), (spec.frames, 1))[
            :, : len(spec.people)
        ],
        airborne=np.zeros((spec.frames, len(spec.people)), bool),
        self_penetration_mm=np.full((spec.frames, len(spec.people)), 2.0, np.float32),
        velocity=np.zeros((0, *np.shape(columns["vertices"])[::2], 3), np.float32),
    )


def camera_axes(spec: SceneSpec) -> tuple[np.ndarray, np.ndarray, float]:
    """Eye (3,), rows right/down/forward (3, 3) and focal length px, from first principles."""
    camera = spec.camera
    eye = np.array(camera.eye_m)
    forward = np.array(camera.target_m) - eye
    forward /= np.linalg.norm(forward)
    right = np.array([forward[1], -forward[0], 0.0])
    right /= np.linalg.norm(right)
    roll = Rotation.from_rotvec(np.radians(camera.roll_deg) * forward)
    right = roll.apply(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    return eye, axes, camera.height / 2 / np.tan(np.radians(camera.vfov_deg) / 2)


def project_plainly(spec: SceneSpec, points_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """uv (..., 2) px and depth (...) m of world points, without the code under test."""
    eye, axes, focal = camera_axes(spec)
    right, down, depth = np.moveaxis((points_world - eye) @ axes.T, -1, 0)
    centre = np.array([spec.camera.width, spec.camera.height]) / 2
    return centre + focal * np.stack([right, down], axis=-1) / depth[..., None], depth


def ray_cast(spec: SceneSpec, meshes: list[Mesh]) -> dict[str, np.ndarray]:
    """Depth, normal, instance, part, face, its weights and the point's next place (world m), seen
    through every pixel centre; and amodal masks of everybody."""
    width, height = spec.camera.width, spec.camera.height
    depth = np.full(width * height, np.inf)
    normal, following = np.zeros((2, width * height, 3))
    instance = np.zeros(width * height, np.uint16)
    part = np.zeros(width * height, np.uint8)
    number = np.full(width * height, -1, np.int32)
    weights = np.zeros((width * height, 3))
    amodal = np.zeros((len(spec.people), width * height), bool)
    eye, axes, _ = camera_axes(spec)
    for mesh in meshes:
        pixel, z, face, weight = _hits(spec, mesh)
        if mesh.instance:
            amodal[mesh.instance - 1, pixel] = True
        order = np.argsort(-z, kind="stable")
        order = order[z[order] < depth[pixel[order]]]
        pixel, z, face, weight = pixel[order], z[order], face[order], weight[order]
        corners = ((mesh.vertices - eye) @ axes.T)[mesh.faces[face]]
        n = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        n /= np.linalg.norm(n, axis=1, keepdims=True)
        n *= -np.sign((n * corners[:, 0]).sum(axis=1, keepdims=True))
        # Written far to near, so the nearest hit of a pixel stays.
        depth[pixel], normal[pixel] = z, n
        instance[pixel], part[pixel] = mesh.instance, mesh.part[face]
        number[pixel], weights[pixel] = face, weight
        goes = mesh.vertices if mesh.following is None else mesh.following
        following[pixel] = (weight[..., None] * goes[mesh.faces[face]]).sum(axis=1)
    shape = (height, width)
    return {
        "depth": depth.reshape(shape).astype(np.float32),
        "normal": normal.reshape(*shape, 3).astype(np.float16),
        "instance": instance.reshape(shape),
        "part": part.reshape(shape),
        "face": number.reshape(shape),
        "weights": weights.reshape(*shape, 3),
        "following": following.reshape(*shape, 3),
        "amodal": amodal.reshape(-1, *shape),
    }


def _hits(spec: SceneSpec, mesh: Mesh) -> tuple[np.ndarray, ...]:
    """Pixel index, depth, face and corner weights of every triangle under every pixel centre."""
    width, height = spec.camera.width, spec.camera.height
    uv, z = project_plainly(spec, mesh.vertices.astype(float))
    faces = np.flatnonzero((z[mesh.faces] > 0.02).all(axis=1))
    tri, tri_z = uv[mesh.faces[faces]], z[mesh.faces[faces]]
    low = np.clip(np.ceil(tri.min(axis=1) - 0.5), 0, [width, height]).astype(int)
    high = np.clip(np.floor(tri.max(axis=1) - 0.5) + 1, 0, [width, height]).astype(int)
    size = np.maximum(high - low, 0)
    count = size.prod(axis=1)
    owner = np.repeat(np.arange(len(faces)), count)
    rank = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    x = low[owner, 0] + rank % np.maximum(size[owner, 0], 1)
    y = low[owner, 1] + rank // np.maximum(size[owner, 0], 1)
    p = np.stack([x, y], axis=1) + 0.5
    a, b, c = np.moveaxis(tri[owner], 1, 0)

    def cross(s: np.ndarray, t: np.ndarray) -> np.ndarray:
        return s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]

    area = cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.stack([cross(b - p, c - p), cross(c - p, a - p), cross(a - p, b - p)]) / area
    inside = (share >= 0).all(axis=0)
    nearness = (share / tri_z[owner].T)[:, inside]
    depth = 1 / nearness.sum(axis=0)
    return (y * width + x)[inside], depth, faces[owner[inside]], (nearness * depth).T


def box_mesh(centre, size) -> Mesh:
    """An axis-aligned box that belongs to nobody."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])
    return Mesh(corners * size + centre, faces, 0, np.zeros(len(faces), np.uint8))


def shirt_mesh(model: BodyModel, vertices: np.ndarray, instance: int) -> Mesh:
    """The trunk's skin pushed out by 1 cm: what a shirt is to the labels."""
    trunk = model.weights[:, [3, 6, 9, 13, 14]].sum(axis=1) > 0.6
    faces = model.faces[trunk[model.faces].all(axis=1)]
    a, b, c = vertices[model.faces.T]
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, model.faces[:, corner], np.cross(b - a, c - a))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return Mesh(
        vertices + 0.01 * normals, faces, instance, np.full(len(faces), PARTS["upper"], np.uint8)
    )


def render(spec: SceneSpec, bodies: SceneBodies, model: BodyModel, frame: int, box: Mesh | None):
    """RenderPasses of a frame: naked bodies, then with person 0's shirt and the box."""
    part = model.vertex_part[model.faces].max(axis=1)
    last = frame + 1 == spec.frames
    here, after = bodies.vertices[frame], bodies.vertices[frame if last else frame + 1]
    naked = [
        Mesh(v, model.faces, k + 1, part, n)
        for k, (v, n) in enumerate(zip(here, after, strict=True))
    ]
    shirt = replace(
        shirt_mesh(model, here[0], 1), following=shirt_mesh(model, after[0], 1).vertices
    )
    full = ray_cast(spec, [*naked, shirt, *([box] if box else [])])
    bare = ray_cast(spec, naked)
    uv, _ = project_plainly(spec, bodies.vertices[frame].astype(float))
    names = ("depth", "normal", "instance", "part", "amodal")
    return RenderPasses(
        **{name: full[name] for name in names},
        body_instance=bare["instance"],
        body_depth=bare["depth"],
        vertex_uv=uv.astype(np.float32),
        position_error_px=np.float32(0.001),
        body_face=bare["face"],
        body_bary=bare["weights"][..., :2].astype(np.float16),
        flow=np.zeros((0, 0, 2), np.float32) if last else _flow(spec, full),
    )


def _flow(spec: SceneSpec, seen: dict[str, np.ndarray]) -> np.ndarray:
    """Flow (H, W, 2) px under a camera that stands still: what is not hit does not move."""
    height, width = seen["depth"].shape
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    uv, _ = project_plainly(spec, seen["following"])
    moved = uv - np.stack([u, v], axis=-1)
    return np.where(np.isfinite(seen["depth"])[..., None], moved, 0).astype(np.float32)


def shade(passes: RenderPasses) -> np.ndarray:
    """A picture (H, W, 3) uint8 with some contrast, for the image files."""
    lit = np.clip(-passes.normal.astype(float) @ [0.3, 0.5, 0.8], 0, 1)
    rows = np.linspace(90, 160, passes.depth.shape[0])[:, None]
    grey = np.where(np.isfinite(passes.depth), 40 + 200 * lit, rows)
    return np.stack([grey, grey * 0.9, 255 - grey], axis=-1).clip(0, 255).astype(np.uint8)


def write_upstream(plan: Plan, spec: SceneSpec, bodies: SceneBodies, passes: list) -> None:
    """Everything that the stages before `truth` would have left on disk."""
    write_json(plan.scene_dir("compose", spec.scene) / "scene.json", spec.model_dump(mode="json"))
    for person in spec.people:
        figures = {"inside_share_max": 0.001, "pinched_share_max": 0.02, "held": True}
        worn = [{"kind": garment.kind, **figures} for garment in person.subject.outfit]
        shoes = {"kind": "shoes", "inside_share_max": 0.0, "pinched_share_max": 0.0}
        folder = plan.subject_dir("dress", person.subject)
        write_json(folder / "dress.json", {"garments": [*worn, shoes]})
    bodies.save(plan.scene_dir("bodies", spec.scene) / "bodies.npz")
    for frame, frame_passes in enumerate(passes):
        folder = plan.scene_dir("render", spec.scene)
        frame_passes.save(folder / f"{frame_name(frame)}.npz")
        Image.fromarray(shade(frame_passes)).save(folder / f"{frame_name(frame)}.png")


def write_rejection(plan: Plan, stage: str, scene: int, reason: str) -> None:
    """A scene that `stage` refused."""
    write_json(plan.scene_dir(stage, scene) / REJECTED, {"stage": stage, "reason": reason})


def load_model(folder: Path) -> BodyModel:
    """The neutral body, evaluated by the smplx package."""
    return load_body_model(folder, "neutral", NUM_BETAS)


@dataclass(frozen=True)
class Made:
    """A dataset built from made scenes: 0 has three people, a box and two frames, 1 was rejected,
    2 has one person."""

    plan: Plan
    specs: dict[int, SceneSpec]
    bodies: dict[int, SceneBodies]
    passes: dict[int, list[RenderPasses]]
    model: BodyModel
    box: Mesh


SCENES = 3
REASON = "made up for the test"
_PEOPLE = {
    0: [
        {"x": -0.35, "y": 0.0, "yaw": 20, "seed": 1},
        {"x": 0.05, "y": 0.8, "yaw": -40, "seed": 2},
        {"x": 1.5, "y": 0.2, "yaw": 200, "seed": 3},
    ],
    1: [{"x": 0.0, "y": 0.0, "yaw": 0, "seed": 4}],
    2: [{"x": 0.1, "y": 0.3, "yaw": 90, "seed": 5}],
}


@cache
def made_dataset(body_dir: Path, out: Path) -> Made:
    """Render the made scenes and run the stages truth, rerender and shards on them, for real."""
    plan = make_plan(
        out,
        shards={"scenes_per_shard": 2},
        limits={"max_reject_share": 0.5},
        scene={"frames": 2},
    )
    assert plan.body_dir == body_dir
    model, box = load_model(body_dir), box_mesh([-0.3, -0.6, 0.2], [0.3, 0.2, 0.4])
    specs = {n: make_spec(n, people, frames=1 + (n == 0)) for n, people in _PEOPLE.items()}
    bodies = {n: pose_people(spec, model) for n, spec in specs.items()}
    passes = {
        n: [render(spec, bodies[n], model, frame, box) for frame in range(spec.frames)]
        for n, spec in specs.items()
    }
    for n, spec in specs.items():
        write_upstream(plan, spec, bodies[n], passes[n])
    write_rejection(plan, "render", 1, REASON)
    run_stages(plan)
    return Made(plan, specs, bodies, passes, model, box)


def run_stages(plan: Plan) -> None:
    """Label, re-render (pass-through) and pack the made scenes, and describe the dataset."""
    scenes = tuple(range(SCENES))
    run_truth(Job("truth", plan, scenes=scenes))
    run_rerender(Job("rerender", plan, scenes=scenes))
    for _, block in shard_blocks(plan, SCENES):
        run_shards(Job("shards", plan, scenes=tuple(block)))
    finish_dataset(plan, range(SCENES))
