"""A user's simulation brought to the clip: the right size, place, direction and frames.

Readers give a file as it stands; here its options (`GarmentCache`) turn it into vertices in the
subject frame (Z up, metres), one row per clip frame.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from pipeline.assets import user_path
from pipeline.body.frames import SUBJECT_FROM_BODY
from pipeline.contracts import SubjectMotion
from pipeline.errors import GenbError
from pipeline.garments.cachefile import GarmentCache, with_sidecar
from pipeline.garments.caches import GarmentSequence, broken, checked, read_raw


def bring(cache: GarmentCache, motion: SubjectMotion, fps: float) -> GarmentSequence:
    """The garment of a cache over a clip of `fps`, (T, N, 3) in the subject frame.

    Options beside the file count. Raises GenbError when the file cannot be read, is no garment, or
    does not cover the clip.
    """
    path = user_path(cache.path)
    cache = with_sidecar(cache, path)
    raw = read_raw(path, cache.fps or fps, cache.format, cache.objects)
    return place(checked(raw, path, cache.mend), cache, motion, fps, path)


def place(
    sequence: GarmentSequence, cache: GarmentCache, motion: SubjectMotion, fps: float, path: Path
) -> GarmentSequence:
    """A garment as a file has it, taken to the clip. path: for messages."""
    if cache.weld_mm:
        sequence = weld(sequence, cache.weld_mm / 1000 / _unit_m(cache))
    frames = len(motion.clip)
    vertices = _on_clip_frames(sequence.vertices, cache, fps, frames, path)
    vertices = vertices.astype(np.float64) @ cache.matrix().T + np.array(cache.offset_m)
    T_subject_space = space_frames(cache.space, motion)
    rotation, origin = T_subject_space[:, :3, :3], T_subject_space[:, :3, 3]
    vertices = np.einsum("tij,tnj->tni", rotation, vertices) + origin[:, None]
    sequence = replace(sequence, vertices=np.ascontiguousarray(vertices, np.float32))
    # A left-handed file lists its faces' corners the other way round once it is right-handed.
    return flipped(sequence) if cache.flip_faces != cache.mirrored else sequence


def rest_mesh(cache: GarmentCache, tpose: np.ndarray) -> GarmentSequence:
    """The single frame (1, N, 3) of a garment that lies on the T-pose (V, 3), subject frame."""
    path = user_path(cache.path)
    cache = with_sidecar(cache, path)
    sequence = checked(
        read_raw(path, cache.fps or 1.0, cache.format, cache.objects), path, cache.mend
    )
    if cache.weld_mm:
        sequence = weld(sequence, cache.weld_mm / 1000 / _unit_m(cache))
    if cache.start_frame >= len(sequence.vertices):
        raise broken(path, f"start_frame is {cache.start_frame}, of {len(sequence.vertices)}")
    points = sequence.vertices[cache.start_frame].astype(np.float64)
    points = (points @ cache.matrix().T + np.array(cache.offset_m)).astype(np.float32)
    sequence = replace(sequence, vertices=points[None])
    return flipped(sequence) if cache.flip_faces != cache.mirrored else sequence


def space_frames(space: str, motion: SubjectMotion) -> np.ndarray:
    """T_subject_space (T, 4, 4) of every clip frame; spaces as in `GarmentCache`."""
    frames = np.tile(np.eye(4), (len(motion.clip), 1, 1))
    if space == "motion":
        return motion.T_subject_motion.astype(np.float64)
    if space in ("pelvis", "root"):
        frames[:, :3, 3] = motion.joints[:, 0]
    if space == "root":
        root = Rotation.from_rotvec(motion.pose[:, :3].astype(np.float64)).as_matrix()
        frames[:, :3, :3] = SUBJECT_FROM_BODY @ root @ SUBJECT_FROM_BODY.T
    return frames


def weld(sequence: GarmentSequence, reach: float) -> GarmentSequence:
    """The garment with vertices merged that lie within `reach` (file units) in the first frame.

    A merged vertex moves with the mean of its members; faces that lose their area go.
    """
    first = sequence.vertices[0].astype(np.float64)
    pairs = cKDTree(first).query_pairs(max(reach, 1e-12), output_type="ndarray")
    label = _components(pairs, len(first))
    count = np.bincount(label).astype(np.float64)
    merged = np.stack(
        [
            np.stack([np.bincount(label, frame[:, axis]) for axis in range(3)], axis=1)
            for frame in sequence.vertices.astype(np.float64)
        ]
    )
    faces = label[sequence.faces]
    whole = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    return GarmentSequence(
        vertices=(merged / count[:, None]).astype(np.float32),
        faces=faces[whole].astype(np.int32),
        corner_uv=None if sequence.corner_uv is None else sequence.corner_uv[whole],
        face_group=None if sequence.face_group is None else sequence.face_group[whole],
        group_names=sequence.group_names,
    )


def flipped(sequence: GarmentSequence) -> GarmentSequence:
    """The same surface with its faces turned inside out."""
    turned = slice(None, None, -1)
    uv = sequence.corner_uv
    return replace(
        sequence,
        faces=np.ascontiguousarray(sequence.faces[:, turned]),
        corner_uv=None if uv is None else np.ascontiguousarray(uv[:, turned]),
    )


def _components(pairs: np.ndarray, count: int) -> np.ndarray:
    """Label (count,) of each vertex' group; groups are numbered by their first vertex."""
    import scipy.sparse as sp

    graph = sp.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (count, count))
    label = sp.csgraph.connected_components(graph, directed=False)[1]
    _, first = np.unique(label, return_index=True)
    order = np.empty(len(first), int)
    order[np.argsort(first)] = np.arange(len(first))
    return order[label]


def _unit_m(cache: GarmentCache) -> float:
    return float(np.abs(np.linalg.det(cache.matrix())) ** (1 / 3))


def _on_clip_frames(
    vertices: np.ndarray, cache: GarmentCache, fps: float, wanted: int, path: Path
) -> np.ndarray:
    """Samples (S, N, 3) -> clip frames (wanted, N, 3), linear between samples."""
    rate = cache.fps or fps
    at = cache.start_frame + np.arange(wanted) * (rate / fps)
    last = len(vertices) - 1
    if at[-1] > last + 1e-6:
        covered = int(np.floor((last - cache.start_frame) * fps / rate + 1e-6)) + 1
        raise GenbError(
            f"garment cache {path} has {len(vertices)} frames at {rate:g} fps"
            + (f", from start_frame {cache.start_frame} on" if cache.start_frame else "")
            + f" that cover {max(covered, 0)} frames of the clip, but the clip has {wanted}. "
            f"Export a longer cache, or shorten the clip (cast.clip_frames, or motion.frames of "
            "the scene file)."
        )
    low = np.minimum(np.floor(at + 1e-9).astype(int), last)
    high = np.minimum(low + 1, last)
    share = np.clip(at - low, 0, 1)[:, None, None]
    share[share < 1e-6] = 0
    return (vertices[low] * (1 - share) + vertices[high] * share).astype(np.float64)
