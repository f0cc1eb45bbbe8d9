"""A sample under examination: its members decoded once, its bodies evaluated and drawn once.

What cannot be had (a licensed body model, an OpenGL context) is None here and told once by `Means`.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import Path

import numpy as np
import scipy.sparse

from pipeline.body.measures import BodyMeasures, measure_bodies
from pipeline.body.modelfile import BodyModelError, ModelFile, model_path
from pipeline.config import ShardSection
from pipeline.conventions import PARTS
from pipeline.dataset import Dataset, Frame
from pipeline.errors import GenbError
from pipeline.storage import sha256_file
from pipeline.truth.bodies import cached_model, label_bodies
from pipeline.truth.dense_matrices import read_dense_matrices
from pipeline.truth.keypoints import JOINTS, body_points
from pipeline.truth.labels import project_in_front, rest_body
from pipeline.truth.silhouette import render_depth

BARE = (PARTS["skin"], PARTS["hands"], PARTS["feet"])
"""Parts whose pixels show the body's own surface. Those of the face may show a lash or a beard."""


@dataclass
class Means:
    """What this machine can check with: body models and OpenGL. Counts what it had to leave out.

    left_out: reason -> samples. models: gender and kid -> model file, or why there is none.
    """

    dataset: Dataset
    left_out: Counter = field(default_factory=Counter)
    models: dict = field(default_factory=dict)
    no_drawing: str = ""
    _kept: dict = field(default_factory=dict)

    def once(self, what: str, of: object, make: Callable[[], object]) -> object:
        """What `make` gives, kept until it is asked for of something else: the appearances of a
        frame share their bodies."""
        if what not in self._kept or self._kept[what][0] != of:
            self._kept[what] = (of, make())
        return self._kept[what][1]

    def model(self, person: dict) -> ModelFile | str:
        """The body model of a person (their facts), or why they cannot be evaluated."""
        which = (person["gender"], person["kid_template"])
        if which not in self.models:
            try:
                self.models[which] = self._foreign(person["gender"]) or self.dataset.model(person)
            except BodyModelError as error:
                self.models[which] = f"bodies were not re-evaluated: {error}"
        return self.models[which]

    def _foreign(self, gender: str) -> str:
        """Why this machine's licensed file must not stand in for the dataset's; empty if it may."""
        body = self.dataset.description["body"]
        listed = {file["gender"]: file for file in body["files"]}.get(gender)
        if listed is None or listed["included"]:
            return ""
        path = model_path(self.dataset.body_folder, gender)
        if not path.is_file() or sha256_file(path) == listed["sha256"]:
            return ""
        return (
            f"bodies were not re-evaluated: {path} is another file than the one that the dataset "
            f"was made with (SHA-256 {listed['sha256'][:12]}...)"
        )

    @cached_property
    def matrices(self) -> dict[int, scipy.sparse.csr_matrix] | str:
        """Matrices of dense key-points by their size, or why they cannot be had."""
        section = ShardSection.model_validate(self.dataset.description["config"]["shards"])
        if not section.matrices:
            return {}
        try:
            model = next(model for model in self.models.values() if not isinstance(model, str))
            return read_dense_matrices(section, len(model.v_template))
        except GenbError as error:
            return f"dense key-points of a matrix were not re-evaluated: {error}"

    def draw(self, vertices: np.ndarray, faces: np.ndarray, K, size) -> np.ndarray | None:
        """Depth (H, W) m of a body by OpenGL, or None where there is none."""
        if self.no_drawing:
            return None
        try:
            return render_depth(vertices, faces, K, *size)
        except GenbError as error:
            self.no_drawing = f"bodies were not drawn: {error}"
            return None


