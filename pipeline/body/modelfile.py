"""The SMPL-X body model file: its fixed facts, and a strict reader.

A file that is missing, cut short or wrongly shaped is refused here, with the next command to type,
before any evaluator sees it. The licensed SMPL-X files and our free one are read alike.
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.conventions import PARTS
from pipeline.errors import GenbError

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")

JOINT_NAMES = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2"),
    *("left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck"),
    *("left_collar", "right_collar", "head", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "jaw", "left_eye", "right_eye"),
    *(f"left_{finger}{k}" for finger in _FINGERS for k in (1, 2, 3)),
    *(f"right_{finger}{k}" for finger in _FINGERS for k in (1, 2, 3)),
)
"""The 55 skeleton joints, in the order of the pose vector."""

JOINT_INDEX = {name: index for index, name in enumerate(JOINT_NAMES)}

PARENTS = np.array(
    [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 15, 15, 15]
    + [20, 25, 26, 20, 28, 29, 20, 31, 32, 20, 34, 35, 20, 37, 38]
    + [21, 40, 41, 21, 43, 44, 21, 46, 47, 21, 49, 50, 21, 52, 53]
)
"""Parent of each joint; -1 for the pelvis."""

VERTEX_JOINTS = {
    "nose": 9120,
    "right_eye": 9929,
    "left_eye": 9448,
    "right_ear": 616,
    "left_ear": 6,
    "left_big_toe": 5770,
    "left_small_toe": 5780,
    "left_heel": 8846,
    "right_big_toe": 8463,
    "right_small_toe": 8474,
    "right_heel": 8635,
    "left_thumb": 5361,
    "left_index": 4933,
    "left_middle": 5058,
    "left_ring": 5169,
    "left_pinky": 5286,
    "right_thumb": 8079,
    "right_index": 7669,
    "right_middle": 7794,
    "right_ring": 7905,
    "right_pinky": 8022,
}
"""Vertices that the SMPL-X convention reports as joints 55..75, in that order."""

SHAPE_DIM, EXPRESSION_DIM, POSE_BASIS_DIM = 300, 100, 486
LANDMARK_COUNT, CONTOUR_COUNT = 51, 17


class BodyModelError(GenbError):
    """A body model file cannot be used. The message names the file, the fault and the next step."""


@dataclass(frozen=True, eq=False)
class ModelFile:
    """The arrays of one body model file (V vertices, F faces), all checked.

    v_template (V, 3), shapedirs (V, 3, C), posedirs (V, 3, 486), weights (V, 55) and
    J_regressor (55, V) keep the float type of the file; metres, body-model frame (Y up, facing +Z).
    faces (F, 3) int64. lmk_faces_idx (51,), lmk_bary_coords (51, 3): landmarks on triangles;
    contour_faces_idx (17,), contour_bary_coords (17, 3): the face's outline from the front.
    vt (T, 2) and ft (F, 3) are the texture map, or None where the file has none.
    face_part (F,) uint8: 0 skin, 1 left eye, 2 right eye, 3 upper teeth, 4 lower teeth, 5 tongue.
    vertex_part (V,) uint8: ids of `conventions.PARTS`: skin, face, hands, feet or eyes_mouth.
    has_objects: the file holds pickled members, which nothing here ever opens.
    kid_template and kid_direction (V, 3): set by `kid.with_kid`; the last beta then blends
    towards a child.
    """

    path: Path
    v_template: np.ndarray
    faces: np.ndarray
    weights: np.ndarray
    J_regressor: np.ndarray
    shapedirs: np.ndarray
    posedirs: np.ndarray
    lmk_faces_idx: np.ndarray
    lmk_bary_coords: np.ndarray
    contour_faces_idx: np.ndarray
    contour_bary_coords: np.ndarray
    vt: np.ndarray | None
    ft: np.ndarray | None
    face_part: np.ndarray
    vertex_part: np.ndarray
    has_objects: bool
    kid_template: Path | None = None
    kid_direction: np.ndarray | None = None

    @property
    def shape_count(self) -> int:
        """Shape coefficients the file holds: 300, or 10 in the old files with 10 + 10 columns.

        A kid's extra coefficient is not counted: it comes from another file.
        """
        return SHAPE_DIM if self.shapedirs.shape[2] >= SHAPE_DIM + EXPRESSION_DIM else 10

    @property
    def expression_count(self) -> int:
        """Expression coefficients the file holds."""
        return EXPRESSION_DIM if self.shape_count == SHAPE_DIM else 10

    def shape_basis(self, num_betas: int) -> np.ndarray:
        """Shape directions (V, 3, num_betas) of a betas vector of this length.

        They are the file's first ones; of a kid, the last one is the blend towards the kid
        template. Raises BodyModelError if the file has fewer.
        """
        if self.kid_direction is None:
            self._demand(num_betas, self.shape_count, "shape coefficients (num_betas)")
            return self.shapedirs[:, :, :num_betas]
        self._demand(num_betas - 1, self.shape_count, "shape coefficients (num_betas)")
        own = self.shapedirs[:, :, : num_betas - 1].astype(np.float32)
        kid = self.kid_direction.astype(np.float32)
        return np.concatenate([own, kid[:, :, None]], axis=2)

    def expression_basis(self, num_expression: int) -> np.ndarray:
        """First expression directions (V, 3, n). Raises BodyModelError if the file has fewer."""
        self._demand(num_expression, self.expression_count, "expression coefficients")
        return self.shapedirs[:, :, self.shape_count : self.shape_count + num_expression]

    def _demand(self, wanted: int, present: int, what: str) -> None:
        if not 0 <= wanted <= present:
            raise BodyModelError(
                f"{self.path}: {wanted} {what} asked for, but the file holds {present}; "
                "lower the number in the configuration, or run: genb doctor"
            )


def model_path(folder: Path, gender: str) -> Path:
    """Where the model of `gender` ('neutral', 'male' or 'female') lies inside `folder`."""
    return Path(folder) / "smplx" / f"SMPLX_{gender.upper()}.npz"


def read_model_file(path: Path) -> ModelFile:
    """Read and check a body model file. Raises BodyModelError on any fault, pickles included."""
    path = Path(path)
    if not path.is_file():
        raise BodyModelError(f"{path}: no body model there; run: genb doctor")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return _check(path, archive)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, KeyError, zlib.error) as fault:
        raise BodyModelError(
            f"{path}: damaged or not a body model file ({type(fault).__name__}: {fault}); "
            "delete it and fetch or build it again; run: genb doctor"
        ) from fault


def write_plain_copy(source: Path, target: Path) -> None:
    """Copy every plain array of a model file, leaving pickled members out."""
    with zipfile.ZipFile(source) as archive:
        names = [n for n in archive.namelist() if not _is_object(archive, n)]
    with np.load(source, allow_pickle=False) as arrays:
        np.savez(target, **{name[:-4]: arrays[name[:-4]] for name in names})


def semantic_parts(weights: np.ndarray, v_template: np.ndarray, eyes: np.ndarray) -> np.ndarray:
    """Part ids (V,) uint8 (skin, face, hands, feet, eyes_mouth) from the skinning weights.

    eyes: (V,) bool, the vertices of eyeballs, teeth and tongue. The face is what the head and jaw
    move, in front of the ears, from the chin to about the hairline.
    """

    def moved_by(*joints: str) -> np.ndarray:
        return weights[:, [JOINT_INDEX[j] for j in joints]].sum(axis=1, dtype=np.float64) > 0.5

    fingers = [n for n in JOINT_NAMES if n[-1] in "123" and "spine" not in n]
    ear_z = v_template[[VERTEX_JOINTS["left_ear"], VERTEX_JOINTS["right_ear"]], 2].mean()
    eye_y = v_template[[VERTEX_JOINTS["left_eye"], VERTEX_JOINTS["right_eye"]], 1].mean()
    nose_z = v_template[VERTEX_JOINTS["nose"], 2]
    head = moved_by("head", "jaw")
    front = v_template[:, 2] > ear_z + 0.2 * (nose_z - ear_z)
    chin_y = v_template[head & front, 1].min()
    below_hair = v_template[:, 1] < eye_y + 0.55 * (eye_y - chin_y)
    part = np.full(len(weights), PARTS["skin"], np.uint8)
    part[head & front & below_hair] = PARTS["face"]
    part[moved_by("left_wrist", *(f for f in fingers if f.startswith("left")))] = PARTS["hands"]
    part[moved_by("right_wrist", *(f for f in fingers if f.startswith("right")))] = PARTS["hands"]
    part[moved_by("left_ankle", "left_foot")] = PARTS["feet"]
    part[moved_by("right_ankle", "right_foot")] = PARTS["feet"]
    part[eyes] = PARTS["eyes_mouth"]
    return part


def _check(path: Path, archive) -> ModelFile:
    names = set(archive.files)

    def take(name: str, shape: tuple, kind: str) -> np.ndarray:
        if name not in names:
            raise BodyModelError(f"{path}: array '{name}' is missing; run: genb doctor")
        array = archive[name]
        matches = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not matches or array.dtype.kind not in kind:
            wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
            raise BodyModelError(
                f"{path}: array '{name}' is {array.shape} {array.dtype}, expected {wanted} "
                f"{'numbers' if 'f' in kind else 'integers'}; this is not an SMPL-X file; "
                "run: genb doctor"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BodyModelError(f"{path}: array '{name}' holds NaN or inf; run: genb doctor")
        return array

    def take_index(name: str, shape: tuple, limit: int) -> np.ndarray:
        index = take(name, shape, "iu").astype(np.int64)
        if index.min() < 0 or index.max() >= limit:
            raise BodyModelError(
                f"{path}: array '{name}' points outside 0..{limit - 1}; run: genb doctor"
            )
        return index

    v_template = take("v_template", (None, 3), "f")
    count = len(v_template)
    if count <= max(VERTEX_JOINTS.values()):
        raise BodyModelError(
            f"{path}: {count} vertices, too few for SMPL-X (is it an SMPL or SMPL-H file?); "
            "run: genb doctor"
        )
    faces = take_index("f", (None, 3), count)
    weights = take("weights", (count, len(PARENTS)), "f")
    shapedirs = take("shapedirs", (count, 3, None), "f")
    columns = shapedirs.shape[2]
    if columns < 20:
        raise BodyModelError(
            f"{path}: array 'shapedirs' has {columns} columns, expected at least 20 "
            f"(10 shape + 10 expression) or {SHAPE_DIM + EXPRESSION_DIM}; run: genb doctor"
        )
    tree = take("kintree_table", (2, len(PARENTS)), "iu").astype(np.int64)
    if not np.array_equal(tree[0, 1:], PARENTS[1:]):
        raise BodyModelError(
            f"{path}: 'kintree_table' is not SMPL-X's joint tree; run: genb doctor"
        )
    has_uv = {"vt", "ft"} <= names
    vt = take("vt", (None, 2), "f") if has_uv else None
    if "face_part" in names:
        face_part = take("face_part", (len(faces),), "u")
    else:
        face_part = _eye_faces(weights, faces)
    if "vertex_part" in names:
        vertex_part = take("vertex_part", (count,), "u")
    else:
        eyes = np.zeros(count, bool)
        eyes[faces[face_part > 0]] = True
        vertex_part = semantic_parts(weights, v_template, eyes)
    with zipfile.ZipFile(path) as members:
        has_objects = any(_is_object(members, name) for name in members.namelist())
    return ModelFile(
        path=path,
        v_template=v_template,
        faces=faces,
        weights=weights,
        J_regressor=take("J_regressor", (len(PARENTS), count), "f"),
        shapedirs=shapedirs,
        posedirs=take("posedirs", (count, 3, POSE_BASIS_DIM), "f"),
        lmk_faces_idx=take_index("lmk_faces_idx", (LANDMARK_COUNT,), len(faces)),
        lmk_bary_coords=take("lmk_bary_coords", (LANDMARK_COUNT, 3), "f"),
        # Row 0 of the tables over the head's turn is the head that looks straight ahead.
        contour_faces_idx=take_index("dynamic_lmk_faces_idx", (None, CONTOUR_COUNT), len(faces))[0],
        contour_bary_coords=take("dynamic_lmk_bary_coords", (None, CONTOUR_COUNT, 3), "f")[0],
        vt=vt,
        ft=take_index("ft", (len(faces), 3), len(vt)) if has_uv else None,
        face_part=face_part,
        vertex_part=vertex_part,
        has_objects=has_objects,
    )


def _eye_faces(weights: np.ndarray, faces: np.ndarray) -> np.ndarray:
    part = np.zeros(len(faces), np.uint8)
    for number, joint in ((1, "left_eye"), (2, "right_eye")):
        part[(weights[faces, JOINT_INDEX[joint]] > 0.5).all(axis=1)] = number
    return part


def _is_object(archive: zipfile.ZipFile, member: str) -> bool:
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        return header(stream)[2].hasobject
