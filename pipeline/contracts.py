"""Arrays that cross a stage boundary, checked when they are made.

Frames and units are those of `pipeline.conventions`; F frames, P people, V vertices, H x W pixels.
"""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from pipeline.errors import GenbError
from pipeline.storage import read_npz, write_npz


class _Arrays:
    """Save to and load from .npz by field name."""

    def save(self, path: Path) -> None:
        """Write all fields as a deterministic .npz."""
        write_npz(path, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path):
        """Read what `save` wrote; raises GenbError when the file is missing, cut or misshapen."""
        try:
            return cls(**read_npz(path))
        except FileNotFoundError as error:
            raise GenbError(f"{path} is missing. Run the same command again to make it.") from error
        except (TypeError, ValueError) as error:
            raise GenbError(f"{path} does not hold a {cls.__name__}: {error}") from error


def _check(name: str, array: np.ndarray, *shape: int | None) -> None:
    matches = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not matches:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"{name} holds NaN")


@dataclass(frozen=True)
class SubjectMotion(_Arrays):
    """A subject's body over its clip, in the subject frame (Z up, faces -Y, feet on z = 0).

    tpose: (V, 3) f32. ease_in: (E, V, 3) f32, T-pose to first clip frame. clip: (T, V, 3) f32.
    pose: (T, 165) f32 axis-angle and transl: (T, 3) f32 metres, such that model(pose, transl) in
    the body-model frame (Y up) is the clip. joints: (T, 127, 3) f32, subject frame.
    ground_gap_mm: (T,) f32, lowest vertex above (+) or below (-) what the person stands on.
    airborne: (T,) bool, flight phases. self_penetration_mm: (T,) f32, deepest body part in another.
    T_subject_motion: (T, 4, 4) f64, from the motion file's own world, turned Z up, to the subject
    frame; the identity for built-in motions.
    """

    tpose: np.ndarray
    ease_in: np.ndarray
    clip: np.ndarray
    pose: np.ndarray
    transl: np.ndarray
    joints: np.ndarray
    ground_gap_mm: np.ndarray
    airborne: np.ndarray
    self_penetration_mm: np.ndarray
    T_subject_motion: np.ndarray

    def __post_init__(self) -> None:
        n_vertices, n_frames = len(self.tpose), len(self.clip)
        _check("tpose", self.tpose, n_vertices, 3)
        _check("ease_in", self.ease_in, None, n_vertices, 3)
        _check("clip", self.clip, n_frames, n_vertices, 3)
        _check("pose", self.pose, n_frames, 165)
        _check("transl", self.transl, n_frames, 3)
        _check("joints", self.joints, n_frames, 127, 3)
        for name in ("ground_gap_mm", "airborne", "self_penetration_mm"):
            _check(name, getattr(self, name), n_frames)
        _check("T_subject_motion", self.T_subject_motion, n_frames, 4, 4)


@dataclass(frozen=True)
class SceneBodies(_Arrays):
    """Every body of a scene in the world, and the parameters that give it.

    vertices: (F, P, V, 3) f32 world m, equal to model(betas, pose_world, transl_world, expression).
    joints: (F, P, 127, 3) f32 world m. pose_world: (F, P, 165) f64. transl_world: (F, P, 3) f64.
    betas: (P, B) f64. expression: (P, 10) f64. tpose: (P, V, 3) f32 subject frame.
    T_world_subject: (F, P, 4, 4) f64, rigid; also places the garments.
    ground_gap_mm, airborne, self_penetration_mm: (F, P), see SubjectMotion. velocity: (F, P, V, 3)
    f32 m/s of the vertices, or (0, P, V, 3) for scenes without motion blur.
    """

    vertices: np.ndarray
    joints: np.ndarray
    pose_world: np.ndarray
    transl_world: np.ndarray
    betas: np.ndarray
    expression: np.ndarray
    tpose: np.ndarray
    T_world_subject: np.ndarray
    ground_gap_mm: np.ndarray
    airborne: np.ndarray
    self_penetration_mm: np.ndarray
    velocity: np.ndarray

    def __post_init__(self) -> None:
        n_frames, n_people, n_vertices, _ = self.vertices.shape
        moving = n_frames if len(self.velocity) else 0
        _check("velocity", self.velocity, moving, n_people, n_vertices, 3)
        _check("vertices", self.vertices, n_frames, n_people, n_vertices, 3)
        _check("joints", self.joints, n_frames, n_people, 127, 3)
        _check("pose_world", self.pose_world, n_frames, n_people, 165)
        _check("transl_world", self.transl_world, n_frames, n_people, 3)
        _check("betas", self.betas, n_people, None)
        _check("expression", self.expression, n_people, None)
        _check("tpose", self.tpose, n_people, n_vertices, 3)
        _check("T_world_subject", self.T_world_subject, n_frames, n_people, 4, 4)
        for name in ("ground_gap_mm", "airborne", "self_penetration_mm"):
            _check(name, getattr(self, name), n_frames, n_people)


@dataclass(frozen=True)
class RenderPasses(_Arrays):
    """Exact, unblended geometry of one frame, as Cycles saw it at the pixel centres.

    depth: (H, W) f32 m along camera Z, inf = sky. normal: (H, W, 3) f16 camera frame, unit,
    0 = background. instance: (H, W) u16, person k is k + 1. part: (H, W) u8, see
    `conventions.PARTS`. body_instance: (H, W) u16 and body_depth: (H, W) f32, the same scene with
    naked, hairless bodies only. vertex_uv: (P, V, 2) f32 px, where Blender's own camera puts the
    body vertices. position_error_px: () f32, worst reprojection error of Cycles' position pass.
    amodal: (P, H, W) bool, everything of each person as if nothing were in front. body_face: (H, W)
    i32, triangle of the naked body at the pixel, -1 = none; body_bary: (H, W, 2) f16, weights of
    the triangle's first two corners. flow: (H, W, 2) f32 px, from each pixel's centre to where its
    surface is in the next frame's image (inf = behind that camera); (0, 0, 2) for the last frame.
    """

    depth: np.ndarray
    normal: np.ndarray
    instance: np.ndarray
    part: np.ndarray
    body_instance: np.ndarray
    body_depth: np.ndarray
    vertex_uv: np.ndarray
    position_error_px: np.ndarray
    amodal: np.ndarray
    body_face: np.ndarray
    body_bary: np.ndarray
    flow: np.ndarray

    def __post_init__(self) -> None:
        height, width = self.depth.shape
        _check("amodal", self.amodal, len(self.vertex_uv), height, width)
        _check("body_bary", self.body_bary, height, width, 2)
        _check("flow", self.flow, *((height, width) if self.flow.size else (0, 0)), 2)
        _check("normal", self.normal, height, width, 3)
        for name in ("instance", "part", "body_instance", "body_depth", "body_face"):
            _check(name, getattr(self, name), height, width)
        _check("vertex_uv", self.vertex_uv, None, None, 2)
