"""Tailoring without Blender: surfaces, patterns on any shape and topology, outfits, caches."""

import struct

import numpy as np
import pytest

from pipeline.body.frames import SUBJECT_FROM_BODY
from pipeline.body.modelfile import JOINT_NAMES
from pipeline.errors import GenbError
from pipeline.garments import outfits, shoes
from pipeline.garments.caches import GarmentSequence, read_cache
from pipeline.garments.measures import EDGE_M, SHOE_SOLE_M
from pipeline.garments.npz import write as write_npz_cache
from pipeline.garments.patterns import Template, cut
from pipeline.garments.remesh import quality, remesh
from pipeline.garments.surface import (
    ClosestPoint,
    boundary_loops,
    clip,
    closest_on_triangles,
    edge_lengths,
    face_cross,
    unique_edges,
    vertex_normals,
)
from pipeline.garments.tailor import fit

KINDS = list(outfits.MEASURES)


@pytest.fixture(scope="module")
def patterns(template):
    return {kind: cut(template, outfits.garment(kind)) for kind in KINDS}


def _sphere(n=24):
    """A closed unit sphere of latitude rings; anticlockwise outside."""
    theta = np.linspace(0, np.pi, n)[1:-1]
    phi = np.arange(2 * n) * np.pi / n
    rings = [[np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)] for t in theta for p in phi]
    points = np.array([[0, 0, 1.0], *rings, [0, 0, -1.0]])
    width, faces = 2 * n, []
    for i in range(width):
        j = (i + 1) % width
        faces.append([0, 1 + i, 1 + j])
        last = 1 + (len(theta) - 1) * width
        faces.append([last + i, len(points) - 1, last + j])
        for ring in range(len(theta) - 1):
            a, b = 1 + ring * width + i, 1 + ring * width + j
            faces += [[a, a + width, b], [b, a + width, b + width]]
    return points, np.array(faces)


