"""Open fronts, collars, hoods, ribs and sizes: patterns on many shapes and on another topology."""

from functools import cache

import numpy as np
import pytest
from scipy.spatial import ConvexHull, cKDTree

from pipeline.body.frames import SUBJECT_FROM_BODY
from pipeline.body.modelfile import JOINT_INDEX, JOINT_NAMES
from pipeline.garments import outfits
from pipeline.garments.measures import EDGE_M, LAYERS
from pipeline.garments.patterns import Template, cut
from pipeline.garments.remesh import remesh
from pipeline.garments.surface import (
    ClosestPoint,
    border_runs,
    boundary_loops,
    face_cross,
    half_edges,
    runs,
    split_along,
    unique_edges,
    vertex_normals,
)
from pipeline.garments.tailor import fit, skin_path

KINDS = list(outfits.MEASURES)
GAP_M = 0.01
"""What `dressing` keeps between layers by default: four clearances of 2.5 mm."""


@pytest.fixture(scope="module")
def other(template):
    """The same person without head, fingers and feet, re-triangulated at 3.5 cm."""
    fingers = [name for name in JOINT_NAMES if name[-1] in "123" and "spine" not in name]
    ends = ("head", "jaw", "left_eye", "right_eye", "left_foot", "right_foot", *fingers)
    part = template.weight(*ends) < 0.5
    faces = template.faces[part[template.faces].all(axis=1)]
    vertices, faces, binding = remesh(template.vertices, faces, 0.035, rounds=1)
    joints = template.J_regressor @ template.vertices
    affine = np.column_stack([vertices, np.ones(len(vertices))])
    regressor = np.linalg.lstsq(affine.T, np.column_stack([joints, np.ones(55)]).T, rcond=None)[0].T
    return Template(vertices, faces, binding @ template.weights, regressor)


@pytest.fixture(scope="module")
def sewing(template):
    """Patterns of a kind with measures; each is cut once."""

    @cache
    def pattern(kind, **options):
        return cut(template, outfits.garment(kind, **options))

    return pattern


@pytest.fixture(scope="module")
def patterns(sewing):
    return {kind: sewing(kind) for kind in KINDS}


def _joint(template, tpose, name):
    return template.J_regressor[JOINT_INDEX[name]] @ tpose


def _worn(pattern, template, tpose):
    return fit(pattern, template, tpose, [], GAP_M).rest


def _front_gap_m(template, tpose, rest, faces, joint):
    """Width of the opening at the height of a joint: between the nearest border to each side."""
    middle = _joint(template, tpose, joint)
    border = rest[boundary_loops(faces)[0]]
    level = border[(np.abs(border[:, 2] - middle[2]) < 0.03) & (border[:, 1] < middle[1])]
    x = level[:, 0] - middle[0]
    return x[x > 0].min() - x[x < 0].max()


def test_splitting_keeps_the_surface_whole():
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    points = np.column_stack([grid, np.zeros(len(grid))])
    corner = (np.arange(3)[:, None] * 6 + np.arange(5)).ravel()
    faces = np.concatenate(
        [
            np.stack([corner, corner + 1, corner + 7], axis=1),
            np.stack([corner, corner + 7, corner + 6], axis=1),
        ]
    )
    for x in (2.4, 3.0, 3.001):
        weights, new = split_along(faces, points[:, 0] - x)
        moved = weights @ points
        # Within 2 % of an edge of an old vertex, the line goes through that vertex.
        assert np.abs(moved[:, 0] - x).min() < 0.021
        sides = moved[new][..., 0] - x
        assert not ((sides > 0.021).any(axis=1) & (sides < -0.021).any(axis=1)).any()
        area = face_cross(moved, new)[:, 2]
        assert area.sum() / 2 == pytest.approx(15) and area.min() > 0
        assert len(boundary_loops(new)) == 1


def test_runs_wrap_around_a_ring():
    wanted = np.array([True, False, True, True, False, True])
    assert sorted(part.tolist() for part in runs(wanted)) == [[2, 3], [5, 0]]
    assert runs(np.ones(3, bool))[0].tolist() == [0, 1, 2] and runs(np.zeros(3, bool)) == []