@dataclass(frozen=True)
class CheckedFrame(Frame):
    """One sample and all that the checks derive from it. means: shared by the whole dataset."""

    means: Means

    @property
    def config(self) -> dict:
        """The dataset's configuration."""
        return self.dataset.description["config"]

    @property
    def count(self) -> int:
        """People in the picture."""
        return len(self.labels["betas"])

    @cached_property
    def models(self) -> list[ModelFile]:
        """The body model file of each person; only for frames that are `evaluated`."""
        return [self.means.model(person) for person in self.people]

    @cached_property
    def mask(self) -> np.ndarray:
        """Instance ids (H, W) uint8."""
        return self.sample.image("mask.png")

    @cached_property
    def part(self) -> np.ndarray:
        """Part ids (H, W) uint8."""
        return self.sample.image("part.png")

    @cached_property
    def depth(self) -> np.ndarray:
        """Depth (H, W) float32 m."""
        return self.sample.array("depth.npy")

    @cached_property
    def normal(self) -> np.ndarray:
        """Normals (H, W, 3) float16, camera frame."""
        return self.sample.array("normal.npy")

    @cached_property
    def flow(self) -> np.ndarray:
        """Flow (H, W, 2) float32 px."""
        return self.sample.array("flow.npy")

    @cached_property
    def geometry(self) -> dict[str, np.ndarray]:
        """`amodal`, `body_face` and `body_bary`."""
        return self.sample.arrays("geometry.npz")

    @cached_property
    def evaluated(self) -> bool:
        """Whether everybody's body model is at hand; the reason is counted once per sample."""
        reasons = {m for m in map(self.means.model, self.people) if isinstance(m, str)}
        self.means.left_out.update(reasons)
        return not reasons

    @property
    def _identity(self) -> tuple:
        """What the bodies follow from."""
        who = tuple((person["gender"], person["kid_template"]) for person in self.people)
        return self.sample.members["npz"], who, self.size

    @cached_property
    def _bodies(self) -> tuple[np.ndarray, np.ndarray]:
        make = partial(label_bodies, self.labels, self.models)
        return self.means.once("bodies", self._identity, make)

    @cached_property
    def alone(self) -> np.ndarray | None:
        """Depth (P, H, W) m of each naked body, drawn alone; None without OpenGL."""
        alone = self.means.once("alone", self._identity, self._draw)
        if alone is None:
            self.means.left_out[self.means.no_drawing] += 1
        return alone

    def _draw(self) -> np.ndarray | None:
        drawn = [
            self.means.draw(vertices, model.faces, self.labels["K"], self.size)
            for vertices, model in zip(self.vertices, self.models, strict=True)
        ]
        return None if self.means.no_drawing else np.stack(drawn)

    @cached_property
    def points_cam(self) -> np.ndarray:
        """The 145 points (P, 145, 3) float64 m of everybody, their joints as published."""
        return np.stack(
            [
                body_points(model, vertices, joints)
                for model, vertices, joints in zip(
                    self.models, self.vertices, self.labels["joints_cam"], strict=True
                )
            ]
        )

    @cached_property
    def points_2d(self) -> np.ndarray:
        """Projections (P, 145, 2) px of the same points, those of the joints as published."""
        points = project_in_front(self.labels["K"], self.points_cam)
        points[:, :JOINTS] = self.labels["joints_2d"]
        return points

    @cached_property
    def _matrices(self) -> dict | None:
        if isinstance(self.means.matrices, str):
            self.means.left_out[self.means.matrices] += 1
            return None
        return self.means.matrices

    def dense_points(self, n: int) -> np.ndarray | None:
        """The set of n dense key-points (P, n, 3) m, or None where its matrix cannot be had."""
        if self._matrices is None:
            return None
        if n in self._matrices:
            return np.stack([self._matrices[n] @ vertices for vertices in self.vertices])
        return self.vertices[:, self.labels[f"dense_{n}_index"]]

    def bare(self, person: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the pixels that show this person's own skin, hands or feet."""
        return np.nonzero((self.mask == person + 1) & self._bare)

    @cached_property
    def _bare(self) -> np.ndarray:
        return np.isin(np.arange(256), BARE)[self.part]

    def surface_points(self, person: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Points (n, 3) m, camera frame, that `body_face` and `body_bary` name at pixels, if they
        are on this person's body."""
        return self.named_points(self.vertices[person], person, rows, columns)

    def named_points(self, vertices, person: int, rows, columns) -> np.ndarray:
        """The same on a body with other vertices (V, 3)."""
        face = self.geometry["body_face"][rows, columns]
        first_two = self.geometry["body_bary"][rows, columns].astype(float)
        weights = np.column_stack([first_two, 1 - first_two.sum(axis=1)])
        return np.einsum("nk,nkd->nd", weights, vertices[self.models[person].faces[face]])


@lru_cache(maxsize=256)
def rest(path: Path, kid: Path | None, betas: tuple[float, ...]) -> tuple[np.ndarray, BodyMeasures]:
    """Rest pelvis (3,) m, the pivot of the root, and stature and mass of a shape."""
    model = cached_model(path, kid)
    vertices, joints = rest_body(model, np.array(betas))
    return joints[0], measure_bodies(vertices, model.faces[model.face_part == 0])