def test_closest_point_on_a_triangle_is_known_in_all_regions():
    a, b, c = np.eye(3)[:2].tolist() + [[0.0, 0.0, 0.0]]
    points = np.array([[0.2, 0.2, 5], [2, -1, 0], [-1, 2, 1], [-1, -1, 0], [1, 1, 0], [0.4, -3, 0]])
    bary = closest_on_triangles(points, np.array(a), np.array(b), np.array(c))
    found = bary @ np.array([a, b, c])
    known = [[0.2, 0.2, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [0.5, 0.5, 0], [0.4, 0, 0]]
    np.testing.assert_allclose(found, known, atol=1e-12)


def test_closest_point_on_a_sphere_is_radial():
    points, faces = _sphere()
    query = np.random.default_rng(0).normal(size=(200, 3))
    query *= (1.1 / np.linalg.norm(query, axis=1))[:, None]
    closest, _, bary = ClosestPoint(points, faces).query(query)
    # A facet of a 24-ring sphere lies at most 1 - cos(pi / 24) = 0.9 % inside the sphere.
    np.testing.assert_allclose(closest, query / 1.1, atol=0.04)
    np.testing.assert_allclose(np.linalg.norm(closest, axis=1), 1, atol=0.018)
    assert bary.min() >= -1e-12


def test_clip_cuts_a_sphere_at_the_plane():
    points, faces = _sphere()
    weights, kept = clip(faces, points[:, 2] - 0.3)
    new = weights @ points
    (loop,) = boundary_loops(kept)
    np.testing.assert_allclose(new[loop, 2], 0.3, atol=1e-12)
    assert new[:, 2].min() > 0.3 - 1e-12
    # The cap's area is 2 pi h.
    area = np.linalg.norm(face_cross(new, kept), axis=1).sum() / 2
    assert area == pytest.approx(2 * np.pi * 0.7, rel=0.01)


def test_remesh_keeps_the_surface_and_evens_the_edges():
    points, faces = _sphere(40)
    weights, kept = clip(faces, points[:, 2] - 0.3)
    source = weights @ points
    new, new_faces, binding = remesh(source, kept, 0.12)
    np.testing.assert_allclose(binding @ source, new, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(new, axis=1), 1, atol=0.01)
    measured = quality(new, new_faces)
    assert measured["angle_min_deg"] > 20
    assert 0.09 < measured["edge_median_m"] < 0.15 and measured["edge_max_m"] < 0.24
    # Still a disc, and the same cap.
    assert len(boundary_loops(new_faces)) == 1
    assert len(new) - len(unique_edges(new_faces)) + len(new_faces) == 1
    area = np.linalg.norm(face_cross(new, new_faces), axis=1).sum() / 2
    assert area == pytest.approx(2 * np.pi * 0.7, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_pattern_is_a_clean_cloth(patterns, shapes, template, kind):
    pattern = patterns[kind]
    # A jacket's neck, fronts and hem are one border.
    openings = {"trousers": 3, "shorts": 3, "skirt": 2, "jacket": 3}.get(kind, 4)
    assert len(boundary_loops(pattern.faces)) == openings
    euler = pattern.count - len(unique_edges(pattern.faces)) + len(pattern.faces)
    assert euler == 2 - openings
    np.testing.assert_allclose(np.asarray(pattern.binding.sum(axis=1)).ravel(), 1, atol=1e-9)
    rest = fit(pattern, template, shapes["mean"], [], 0.01).rest
    lengths = edge_lengths(rest, pattern.faces)
    assert 0.8 * EDGE_M < np.median(lengths) < 1.4 * EDGE_M
    assert lengths.min() > 0.1 * EDGE_M and lengths.max() < 5 * EDGE_M
    assert 900 < pattern.count < 3000


@pytest.mark.parametrize("kind", KINDS)
def test_topology_is_fixed_and_every_shape_is_outside_the_body(patterns, shapes, template, kind):
    pattern = patterns[kind]
    for name, tpose in shapes.items():
        garment = fit(pattern, template, tpose, [], 0.01)
        assert garment.rest.shape == (pattern.count, 3)
        bound = garment.rest[: pattern.bound_count]
        closest, face, _ = ClosestPoint(tpose, template.faces).query(bound)
        normals = face_cross(tpose, template.faces)[face]
        inside = ((bound - closest) * normals).sum(axis=1) < 0
        # Folds (armpit, crotch) make a few nearest-face signs ambiguous.
        assert inside.mean() < 0.01, name
    assert np.array_equal(cut(template, outfits.garment(kind)).faces, pattern.faces)


def test_measures_do_what_they_say(template, shapes):
    def hem_z(kind, **options):
        pattern = cut(template, outfits.garment(kind, **options))
        rest = fit(pattern, template, shapes["mean"], [], 0.01).rest
        return rest

    short, long = hem_z("tshirt", sleeve=0.4), hem_z("tshirt", sleeve=0.8)
    assert np.ptp(long[:, 0]) > np.ptp(short[:, 0]) + 0.1
    mini, maxi = hem_z("skirt", leg=0.6), hem_z("skirt", leg=1.5)
    assert maxi[:, 2].min() < mini[:, 2].min() - 0.2
    narrow, wide = hem_z("skirt", flare_m=0.03), hem_z("skirt", flare_m=0.17)
    assert np.ptp(wide[:, 0]) > np.ptp(narrow[:, 0]) + 0.15


def test_another_body_topology_is_dressed_alike(template, shapes):
    """A stand-in with other vertices and faces: the same person re-triangulated at 3 cm."""
    fingers = [name for name in JOINT_NAMES if name[-1] in "123" and "spine" not in name]
    ends = ("head", "jaw", "left_eye", "right_eye", "left_foot", "right_foot", *fingers)
    part = template.weight(*ends) < 0.5
    faces = template.faces[part[template.faces].all(axis=1)]
    vertices, faces, binding = remesh(template.vertices, faces, 0.035, rounds=1)
    joints = template.J_regressor @ template.vertices
    affine = np.column_stack([vertices, np.ones(len(vertices))])
    regressor = np.linalg.lstsq(affine.T, np.column_stack([joints, np.ones(55)]).T, rcond=None)[0].T
    other = Template(vertices, faces, binding @ template.weights, regressor)
    assert len(vertices) != len(template.vertices)
    for kind in ("tshirt", "trousers"):
        ours = fit(cut(template, outfits.garment(kind)), template, shapes["mean"], [], 0.01).rest
        theirs = fit(
            cut(other, outfits.garment(kind)), other, vertices @ SUBJECT_FROM_BODY.T, [], 0.01
        ).rest
        np.testing.assert_allclose(theirs.min(axis=0), ours.min(axis=0), atol=0.03)
        np.testing.assert_allclose(theirs.max(axis=0), ours.max(axis=0), atol=0.03)


@pytest.mark.parametrize("side", ["left", "right"])
def test_shoe_has_a_flat_sole_and_hides_the_foot(template, shapes, side):
    for name, tpose in shapes.items():
        shoe = shoes.make_shoe(template, tpose, side)
        foot = template.weight(f"{side}_ankle", f"{side}_foot") > 0.5
        lowest = tpose[foot, 2].min()
        assert shoe.vertices[:, 2].min() == pytest.approx(lowest - SHOE_SOLE_M, abs=0.004), name
        ground = shoe.vertices[shoe.vertices[:, 2] < lowest - SHOE_SOLE_M + 0.004]
        assert np.ptp(ground[:, 1]) > 0.75 * np.ptp(tpose[foot, 1])
        # Every toe vertex is behind the upper.
        toes = foot & (tpose[:, 1] < tpose[foot, 1].min() + 0.25 * np.ptp(tpose[foot, 1]))
        upper = shoe.faces[np.isin(shoe.faces, shoe.upper).all(axis=1)]
        closest, face, _ = ClosestPoint(shoe.vertices, upper).query(tpose[toes])
        outward = face_cross(shoe.vertices, upper)[face]
        assert (((tpose[toes] - closest) * outward).sum(axis=1) > 0).mean() < 0.005, name
        assert 0 < shoe.sole.mean() < 1 and shoe.sole.dtype == np.float32


def test_shoe_follows_a_rigid_motion_exactly(template, shapes):
    tpose = shapes["mean"]
    shoe = shoes.make_shoe(template, tpose, "left")
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    moved = shoes.move_shoe(template, shoe, "left", tpose, (tpose @ turn.T + [1, 2, 3])[None])
    np.testing.assert_allclose(moved[0], shoe.vertices @ turn.T + [1, 2, 3], atol=1e-9)


def test_normals_point_outwards(patterns, shapes, template):
    for kind in ("tshirt", "trousers"):
        garment = fit(patterns[kind], template, shapes["mean"], [], 0.01)
        normals = vertex_normals(garment.rest, patterns[kind].faces)
        skin = patterns[kind].binding @ shapes["mean"]
        lifted = garment.rest[: len(skin)] - skin
        assert ((lifted * normals[: len(skin)]).sum(axis=1) > 0).mean() > 0.97


def test_outfits_are_repeatable_and_vary_within_range():
    for name in outfits.OUTFITS:
        first = outfits.sample_outfit(np.random.default_rng(1), name, "female", 30)
        again = outfits.sample_outfit(np.random.default_rng(1), name, "female", 30)
        other = outfits.sample_outfit(np.random.default_rng(2), name, "female", 30)
        assert first == again != other
        for spec in first:
            assert spec.layer == outfits.KIND_LAYERS[spec.kind]
            for measure, (_, low, high) in outfits.MEASURES[spec.kind].items():
                assert 0.9 * low - 1e-9 <= spec.options[measure] <= 1.1 * high or low < 0


def test_wrong_names_are_explained():
    with pytest.raises(GenbError, match="Did you mean 'trousers'"):
        outfits.garment("trouser")
    with pytest.raises(GenbError, match="Did you mean 'sleeve'"):
        outfits.garment("tshirt", sleve=0.5)
    with pytest.raises(GenbError, match="Did you mean 'tshirt_skirt'"):
        outfits.sample_outfit(np.random.default_rng(0), "tshirt_skrt", "female", 30)


@pytest.fixture
def sequence():
    rng = np.random.default_rng(0)
    vertices = rng.normal(size=(4, 6, 3)).astype(np.float32)
    return GarmentSequence(vertices, np.array([[0, 1, 2], [2, 3, 4], [3, 4, 5]], np.int32))


def test_npz_cache_reads_back(tmp_path, sequence):
    write_npz_cache(tmp_path / "cloth.npz", sequence)
    back = read_cache(tmp_path / "cloth.npz", 25)
    np.testing.assert_array_equal(back.vertices, sequence.vertices)
    np.testing.assert_array_equal(back.faces, sequence.faces)


def _write_pc2(path, vertices):
    header = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, vertices.shape[1], 0, 1, len(vertices))
    path.write_bytes(header + vertices.astype("<f4").tobytes())


def test_pc2_cache_reads_back(tmp_path, sequence):
    _write_pc2(tmp_path / "cloth.pc2", sequence.vertices)
    lines = [f"v {x} {y} {z}" for x, y, z in sequence.vertices[0]]
    lines += [f"f {a + 1}/1 {b + 1}/1 {c + 1}/1" for a, b, c in sequence.faces]
    (tmp_path / "cloth.obj").write_text("\n".join(lines))
    back = read_cache(tmp_path / "cloth.pc2", 25)
    np.testing.assert_array_equal(back.vertices, sequence.vertices)
    np.testing.assert_array_equal(back.faces, sequence.faces)


def test_broken_caches_name_file_and_fault(tmp_path, sequence):
    with pytest.raises(GenbError, match="none.abc does not exist"):
        read_cache(tmp_path / "none.abc", 25)
    (tmp_path / "cloth.fbx").write_bytes(b"x")
    with pytest.raises(GenbError, match="no reader for '.fbx'"):
        read_cache(tmp_path / "cloth.fbx", 25)
    vertices = sequence.vertices.copy()
    vertices[2, 1] = np.nan
    write_npz_cache(tmp_path / "nan.npz", GarmentSequence(vertices, sequence.faces))
    with pytest.raises(GenbError, match="frame 2 holds coordinates that are not finite"):
        read_cache(tmp_path / "nan.npz", 25)
    write_npz_cache(tmp_path / "face.npz", GarmentSequence(sequence.vertices, sequence.faces + 3))
    with pytest.raises(GenbError, match="points to vertex 8 of 6"):
        read_cache(tmp_path / "face.npz", 25)
    whole = (tmp_path / "nan.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GenbError, match="cut.npz"):
        read_cache(tmp_path / "cut.npz", 25)
    _write_pc2(tmp_path / "cut.pc2", sequence.vertices)
    (tmp_path / "cut.pc2").write_bytes((tmp_path / "cut.pc2").read_bytes()[:-7])
    with pytest.raises(GenbError, match="truncated"):
        read_cache(tmp_path / "cut.pc2", 25)
