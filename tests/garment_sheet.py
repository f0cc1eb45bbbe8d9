"""The moving sheet that garment files are tested with, and what importers must make of it."""

import numpy as np

from pipeline.contracts import SubjectMotion
from pipeline.garments.cachefile import GarmentCache
from pipeline.garments.caches import GarmentSequence
from pipeline.garments.placing import bring

FPS = 25
# Texts keep 7 digits of up to 2000 mm; float32 elsewhere.
TOLERANCE_M = 1e-5


def sheet_of(frames=12, rows=25, columns=20, x=0.0):
    """A cloth of 500 vertices that swings and sinks; left half of cotton, right half of trim."""
    i, j = np.mgrid[:rows, :columns].reshape(2, -1)
    rest = np.stack([x + 0.02 * i, 0.02 * j - 0.3, np.zeros(len(i))], axis=1)
    time = np.arange(frames)[:, None]
    vertices = np.repeat(rest[None], frames, axis=0)
    vertices[:, :, 2] = 1.2 - 0.01 * time + 0.05 * np.sin(0.5 * i + 0.4 * time)
    vertices[:, :, 1] += 0.03 * np.cos(0.3 * j + 0.7 * time)
    cell = (np.mgrid[: rows - 1, : columns - 1].reshape(2, -1).T * (columns, 1)).sum(axis=1)
    low = np.stack([cell, cell + columns, cell + columns + 1], axis=1)
    high = np.stack([cell, cell + columns + 1, cell + 1], axis=1)
    faces = np.concatenate([low, high]).astype(np.int32)
    group = (i[faces].min(axis=1) >= rows // 2).astype(np.int32)
    uv = np.stack([i / rows, j / columns], axis=1)[faces] / 2
    uv[group == 1] += 0.5  # an island of its own: shared vertices have two coordinates
    return GarmentSequence(
        vertices.astype(np.float32), faces, uv.astype(np.float32), group, ("cotton", "trim")
    )


def _motion(frames):
    """A body of four points that does not move; its pelvis is at a place of its own."""
    clip = np.zeros((frames, 4, 3), np.float32)
    return SubjectMotion(
        tpose=clip[0],
        ease_in=clip[:1],
        clip=clip,
        pose=np.zeros((frames, 165), np.float32),
        transl=np.zeros((frames, 3), np.float32),
        joints=np.full((frames, 127, 3), 0.5, np.float32),
        ground_gap_mm=np.zeros(frames, np.float32),
        airborne=np.zeros(frames, bool),
        self_penetration_mm=np.zeros(frames, np.float32),
        T_subject_motion=np.tile(np.eye(4), (frames, 1, 1)),
    )


def brought(path, frames=12, **options):
    return bring(GarmentCache(path=str(path), **options), _motion(frames), FPS)


def assert_same(back, sheet):
    """Same vertices, faces up to rotation of corners and order, texture coordinates, materials."""
    np.testing.assert_allclose(back.vertices, sheet.vertices, atol=TOLERANCE_M)
    (faces, uv, names), (want_faces, want_uv, want_names) = _canonical(back), _canonical(sheet)
    np.testing.assert_array_equal(faces, want_faces)
    np.testing.assert_allclose(uv, want_uv, atol=1e-6)
    np.testing.assert_array_equal(names, want_names)


def _canonical(sequence):
    turn = (np.argmin(sequence.faces, axis=1)[:, None] + np.arange(3)) % 3
    faces = np.take_along_axis(sequence.faces, turn, axis=1)
    uv = np.take_along_axis(sequence.corner_uv, turn[..., None], axis=1)
    names = np.array(sequence.group_names)[sequence.face_group]
    order = np.lexsort(faces.T)
    return faces[order], uv[order], names[order]
