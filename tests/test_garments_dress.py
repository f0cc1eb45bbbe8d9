"""Dressing a real body with Blender's cloth, and Alembic caches through Blender."""

from dataclasses import replace

import bpy
import numpy as np
import pytest

from pipeline.config import Config, GarmentSection
from pipeline.contracts import SubjectMotion
from pipeline.errors import GenbError, SceneRejected
from pipeline.garments import alembic, dressing, outfits
from pipeline.garments.__main__ import write_dress
from pipeline.garments.caches import GarmentSequence, read_cache
from pipeline.garments.contact import Layer, push_outside
from pipeline.garments.simulate import ClothSettings, ClothTask, fault, simulate, tear
from pipeline.scene import MotionSpec, SubjectSpec
from pipeline.storage import read_json, read_npz

FPS = 25.0


@pytest.fixture(scope="module")
def subject():
    return SubjectSpec(
        subject="test",
        gender="neutral",
        sex="female",
        age_years=30,
        ancestry=(0.2, 0.2, 0.6),
        betas=[0.4, -0.6, 0.5, 0.0],
        motion=MotionSpec(name="idle", seed=1, frames=3, fps=FPS),
        outfit=[outfits.garment("tshirt"), outfits.garment("shorts")],
    )


@pytest.fixture(scope="module")
def motion(subject, body_dir, tmp_path_factory):
    from pipeline.body.posing import pose_subject
    from pipeline.stages import Plan

    folder = tmp_path_factory.mktemp("pose")
    plan = Plan(Config(garments=GarmentSection(ease_in_frames=8)), 0, folder)
    pose_subject(plan, subject, folder)
    return SubjectMotion.load(folder / "motion.npz")


