"""What AGORA's tables say about a picture and everybody in it.

Nobody is left out: AGORA marks who is hidden too much (`isValid`) instead.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.dataset import Frame
from pipeline.errors import GenbError
from pipeline.exports.agora_camera import RIGS, AgoraCamera, Rig, agora_camera, rig_of
from pipeline.exports.agora_fit import BETAS, cut_mm, fit_parameters, smpl_parameters
from pipeline.exports.formats import ExportOptions
from pipeline.exports.smpl_bodies import SmplBodies

SETS = {"train": "trainset", "val": "validationset", "test": "testset"}
"""Split -> AGORA's word in names of pictures and sets of scans."""

PICTURE_CELLS = ("imgPath", "camYaw", "camZ", "camY", "camX")
COLUMNS = (
    *("X", "Y", "Z", "Yaw", *PICTURE_CELLS, "gender", "gt_path_smpl", "gt_path_smplx"),
    *("kid", "occlusion", "isValid", "age", "ethnicity"),
)
"""The table's columns, in order; all but PICTURE_CELLS hold a list with one entry per person."""

JV_COLUMNS = ("gt_joints_2d", "gt_joints_3d", "gt_verts")
WIDTH = 3840
"""Pixels across the picture that gt_joints_2d is given for."""

MAX_OCCLUSION = 90.0
SMPLX_VERTICES = 10475
_WORDS = ("hdri", "cam00", "cam01", "cam02", "cam03", "ag2")
"""What readers look for in a name, in this order; any other name is a street."""


@dataclass(frozen=True)
class Picture:
    """A picture with the cells of its row.

    people: for each person the cells of COLUMNS and JV_COLUMNS. fits: file below the export ->
    its arrays. exact: whether the name stands for the camera's true lens.
    """

    frame: Frame
    cells: dict
    people: list[dict]
    fits: dict[str, dict[str, np.ndarray]]
    exact: bool


