"""Placement rules on simple solids: gaps, swept floors, steered occlusion, honest giving up."""

import numpy as np
import pytest
import trimesh

from pipeline.compose import crowd, swept
from pipeline.compose.framing import sample_rig_camera
from pipeline.compose.layout import Candidate, Place, View, meshes_clear, place_people
from pipeline.config import CameraRig, CameraSection, SceneSection
from pipeline.conventions import transform
from pipeline.errors import SceneRejected
from pipeline.truth.silhouette import render_depth

STATURE_M = 1.7


def post(path_m=((0.0, 0.0),), radius_m=0.2):
    """A person as a capsule that moves along a path on the floor."""
    solid = trimesh.creation.capsule(STATURE_M - 2 * radius_m, radius_m, count=[24, 24])
    solid = solid.subdivide_to_size(0.06)
    standing = solid.vertices - [0, 0, solid.vertices[:, 2].min()]
    moves = np.array([[x, y, 0.0] for x, y in path_m])
    joints = np.zeros((127, 3))
    joints[:22, 2] = np.linspace(0.05, 1.6, 22)
    return Candidate(
        joints=joints + moves[:, None],
        vertices=standing + moves[:, None],
        faces=solid.faces,
        stature_m=STATURE_M,
    )


def rig(**changes):
    fields = {
        "name": "test", "hfov_deg": [40.0], "distance_m": (9.0, 9.0), "height_m": (1.7, 1.7),
        "pitch_deg": (0.0, 0.0), "roll_deg": (0.0, 0.0),
    } | changes  # fmt: skip
    return CameraSection(width=640, height=360, rigs=[CameraRig(**fields)])


def rng(seed=0):
    return np.random.default_rng(seed)


# --- meshes -----------------------------------------------------------------------------------


def test_meshes_are_clear_exactly_when_they_are_apart():
    section = SceneSection()
    placed = [(post(), Place((0.0, 0.0), 0.0))]
    # Two capsules of 20 cm radius; a polygon of 24 corners bulges in by 2 mm.
    assert meshes_clear(section, post(), Place((0.401, 0.0), 0.0), placed)
    assert not meshes_clear(section, post(), Place((0.38, 0.0), 0.0), placed)
    tolerant = section.model_copy(update={"max_penetration_mm": 30.0})
    assert meshes_clear(tolerant, post(), Place((0.38, 0.0), 0.0), placed)
    assert not meshes_clear(tolerant, post(), Place((0.34, 0.0), 0.0), placed)


def test_every_frame_counts():
    passing = post([(-1.0, 0.0), (0.0, 0.0), (1.0, 0.0)])
    still = post([(0.0, 0.0)] * 3)
    placed = [(still, Place((0.0, 0.0), 0.0))]
    assert not meshes_clear(SceneSection(), passing, Place((0.0, 0.1), 0.0), placed)
    assert meshes_clear(SceneSection(), passing, Place((0.0, 0.5), 0.0), placed)


# --- BEDLAM's rule ----------------------------------------------------------------------------


def test_a_footprint_is_the_floor_within_half_a_metre_of_the_path():
    floor = swept.footprint(np.array([[0.0, 0.0]]), 0.5)
    # Lattice points of a 10-per-metre raster in a circle of 5 cells: Gauss's circle problem, N(5).
    assert len(floor) == 81
    walk = swept.footprint(np.array([[x, 0.0] for x in np.linspace(0, 2, 41)]), 0.5)
    area_m2 = len(walk) / swept.CELLS_PER_M**2
    # A stadium: pi r^2 + 2 r length, up to the raster's edge (half a cell along its rim).
    rim_m = 2 * np.pi * 0.5 + 2 * 2.0
    assert area_m2 == pytest.approx(np.pi * 0.25 + 2.0, abs=rim_m * 0.05)


def bedlam_section(**changes):
    fields = {
        "placement": "bedlam", "people": (1, 8), "area_x_m": (-3.0, 3.0), "area_y_m": (-3.0, 3.0),
        "max_placement_tries": 500,
    } | changes  # fmt: skip
    return SceneSection(**fields)


def test_swept_floors_do_not_overlap_and_stay_on_the_stage():
    section = bedlam_section(safety_m=8.0)
    walkers = [post([(x, 0.0) for x in np.linspace(0, 1.2, 13)]) for _ in range(4)]
    walkers += [post([(0.0, 0.0)] * 13)] * 3
    for seed in range(5):
        places, _ = place_people(rng(seed), section, walkers, View(30.0))
        paths = [place.apply(w.joints)[:, 0, :2] for place, w in zip(places, walkers, strict=False)]
        assert len(paths) == 7
        for a in range(7):
            assert np.abs(paths[a]).max() < 4.0 - 0.5 + 0.11
            for b in range(a):
                gap = np.linalg.norm(paths[a][:, None] - paths[b][None], axis=2).min()
                # Two discs of 0.5 m; each raster rounds by at most half a cell's diagonal.
                assert gap > 1.0 - 2 * 0.0708 - 0.01


def test_area_runs_from_the_camera_and_to_its_left():
    section = bedlam_section(area_x_m=(2.0, 2.0), area_y_m=(1.0, 1.0))
    places, _ = place_people(rng(), section, [post()], View(90.0))
    # The camera stands on +Y and looks along -Y: two metres on is y = -2, its left is +X.
    assert places[0].position_m == pytest.approx((1.0, -2.0), abs=1e-3)