@pytest.fixture(scope="module")
def dressed(subject, template, motion, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dress")
    write_dress(subject, template, motion, GarmentSection(), folder)
    return folder


@pytest.fixture
def sequence():
    rng = np.random.default_rng(0)
    vertices = rng.normal(size=(5, 6, 3)).astype(np.float32)
    return GarmentSequence(vertices, np.array([[0, 1, 2], [2, 3, 4], [3, 4, 5]], np.int32))


def test_the_stage_dresses_from_the_skin_outwards(dressed, motion):
    rows = read_json(dressed / "dress.json")["garments"]
    assert [row["layer"] for row in rows] == ["lower", "upper", "shoes"]
    for row in rows:
        sequence = read_cache(dressed / row["file"], row["fps"])
        rest = read_npz(dressed / row["rest"])
        assert sequence.vertices.shape == (len(motion.clip), row["vertices"], 3)
        np.testing.assert_array_equal(sequence.faces, rest["faces"])
        # The rest coordinates lie on the T-pose: arms out, so sleeves are wider than the shoulders.
        gap = np.abs(rest["rest"].min(axis=0) - motion.tpose.min(axis=0))
        assert gap[2] < 1.2 and np.isfinite(rest["rest"]).all()
    sole = read_npz(dressed / rows[2]["rest"])["sole"]
    assert sole.min() == 0 and sole.max() == 1


def test_the_body_is_inside_its_clothes(dressed, template, motion):
    """Counted by rays through the body's surface, independently of the push-out's nearest faces."""
    import trimesh

    for row in read_json(dressed / "dress.json")["garments"][:2]:
        assert row["inside_share_max"] <= 0.005
        cloth = read_cache(dressed / row["file"], row["fps"]).vertices[-1]
        body = trimesh.Trimesh(motion.clip[-1], template.faces, process=False)
        assert _inside_by_rays(body, cloth).mean() <= 0.005


def _inside_by_rays(body, points):
    """Odd number of crossings, by majority of three directions."""
    votes = np.zeros(len(points), int)
    for direction in ([0.31, 0.22, 0.92], [-0.85, 0.4, 0.33], [0.1, -0.97, 0.21]):
        rays = np.tile(direction, (len(points), 1))
        hits = body.ray.intersects_location(points, rays, multiple_hits=True)[1]
        votes += np.bincount(hits, minlength=len(points)) % 2
    return votes >= 2


def test_shirt_stays_over_the_shorts(dressed):
    rows = read_json(dressed / "dress.json")["garments"]
    shorts, shirt = (read_cache(dressed / row["file"], FPS) for row in rows[:2])
    layer = Layer(shorts.vertices[-1], shorts.faces)
    near = layer.nearest(shirt.vertices[-1].astype(float), 0.02)
    close = np.isfinite(near.distance_m)
    assert close.sum() > 20
    assert (near.height_m[close] < -0.001).mean() < 0.03


def test_dressing_twice_gives_the_same_vertices(subject, template, motion, dressed, tmp_path):
    write_dress(subject, template, motion, GarmentSection(), tmp_path)
    for row in read_json(dressed / "dress.json")["garments"]:
        first, second = (read_cache(d / row["file"], FPS).vertices for d in (dressed, tmp_path))
        np.testing.assert_array_equal(first, second)
        assert b"_ai_DateWritten=Thu Jan  1 00:00:00 1970" in (tmp_path / row["file"]).read_bytes()
    assert (dressed / "dress.json").read_bytes() == (tmp_path / "dress.json").read_bytes()


def _sheet(size=9):
    """A square sheet 1 m above a static floor triangle."""
    grid = np.linspace(-0.5, 0.5, size)
    points = np.stack(np.meshgrid(grid, grid, [1.0], indexing="ij"), -1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(size - 1), np.arange(size - 1), indexing="ij")
    a = (i * size + j).ravel()
    faces = np.concatenate(
        [np.stack([a, a + size, a + 1], 1), np.stack([a + 1, a + size, a + size + 1], 1)]
    )
    floor = np.array([[-9, -9, 0], [9, -9, 0], [0, 9, 0]], np.float32)
    return points, faces, floor


def _run_sheet(path, frames=12, **settings):
    points, faces, floor = _sheet()
    pinned = np.arange(9)
    settings = ClothSettings(
        **{"quality": 5, "collision_quality": 2, "distance_m": 0.003, **settings}
    )
    floors = np.repeat(floor[None], frames, axis=0)
    skin = path(points[pinned])
    task = ClothTask(points, faces, pinned, skin, floors, np.array([[0, 1, 2]]))
    result, cpu_s = simulate(task, settings)
    assert cpu_s > 0
    none = np.zeros(result.shape[:2], bool)
    return fault(result, points, faces, skin) or tear(result, points, faces, skin, none), result


def _still(points):
    return np.repeat(points[None], 12, axis=0)


def test_a_hanging_sheet_is_fine_and_hangs():
    wrong, result = _run_sheet(_still)
    assert wrong is None
    np.testing.assert_allclose(result[-1, :9], result[0, :9], atol=1e-5)
    assert result[-1, -1, 2] < 0.9


def test_a_torn_sheet_is_noticed():
    def torn(points):
        path = _still(points)
        path[3:, ::2, 2] += 0.5
        # The skin tells how long an edge may be: this one is said to be as short as ever.
        return path

    points, faces, _ = _sheet()
    _, result = _run_sheet(torn)
    none = np.zeros(result.shape[:2], bool)
    assert "torn" in tear(result, points, faces, _still(points[:9]), none)


@pytest.mark.parametrize(("from_deg", "blown"), [(0, (0, 1)), (90, (-1, 0)), (180, (0, -1))])
def test_wind_blows_from_where_it_is_said_to(from_deg, blown):
    """Wind from ahead (-Y) drives a sheet backwards (+Y); from the left (+X), to the right."""
    calm = _run_sheet(_still)[1][-1].mean(axis=0)
    push = [
        _run_sheet(_still, wind=strength, wind_from_deg=from_deg)[1][-1].mean(axis=0) - calm
        for strength in (2.0, 4.0)
    ]
    along = [float(p[:2] @ blown) for p in push]
    # How far it swings depends on how it hangs; where to, and that more wind does more, does not.
    assert 0.002 < along[0] < along[1]


@pytest.mark.parametrize("size", [9, 17])
def test_wind_pulls_cloth_as_its_speed_says_however_fine_the_mesh_is(size):
    """A free sheet across a wind of v m/s: 0.5 * 1.2 * 1.2 * v^2 Pa on 0.25 kg/m2, in g."""
    flat, faces, floor = _sheet(size)
    # Turned upright, facing -Y, and high above the floor.
    points = flat[:, [0, 2, 1]] * [1, 0, 1] + [0, 0, 4.0]
    frames, speed = 6, 3.0
    settings = ClothSettings(
        quality=5, collision_quality=2, distance_m=0.003, air_damping=0.0, wind=speed
    )
    floors = np.repeat(floor[None], frames, axis=0)
    free = np.zeros((frames, 0, 3), np.float32)
    task = ClothTask(points, faces, np.zeros(0, int), free, floors, np.array([[0, 1, 2]]))
    middle = simulate(task, settings)[0].mean(axis=1)
    push, fall = np.diff(middle, 2, axis=0)[1:, 1:].mean(axis=0)
    assert fall < 0 < push
    # Border vertices carry less cloth than others, and all have one mass: the mean is exact.
    assert push / -fall == pytest.approx(0.72 * speed**2 / 0.25 / 9.81, rel=0.05)


def test_gusts_swell_and_fall():
    calm, steady, gusty = (
        _run_sheet(lambda p: np.repeat(p[None], 24, axis=0), 24, wind=wind, gusts=gusts)[1][
            :, :, 1
        ].mean(axis=1)
        for wind, gusts in ((0.0, 0.0), (3.0, 0.0), (3.0, 0.8))
    )
    swing = (gusty - calm) - (steady - calm)
    assert swing.max() > 0.005 and swing.min() < swing.max() - 0.01


def test_self_collision_reaches_the_solver():
    """A sheet folded onto itself keeps its two sides apart only when it meets itself."""
    points, faces, floor = _sheet(17)
    # Fold the free half back under the pinned one, 2 cm below, and let gravity press nothing:
    # the pinned half is lowered onto the free one.
    task_points = points.copy()
    far = points[:, 0] > 0
    task_points[far, 0] *= -1
    task_points[far, 2] -= 0.02
    pinned = np.flatnonzero(points[:, 0] <= 1e-9)
    frames = 10
    skin = np.repeat(task_points[None], frames, axis=0)
    skin[:, :, 2] -= np.linspace(0, 0.12, frames)[:, None]
    order = np.argsort(~np.isin(np.arange(len(points)), pinned), kind="stable")
    number = np.argsort(order)
    bound = len(pinned)
    task = ClothTask(
        task_points[order],
        number[faces],
        np.arange(bound),
        skin[:, order][:, :bound],
        np.repeat(floor[None], frames, axis=0),
        np.array([[0, 1, 2]]),
    )
    results = [
        simulate(
            task,
            ClothSettings(
                quality=8, collision_quality=4, distance_m=0.004, self_collision=meets_itself
            ),
        )[0][-1]
        for meets_itself in (False, True)
    ]
    assert np.abs(results[0] - results[1]).max() > 1e-4


def test_faults_are_told_apart():
    points, faces, _ = _sheet()
    still = np.repeat(points[None], 4, axis=0)
    none = np.zeros(still.shape[:2], bool)
    assert fault(still, points, faces, still) is None
    assert tear(still, points, faces, still, none) is None
    assert "torn" in tear(still * 2.1, points, faces, still, none)
    # As long as the skin under it is not torn; between body parts nobody sees it.
    assert tear(still * 2.1, points, faces, still * 2.1, none) is None
    assert tear(still * 2.1, points, faces, still, ~none) is None
    broken = still.copy()
    broken[2, 5] = np.nan
    assert "exploded in frame 2" in fault(broken, points, faces, still)
    assert "left the body" in fault(still + [0, 0, 1.0], points, faces, still)
    assert "crumpled" in fault(still * 0.4, points, faces, still)


def test_divergence_is_retried_once_then_rejected(template, motion, monkeypatch):
    """A body that jumps 30 m in a frame cannot be dressed: both tries fail, and it says why."""
    clip = motion.clip.copy()
    clip[1:] += np.array([0, 0, 30.0], np.float32)
    who = dressing.wearer(template, replace(motion, clip=clip), 0.003)
    tries = []
    simulated = dressing.simulate_once
    monkeypatch.setattr(
        dressing, "simulate_once", lambda *task: tries.append(task[1]) or simulated(*task)
    )
    with pytest.raises(SceneRejected, match="tank diverged twice"):
        dressing.dress(who, outfits.garment("tank"), [], GarmentSection(quality=2))
    assert len(tries) == 2 and tries[1].hold > tries[0].hold == 0


def test_push_outside_a_sphere_is_radial():
    from test_garments import _sphere

    points, faces = _sphere()
    cloth = np.array([[0, 0, 0.98], [0.05, 0, 0.97], [0, 0.05, 0.97], [0, 0, 1.3]])
    nothing = np.zeros(0, int)
    pushed = push_outside(
        cloth, np.zeros((0, 3), int), Layer(points, faces), None, nothing, np.arange(4), 0.01, 0.05
    )
    np.testing.assert_allclose(np.linalg.norm(pushed[:3], axis=1), 1.01, atol=0.01)
    np.testing.assert_array_equal(pushed[3], cloth[3])


@pytest.mark.parametrize("fps", [24.0, 25.0, 29.97, 30.0])
def test_alembic_reads_back_at_any_frame_rate(tmp_path, sequence, fps):
    alembic.write(tmp_path / "cloth.abc", sequence, fps)
    back = read_cache(tmp_path / "cloth.abc", fps)
    # Float32 seconds and the axis conversion cost a few units in the last place.
    np.testing.assert_allclose(back.vertices, sequence.vertices, atol=1e-5)
    np.testing.assert_array_equal(back.faces, sequence.faces)


def test_alembic_leaves_the_open_scene_alone(tmp_path, sequence):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.frame_current = 50, 7
    mesh = bpy.data.meshes.new("garment")
    scene.collection.objects.link(bpy.data.objects.new("garment", mesh))

    def state():
        names = [
            sorted(x.name for x in t) for t in (bpy.data.objects, bpy.data.meshes, bpy.data.scenes)
        ]
        return (
            names,
            bpy.context.scene.name,
            scene.render.fps,
            scene.frame_current,
            len(bpy.data.cache_files),
        )

    before = state()
    alembic.write(tmp_path / "cloth.abc", sequence, FPS)
    read_cache(tmp_path / "cloth.abc", FPS)
    assert state() == before


def test_damaged_alembic_is_refused(tmp_path, sequence):
    alembic.write(tmp_path / "cloth.abc", sequence, FPS)
    data = (tmp_path / "cloth.abc").read_bytes()
    for name, content in {
        "cut": data[: len(data) // 2],
        "text": b"not alembic",
        "nil": b"",
    }.items():
        (tmp_path / f"{name}.abc").write_bytes(content)
        with pytest.raises(GenbError, match=f"{name}.abc"):
            read_cache(tmp_path / f"{name}.abc", FPS)


def test_the_ease_in_ends_with_the_clips_own_speed(template, motion):
    """Somebody who walks at 0.08 m per frame is already that fast when the clip begins."""
    step = np.array([0.08, -0.03, 0.0], np.float32)
    there = np.arange(len(motion.clip))[:, None, None] * step
    standing = replace(motion, clip=np.repeat(motion.clip[:1], len(motion.clip), axis=0))
    walking = replace(standing, clip=standing.clip + there)
    rest, moving = (dressing.wearer(template, m, 0.003) for m in (standing, walking))
    offset = (moving.body - rest.body).mean(axis=1)
    np.testing.assert_allclose(offset[rest.first :], there[:, 0], atol=1e-5)
    speed = np.diff(offset, axis=0)
    # Row 0 is the T-pose, where the ease-in starts: from rest, evenly, to the speed of the clip.
    np.testing.assert_allclose(speed[0], 0, atol=1e-5)
    last = 1 - 1 / (2 * len(motion.ease_in))
    # float32 means of 14,000 vertices some metres away: tens of micrometres.
    np.testing.assert_allclose(speed[rest.first - 1], step * last, atol=1e-4)
    assert (np.diff(speed[: rest.first] @ step) > 0).all()