@dataclass
class AgoraRows:
    """Makes the pictures of an export and counts what a user should know."""

    options: ExportOptions
    counts: Counter = field(default_factory=Counter)
    sizes: set = field(default_factory=set)
    vertex_counts: set = field(default_factory=set)
    cut_mm: float = 0.0

    def __post_init__(self):
        self.smpl = SmplBodies(self.options)

    def picture(self, frame: Frame) -> Picture:
        """The row of a picture. Raises GenbError when its key would make readers mistake it."""
        rig, exact = rig_of(frame.labels["K"], frame.size)
        camera = agora_camera(rig, frame.labels["T_cam_world"])
        name = picture_name(frame, rig)
        spots = [self._spot(frame, k, camera) for k in range(len(frame.people))]
        moves = [camera.fit_from_cam(*spot) for spot in spots]
        fits: dict[str, dict[str, np.ndarray]] = {}
        smpl = self._smpl(frame, moves)
        people = []
        for k, (spot, yaw) in enumerate(spots):
            cells = self._person(frame, k)
            path = f"{set_name(frame, k)}/{frame.key}_{k}_0"
            fits[f"smplx_gt/{path}.pkl"] = fit_parameters(
                frame.labels, k, frame.models[k], *moves[k]
            )
            cells["gt_path_smplx"], cells["gt_path_smpl"] = f"smplx_gt/{path}.obj", ""
            if smpl is not None:
                fits[f"smpl_gt/{path}.pkl"] = smpl_parameters(smpl, k, cells["kid"])
                cells["gt_path_smpl"] = f"smpl_gt/{path}.obj"
            cells |= dict(zip("XYZ", spot.tolist(), strict=True)) | {"Yaw": yaw}
            people.append(cells)
        x, y, z = camera.position_cm.tolist()
        place = {"camX": x, "camY": y, "camZ": z, "camYaw": camera.yaw_deg}
        self._count(frame, rig, exact)
        return Picture(frame, {"imgPath": name, **place}, people, fits, exact)

    def _spot(self, frame: Frame, person: int, camera: AgoraCamera) -> tuple[np.ndarray, float]:
        """(X, Y, Z) cm and Yaw of a person: the ground below their pelvis, and its heading."""
        pelvis = frame.labels["joints_world"][person, 0].astype(float)
        root = Rotation.from_rotvec(frame.labels["pose_world"][person, :3])
        return camera.place(pelvis * [1, 1, 0], root.apply([0.0, 0.0, 1.0]))

    def _person(self, frame: Frame, person: int) -> dict:
        facts, labels = frame.people[person], frame.labels
        occlusion = 100 * float(facts["occlusion"])
        scale = WIDTH / frame.size[0]
        return {
            "gender": facts["gender"],
            "kid": bool(facts["kid_template"]),
            "occlusion": occlusion,
            "isValid": 0 <= occlusion <= MAX_OCCLUSION,
            "age": f"{facts['age_years']:.0f}",
            "ethnicity": "unknown",
            "gt_joints_2d": labels["joints_2d"][person] * np.float32(scale),
            "gt_joints_3d": labels["joints_cam"][person],
            "gt_verts": frame.vertices[person].astype(np.float32),
        }

    def _smpl(self, frame: Frame, moves: list):
        """SMPL bodies in the frames of the fits, or None."""
        if self.smpl.why_not:
            return None
        vertices = [v @ R.T + t for v, (R, t) in zip(frame.vertices, moves, strict=True)]
        return self.smpl.fit(frame, np.stack(vertices))

    def _count(self, frame: Frame, rig: Rig, exact: bool) -> None:
        self.counts["pictures"] += 1
        self.counts[rig.kind if exact else "other"] += 1
        self.sizes.add(frame.size)
        for k, facts in enumerate(frame.people):
            self.counts["people"] += 1
            self.counts["girls"] += facts["kid_template"] and facts["gender"] == "female"
            self.vertex_counts.add(len(frame.models[k].v_template))
            self.cut_mm = max(self.cut_mm, cut_mm(frame.models[k], frame.labels["betas"][k]))

    def notes(self) -> list[str]:
        """What was written, and what in it is not what AGORA's own readers assume."""
        counts = self.counts
        lenses = ", ".join(f"{counts[r.kind]} of {r.focal_mm:g} mm" for r in RIGS if counts[r.kind])
        notes = [f"{counts['pictures']} pictures, {counts['people']} people."]
        if lenses:
            notes.append(f"Pictures with a lens of AGORA's, exact from name and fit: {lenses}.")
        if counts["other"]:
            notes.append(
                f"{counts['other']} pictures have another lens than AGORA's (50, 28 or 18 mm on "
                "36 x 20.25 mm, centred) and are named like its 28 mm: pixels that readers compute "
                "from name and fit are wrong. The _withjv tables are right, and "
                "Cam/*_intrinsics.npz has the cameras."
            )
        if self.cut_mm:
            notes.append(
                f"Fits hold {BETAS} betas, these bodies more: vertices of a fit are off by up to "
                f"{self.cut_mm:.1f} mm; gt_verts are exact. Build with body.num_betas = {BETAS}."
            )
        flat = sorted(size for size in self.sizes if 9 * size[0] != 16 * size[1])
        if flat:
            notes.append(
                f"Pictures of {', '.join(f'{w}x{h}' for w, h in flat)} are not 16:9: gt_joints_2d "
                f"is for a width of {WIDTH} px and the height that follows."
            )
        if self.vertex_counts - {SMPLX_VERTICES}:
            notes.append(
                f"gt_verts are of a mesh with {max(self.vertex_counts)} vertices; the evaluation's "
                f"lists of vertices are for SMPL-X's {SMPLX_VERTICES}."
            )
        if counts["girls"]:
            notes.append(
                f"{counts['girls']} fits are of children of the female model, for whom AGORA's "
                "readers take the neutral one: use gt_verts and gt_joints_3d for them."
            )
        return [*notes, self.smpl.note("gt_path_smpl is empty")]


def picture_name(frame: Frame, rig: Rig) -> str:
    """File name of a picture, which makes readers take its rig. Raises GenbError."""
    facts = frame.facts
    key = frame.key.replace("_", "-")
    name = f"ag_{SETS[facts['split']]}_genb_bfh_{rig.kind}_{key}"
    name += ("_cam00" if rig.kind == "archviz" else "") + f"_{facts['frame']:05d}.png"
    wanted = {"hdri": "hdri", "archviz": "cam00"}.get(rig.kind)
    if next((word for word in _WORDS if word in name), None) != wanted or name.count(".") != 1:
        raise GenbError(
            f"sample key {frame.key!r} has a word or a dot that AGORA's readers would take for "
            f"another camera ({', '.join(_WORDS)}). Merge the dataset under another name."
        )
    return name


def set_name(frame: Frame, person: int) -> str:
    """The set of scans that a person's fit is counted to."""
    who = "kids" if frame.people[person]["kid_template"] else "adults"
    return f"{SETS[frame.facts['split']]}_genb_{who}_bfh"


def mask_name(img_path: str, size: tuple[int, int], person: int) -> str:
    """Folder and file of a mask. person: 1 is the first of the row, 0 the mask of all."""
    stem = img_path.removesuffix(".png").split("_")
    frame = int(stem.pop())
    camera = [stem.pop()] if "archviz" in img_path else []
    file = "_".join([*stem, "mask", *camera, f"{frame:06d}", f"{person:05d}"])
    return f"{'_'.join(stem[:5])}/{stored_name(f'{file}.png', size)}"


def stored_name(name: str, size: tuple[int, int]) -> str:
    """Name of a file of a picture of this size: AGORA's small version has its size in it."""
    return name.replace(".png", "_1280x720.png") if size == (1280, 720) else name