def test_a_border_is_named_after_what_it_was_cut_along():
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    levels = {"hem": np.array([0, 0, 1.0, 1.0]), "front": np.array([1.0, 1.0, 0, 0])}
    # Stretches of two vertices are too short to be a border of their own.
    assert border_runs(faces, levels) == {"hem": [], "front": []}
    ((loop, closed),) = border_runs(faces, {"hem": np.zeros(4), "front": np.ones(4)})["hem"]
    assert closed and sorted(loop) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pattern_is_an_oriented_manifold(patterns, kind):
    faces = patterns[kind].faces
    directed = half_edges(faces)
    assert len(np.unique(directed, axis=0)) == len(directed)
    assert np.array_equal(np.unique(faces), np.arange(patterns[kind].count))
    assert not (faces == np.roll(faces, 1, axis=1)).any()


@pytest.mark.parametrize("kind", ["tshirt", "jacket"])
def test_a_cut_does_not_follow_the_last_digits_of_a_sum(patterns, template, kind):
    """They differ with the number of threads; the same garment is cut on every machine."""
    regressor = template.J_regressor * (1 + 1e-14)
    assert not np.array_equal(
        regressor @ template.vertices, template.J_regressor @ template.vertices
    )
    nudged = Template(template.vertices, template.faces, template.weights, regressor)
    again = cut(nudged, outfits.garment(kind))
    np.testing.assert_array_equal(again.faces, patterns[kind].faces)


def test_a_jacket_is_open_from_neck_to_hem(patterns):
    jacket = patterns["jacket"]
    # Neck, fronts and hem are one border; the others are the cuffs.
    assert len(boundary_loops(jacket.faces)) == 3
    assert jacket.count - len(unique_edges(jacket.faces)) + len(jacket.faces) == 2 - 3
    assert len(jacket.corners) == 4


@pytest.mark.parametrize("joint", ["spine3", "spine1"])
def test_the_opening_is_as_wide_as_its_measure(sewing, template, shapes, joint):
    gaps = []
    for opening_m in (0.02, 0.08, 0.16):
        pattern = sewing("jacket", opening_m=opening_m)
        rest = _worn(pattern, template, shapes["mean"])
        gaps.append(_front_gap_m(template, shapes["mean"], rest, pattern.faces, joint))
    assert gaps[0] > 0.004 and gaps[1] > gaps[0] + 0.015 and gaps[2] > gaps[1] + 0.02
    assert gaps[2] < 0.16 + EDGE_M
    # It opens downwards.
    lower = _front_gap_m(template, shapes["mean"], rest, pattern.faces, "pelvis")
    assert lower > _front_gap_m(template, shapes["mean"], rest, pattern.faces, "spine3") + 0.02


def test_every_shape_wears_an_open_jacket(patterns, template, shapes):
    for name, tpose in shapes.items():
        rest = fit(patterns["jacket"], template, tpose, [], GAP_M).rest
        for joint in ("spine3", "spine1"):
            gap = _front_gap_m(template, tpose, rest, patterns["jacket"].faces, joint)
            assert 0.005 < gap < 0.16, (name, joint)


def test_sleeves_lie_over_sleeves(patterns, template, shapes):
    for name, tpose in shapes.items():
        below = fit(patterns["longsleeve"], template, tpose, [], GAP_M).rest
        inner = (below, patterns["longsleeve"].faces)
        rest = fit(patterns["jacket"], template, tpose, [inner], GAP_M).rest
        over, under = _height(rest, *inner), _height(below, rest, patterns["jacket"].faces)
        assert (over < 0).mean() < 0.005, name
        assert (under > 0).mean() < 0.01, name
        arms = patterns["jacket"].binding @ template.arms() > 0.9
        assert np.median(over[arms]) > 0.5 * GAP_M, name


def _height(points, vertices, faces):
    """Signed height of points over a cloth; 0 for those that are not over it."""
    closest, face, bary = ClosestPoint(vertices, faces).query(points)
    normals = vertex_normals(vertices, faces)
    outward = (normals[faces[face]] * bary[..., None]).sum(axis=1)
    height = ((points - closest) * outward).sum(axis=1)
    border = np.zeros(len(vertices), bool)
    border[np.concatenate(boundary_loops(faces))] = True
    beside = (border[faces[face]] & (bary > 1e-6)).any(axis=1)
    return np.where(beside | (np.linalg.norm(points - closest, axis=1) > 0.06), 0, height)


@pytest.mark.parametrize("kind", ["jacket", "hoodie"])
def test_only_the_neck_is_pinned(patterns, template, shapes, kind):
    pattern = patterns[kind]
    tpose = shapes["mean"]
    rest = fit(pattern, template, tpose, [], GAP_M).rest[: pattern.bound_count]
    neck = _joint(template, tpose, "neck")
    sewn = rest[pattern.pinned & ~pattern.grown]
    assert 30 < len(sewn) < 120
    assert np.linalg.norm(sewn[:, :2] - neck[:2], axis=1).max() < 0.17
    assert sewn[:, 2].min() > neck[2] - 0.12
    # All around: left, right, and behind.
    assert (
        sewn[:, 0].min() < -0.06 and sewn[:, 0].max() > 0.06 and sewn[:, 1].max() > neck[1] + 0.03
    )
    assert pattern.grown.sum() > 20 and pattern.pinned[pattern.grown].all()
    assert not pattern.grown[pattern.root].any()