def test_a_full_stage_is_widened_then_thinned_then_an_error():
    tight = bedlam_section(area_x_m=(-0.6, 0.6), area_y_m=(-0.05, 0.05), people=(1, 3))
    places, notes = place_people(rng(), tight, [post()] * 3, View(0.0))
    assert any("widened" in note for note in notes) or len(places) < 3
    spot = bedlam_section(
        area_x_m=(0.0, 0.0), area_y_m=(0.0, 0.0), people=(1, 6), max_placement_tries=40
    )
    places, notes = place_people(rng(), spot, [post()] * 6, View(0.0))
    assert 1 <= len(places) < 6 and any("one fewer" in note for note in notes)
    all_six = spot.model_copy(update={"people": (6, 6)})
    with pytest.raises(SceneRejected, match="not even 6 people.*area_x_m"):
        place_people(rng(), all_six, [post()] * 6, View(0.0))


# --- AGORA's crowds ---------------------------------------------------------------------------


def crowd_section(**changes):
    fields = {
        "placement": "crowd", "people": (5, 15), "area_x_m": (-3.5, 3.5), "area_y_m": (-2.2, 2.2),
        "gap_m": 0.0, "max_placement_tries": 300,
    } | changes  # fmt: skip
    return SceneSection(**fields)


def look(view, person, place):
    return crowd.see(view, crowd.surface_points(person.vertices[0], person.faces), place)


def test_coarse_occlusion_agrees_with_a_second_renderer():
    camera = sample_rig_camera(rng(), rig(), 0.0)
    view = View(0.0, camera)
    bodies = [(post(), Place(view.to_world(a, b), 0.0)) for a, b in ((-1, 0), (0, 0.12), (1, 0.7))]
    coarse = crowd.hidden_shares([look(view, c, p) for c, p in bodies])
    drawn = np.stack(
        [
            render_depth(
                transform(camera.T_cam_world(), p.apply(c.vertices[0])), c.faces, camera.K(),
                camera.width, camera.height,
            )
            for c, p in bodies
        ]
    )  # fmt: skip
    for k in range(3):
        mine = np.isfinite(drawn[k])
        others = np.delete(drawn, k, axis=0).min(axis=0)
        exact = (others[mine] < drawn[k][mine]).mean()
        # 72 rows: a person is some 30 cells tall and 7 wide, so the rim is a quarter of the area.
        assert coarse[k] == pytest.approx(exact, abs=0.12)
    assert coarse[0] == 0 and coarse[1] > 0.3


def test_crowds_hide_each_other_as_wished():
    shares = {}
    for wish in ((0.0, 0.05), (0.0, 0.9)):
        found = []
        for seed in range(6):
            camera = sample_rig_camera(rng(seed), rig(), 0.0)
            view = View(0.0, camera)
            section = crowd_section(occlusion=wish)
            people = [post()] * 10
            places, _ = place_people(rng(seed), section, people, view)
            seen = [look(view, p, q) for p, q in zip(people, places, strict=False)]
            found += list(crowd.hidden_shares(seen))
        shares[wish] = np.array(found)
    assert shares[(0.0, 0.05)].max() <= 0.05 + 1e-9
    wide = shares[(0.0, 0.9)]
    assert wide.max() <= 0.9 + 1e-9
    # Spread: every third of the range is populated, and nobody's share dominates.
    counts = np.histogram(wide, bins=[0, 0.3, 0.6, 0.9001])[0] / len(wide)
    assert (counts > 0.1).all(), counts


def test_a_rig_stands_where_it_says():
    section = rig(distance_m=(7.0, 7.0), pitch_deg=(-12.0, -12.0), yaw_deg=(5.0, 5.0),
                  roll_deg=(2.0, 2.0), height_m=(1.9, 1.9))  # fmt: skip
    camera = sample_rig_camera(rng(), section, 90.0)
    assert camera.eye_m == pytest.approx((0.0, 7.0, 1.9), abs=1e-4)
    forward = camera.T_cam_world()[2, :3]
    assert np.degrees(np.arcsin(forward[2])) == pytest.approx(-12.0, abs=0.002)
    # Looking along -Y from +Y, five degrees to the left is towards +X.
    assert np.degrees(np.arctan2(forward[0], -forward[1])) == pytest.approx(5.0, abs=0.002)
    hfov = 2 * np.degrees(np.arctan(camera.width / (2 * camera.K()[0, 0])))
    assert hfov == pytest.approx(40.0, abs=1e-4)


def test_rigs_are_drawn_by_weight():
    rigs = [
        CameraRig(name=n, weight=w, hfov_deg=[h], distance_m=(5, 5), height_m=(1.7, 1.7),
                  pitch_deg=(0, 0))
        for n, w, h in (("a", 3.0, 30.0), ("b", 1.0, 60.0))
    ]  # fmt: skip
    section = CameraSection(rigs=rigs)
    generator = rng(3)
    wide = [sample_rig_camera(generator, section, 0.0).vfov_deg > 45 for _ in range(400)]
    # Three standard deviations of a binomial share of 1/4 in 400 draws.
    assert abs(np.mean(wide) - 0.25) < 3 * np.sqrt(0.25 * 0.75 / 400)
