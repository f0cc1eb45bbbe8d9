"""Cloth and bodies that touch themselves: room to simulate in, and every vertex outside after."""

import numpy as np
import pytest

from pipeline.garments.contact import Layer
from pipeline.garments.inside import inside
from pipeline.garments.outside import OwnSkin, bring_outside
from pipeline.garments.room import make_room
from pipeline.garments.surface import vertex_normals

CLEARANCE_M = 0.0025


def ball(centre, radius, n=26):
    from test_garments import _sphere

    points, faces = _sphere(n)
    return points * radius + np.array(centre), faces


def two_balls(gap_m, radius=0.1):
    """Two balls side by side, their skins `gap_m` apart (negative: overlapping)."""
    half = radius + gap_m / 2
    left, faces = ball((-half, 0, 0), radius)
    right, _ = ball((half, 0, 0), radius)
    return np.concatenate([left, right]), np.concatenate([faces, faces + len(left)]), len(left)


def sheet(y, z, x=0.0):
    """A rectangle in the plane x = const, (N, 3), with its faces."""
    grid = np.stack(np.meshgrid(y, z, indexing="ij"), -1).reshape(-1, 2)
    points = np.column_stack([np.full(len(grid), x), grid])
    rows, columns = len(y), len(z)
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    a = (i * columns + j).ravel()
    one = np.stack([a, a + columns, a + 1], 1)
    two = np.stack([a + 1, a + columns, a + columns + 1], 1)
    return points, np.concatenate([one, two])


def test_winding_counts_overlaps_as_inside_and_knows_the_depth():
    vertices, faces, _ = two_balls(-0.04)
    body = Layer(vertices, faces)
    points = np.array([[0, 0, 0], [-0.08, 0, 0], [0.3, 0, 0], [0, 0.2, 0], [0, 0, -0.099]], float)
    assert body.encloses(points).tolist() == [True, True, False, False, False]
    # The middle of the lens is 2 cm from either skin; facets of the ball are 0.4 mm flat.
    assert body.depth(points)[0] == pytest.approx(0.02, abs=5e-4)
    # The centre of the left ball is 6 cm from the right one's skin, and 10 from its own.
    assert body.depth(points)[1] == pytest.approx(0.06, abs=5e-4)
    np.testing.assert_array_equal(body.depth(points) > 0, inside(vertices, faces, points) > 0)


@pytest.mark.parametrize("gap_m", [0.3, 0.02, 0.006, 0.0, -0.006, -0.012])
def test_room_is_made_where_parts_meet_and_nowhere_else(gap_m):
    wanted_m = 0.012
    vertices, faces, first = two_balls(gap_m)
    everything = np.arange(len(vertices))
    body = vertices[None].astype(np.float32)
    moved = make_room(body, faces, everything, wanted_m)[0].astype(float)
    left, right = moved[:first], moved[first:]
    there_m = right[:, 0].min() - left[:, 0].max()
    # The balls curve away from each other, and the yielding is smoothed: most of the gap, not all.
    assert there_m > 0.6 * wanted_m
    if gap_m >= wanted_m:
        np.testing.assert_allclose(moved, vertices, atol=1e-6)
    # The far sides stay.
    far = np.abs(vertices[:, 0]) > 0.1
    np.testing.assert_allclose(moved[far], vertices[far], atol=1e-6)
    # Nothing ever swells.
    outward = vertex_normals(vertices, faces)
    assert ((moved - vertices) * outward).sum(axis=1).max() < 1e-6


def test_cloth_inside_one_part_goes_to_the_nearest_skin():
    vertices, faces = ball((0, 0, 0), 0.1)
    body = Layer(vertices, faces)
    points, cloth = sheet(np.linspace(-0.05, 0.05, 5), np.linspace(-0.05, 0.05, 5), x=0.078)
    settled, pinched = bring_outside(points, cloth, body, None, CLEARANCE_M)
    assert not pinched.any() and not body.encloses(settled).any()
    was_inside = body.encloses(points)
    assert 0 < was_inside.sum() < len(points)
    np.testing.assert_array_equal(settled[~was_inside], points[~was_inside])
    radius = np.linalg.norm(settled[was_inside], axis=1)
    # Facets lie up to 0.7 mm below the sphere that their corners are on.
    assert np.abs(radius - 0.1 - CLEARANCE_M).max() < 8e-4


def test_own_skin_wins_where_it_is_nearer_than_any_other():
    """A vertex in the overlap belongs to the skin it clothes, if there is room above it."""
    vertices, faces, first = two_balls(0.02)
    body = Layer(vertices, faces)
    points = np.array([[0.013, 0.0, 0.0], [0.013, 0.01, 0.0], [0.013, 0.0, 0.01]])
    normal = np.tile([1.0, 0.0, 0.0], (3, 1))
    skin = np.array([[-0.01, 0, 0], [-0.0105, 0.01, 0], [-0.0105, 0, 0.01]])
    own = OwnSkin(skin, normal, np.ones(3, bool))
    settled, pinched = bring_outside(points, np.array([[0, 1, 2]]), body, own, CLEARANCE_M)
    assert not pinched.any() and not body.encloses(settled).any()


def test_pinched_cloth_ends_at_the_edge_of_the_free_space():
    """A sheet between two balls that press on each other: its middle has no place. It is drawn
    back along the sheet to the rim of the lens, and what was free does not move."""
    vertices, faces, _ = two_balls(-0.02)
    body = Layer(vertices, faces)
    points, cloth = sheet(np.linspace(-0.12, 0.12, 25), np.linspace(-0.12, 0.12, 25))
    before = body.encloses(points)
    assert before.sum() > 20
    own = OwnSkin(np.zeros_like(points), np.zeros_like(points), np.zeros(len(points), bool))
    settled, pinched = bring_outside(points, cloth, body, own, CLEARANCE_M)
    assert not body.encloses(settled).any() and not inside(vertices, faces, settled).any()
    np.testing.assert_array_equal(settled[~before], points[~before])
    # The two balls meet in a circle of this radius.
    rim = np.sqrt(0.1**2 - 0.09**2)
    radius = np.linalg.norm(settled[pinched][:, 1:], axis=1)
    # One step of the sheet is 1 cm; a vertex stops within it.
    assert radius.min() > rim - 0.001 and radius.max() < rim + 0.0101 * np.sqrt(2)


def test_cloth_that_is_pinched_as_a_whole_still_gets_out():
    vertices, faces, _ = two_balls(-0.06)
    body = Layer(vertices, faces)
    free, cloth = sheet(np.linspace(-0.02, 0.02, 4), np.linspace(-0.02, 0.02, 4))
    far, other = sheet(np.linspace(0.3, 0.34, 3), np.linspace(0.0, 0.04, 3))
    points = np.concatenate([free, far])
    cloth = np.concatenate([cloth, other + len(free)])
    settled, pinched = bring_outside(points, cloth, body, None, CLEARANCE_M)
    assert not body.encloses(settled).any()
    assert pinched[: len(free)].any() and not pinched[len(free) :].any()