def test_a_collar_stands_as_high_as_its_measure(sewing, template, shapes):
    heights = []
    for collar_m in (0.02, 0.05):
        pattern = sewing("jacket", collar_m=collar_m)
        rest = _worn(pattern, template, shapes["mean"])
        grown = np.flatnonzero(pattern.grown)
        rise = rest[grown, 2] - rest[pattern.root[grown], 2]
        assert rise.max() == pytest.approx(collar_m, abs=0.012)
        heights.append(rise.max())
    assert heights[1] > heights[0] + 0.02


def test_a_hood_lies_behind_the_neck(sewing, template, shapes):
    for name, tpose in shapes.items():
        drops = []
        for hood_m in (0.16, 0.24):
            pattern = sewing("hoodie", hood_m=hood_m)
            rest = _worn(pattern, template, tpose)
            hood = rest[: pattern.bound_count][pattern.grown]
            neck = _joint(template, tpose, "neck")
            scale = template.span("left_shoulder", "right_shoulder", tpose)
            assert (hood[:, 1] > neck[1] - 0.05).mean() > 0.75, name
            # A pouch: a lining and an outside, with air between them.
            tip = hood[np.abs(hood[:, 0] - neck[0]) < 0.04]
            low = tip[tip[:, 2] < neck[2] - 0.03]
            assert np.ptp(low[:, 1]) > 0.03 * scale, name
            drops.append(neck[2] - hood[:, 2].min())
            # Clear of neck and head, and below the ears.
            head = tpose[template.weight("head", "jaw") > 0.5]
            assert cKDTree(head).query(hood)[0].min() > 0.012, name
            skull = _joint(template, tpose, "head")
            assert hood[:, 2].max() < skull[2] + 0.03, name
            closest, face, _ = ClosestPoint(tpose, template.faces).query(hood)
            outside = ((hood - closest) * face_cross(tpose, template.faces)[face]).sum(axis=1) > 0
            assert outside.all(), name
        assert drops[1] > drops[0] + 0.03 * scale, name


def test_collar_and_hood_turn_with_the_chest(patterns, template, shapes):
    turn = np.array([[0.0, -1, 0], [0.8, 0, 0.6], [-0.6, 0, 0.8]])
    tpose = shapes["tall"]
    moved = tpose @ turn.T + [0.3, -0.2, 1.0]
    for kind in ("jacket", "hoodie"):
        garment = fit(patterns[kind], template, tpose, [], GAP_M)
        n, grown = patterns[kind].bound_count, patterns[kind].grown
        at_rest, path = skin_path(garment, template, np.stack([tpose, moved]))
        np.testing.assert_allclose(at_rest[grown], garment.rest[:n][grown], atol=1e-9)
        expected = garment.rest[:n] @ turn.T + [0.3, -0.2, 1.0]
        np.testing.assert_allclose(path[grown], expected[grown], atol=1e-9)
        pinned = patterns[kind].pinned
        np.testing.assert_allclose(path[pinned], expected[pinned], atol=1e-9)


@pytest.mark.parametrize("kind", ["jacket", "hoodie"])
def test_normals_point_outwards(patterns, template, shapes, kind):
    pattern = patterns[kind]
    garment = fit(pattern, template, shapes["mean"], [], GAP_M)
    normals = vertex_normals(garment.rest, pattern.faces)[: pattern.bound_count]
    lifted = garment.rest[: pattern.bound_count] - pattern.binding @ shapes["mean"]
    out = (lifted * normals).sum(axis=1) > 0
    # Sleeves that go on beyond the wrist are bound further up the arm.
    own = ~pattern.grown & (pattern.reach_m == 0)
    assert out[own].mean() > 0.97
    # The outside of a hood looks backwards and away from the body: half of its surface does.
    if kind == "hoodie":
        assert 0.35 < (normals[pattern.grown][:, 1] > 0.2).mean() < 0.75


@pytest.mark.parametrize("kind", ["jacket", "hoodie"])
def test_another_body_topology_is_dressed_alike(patterns, template, other, shapes, kind):
    pattern = cut(other, outfits.garment(kind))
    ours = _worn(patterns[kind], template, shapes["mean"])
    theirs = _worn(pattern, other, other.vertices @ SUBJECT_FROM_BODY.T)
    np.testing.assert_allclose(theirs.min(axis=0), ours.min(axis=0), atol=0.03)
    np.testing.assert_allclose(theirs.max(axis=0), ours.max(axis=0), atol=0.03)
    assert len(boundary_loops(pattern.faces)) == {"jacket": 3, "hoodie": 4}[kind]


def _girth_m(template, tpose, rest):
    """Tape measure around the trunk, half-way between the lowest spine joint and the chest."""
    height = (_joint(template, tpose, "spine1")[2] + _joint(template, tpose, "spine2")[2]) / 2
    ring = rest[np.abs(rest[:, 2] - height) < 0.02][:, :2]
    hull = ring[ConvexHull(ring).vertices]
    return np.linalg.norm(hull - np.roll(hull, 1, axis=0), axis=1).sum()


@pytest.mark.parametrize("kind", ["tshirt", "jacket"])
def test_one_size_more_is_four_centimetres_around(sewing, template, shapes, kind):
    tpose = shapes["mean"]
    small = _worn(sewing(kind), template, tpose)
    large = _worn(sewing(kind, size=2.0), template, tpose)
    wider = _girth_m(template, tpose, large) - _girth_m(template, tpose, small)
    assert wider == pytest.approx(0.08, abs=0.02)
    # More ease also moves the hem down, where it lies under belly and seat.
    assert 0.015 < small[:, 2].min() - large[:, 2].min() < 0.045


def test_ribs_hug_wrist_and_hips(patterns, template, shapes):
    tpose = shapes["mean"]
    rest = _worn(patterns["hoodie"], template, tpose)
    distance = np.linalg.norm(rest - ClosestPoint(tpose, template.faces).query(rest)[0], axis=1)
    chest = np.abs(rest[:, 2] - _joint(template, tpose, "spine2")[2]) < 0.05
    hem = rest[:, 2] < rest[:, 2].min() + 0.03
    assert np.median(distance[hem]) < 0.012 < 0.018 < np.median(distance[chest])


def test_a_sleeve_beyond_the_wrist_is_longer_by_that(sewing, template, shapes):
    tpose = shapes["mean"]
    forearm_m = np.linalg.norm(
        _joint(template, tpose, "left_wrist") - _joint(template, tpose, "left_elbow")
    )
    wrist, longer = (
        _worn(sewing("longsleeve", sleeve=sleeve), template, tpose) for sleeve in (2.0, 2.15)
    )
    for side in (1, -1):
        extra = (side * longer[:, 0]).max() - (side * wrist[:, 0]).max()
        assert extra == pytest.approx(0.15 * forearm_m, abs=0.01)


def test_cloth_bridges_the_hollow_below_a_heavy_chest(patterns, template, shapes):
    """The straight way down from bust to belly, not along the skin."""
    tpose = shapes["heavy"]
    shirt = patterns["longsleeve"]
    rest = fit(shirt, template, tpose, [], GAP_M).rest
    distance = np.linalg.norm(rest - ClosestPoint(tpose, template.faces).query(rest)[0], axis=1)
    front = (rest[:, 1] < _joint(template, tpose, "spine2")[1]) & (np.abs(rest[:, 0]) < 0.15)
    assert distance[front].max() > shirt.ease_m.max() + 0.01


def test_a_child_wears_less_ease(patterns, template, shapes):
    jacket = patterns["jacket"]
    loose = {}
    for name in ("child", "tall"):
        height = fit(jacket, template, shapes[name], [], GAP_M).height_m[~jacket.grown]
        loose[name] = np.median(height)
    assert loose["child"] < 0.85 * loose["tall"]


def test_outfits_name_what_they_hold_and_go_from_inside_out():
    order = {layer: place for place, layer in enumerate(LAYERS)}
    for name, garments in outfits.OUTFITS.items():
        layers = [order[garment.layer] for garment in garments]
        assert layers == sorted(layers) and len(set(layers)) == len(layers), name
        kinds = {garment.kind for garment in garments}
        # Casting tells women's outfits by these two words.
        assert ("skirt" in name) == ("skirt" in kinds) and ("dress" in name) == ("dress" in kinds)
        if "outer" in {garment.layer for garment in garments}:
            assert {"upper", "full"} & {garment.layer for garment in garments}, name
    assert any("jacket" in name for name in outfits.outfit_names("male"))
    assert not any("dress" in name or "skirt" in name for name in outfits.outfit_names("male"))
