"""Users' own simulations and meshes on the wearer, and simulations that are kept."""

import numpy as np
import pytest
from PIL import Image

from pipeline.config import Config, GarmentSection
from pipeline.contracts import SubjectMotion
from pipeline.errors import GenbError, SceneRejected
from pipeline.garments import alembic, npz, outfits, simcache
from pipeline.garments.__main__ import write_dress
from pipeline.garments.caches import GarmentSequence, read_cache
from pipeline.garments.inside import inside
from pipeline.garments.patterns import cut
from pipeline.garments.simulate import ClothSettings, ClothTask
from pipeline.garments.surface import vertex_normals
from pipeline.garments.tailor import fit, skin_path
from pipeline.scene import GarmentSpec, MotionSpec, SubjectSpec
from pipeline.storage import read_json, read_npz

FPS = 25.0
FRAMES = 3


@pytest.fixture(scope="module")
def subject():
    return SubjectSpec(
        subject="test",
        gender="neutral",
        sex="male",
        age_years=30,
        ancestry=(0.2, 0.2, 0.6),
        betas=[-0.3, 0.6, 0.2],
        motion=MotionSpec(name="wave", seed=1, frames=FRAMES, fps=FPS),
        outfit=[],
    )


@pytest.fixture(scope="module")
def motion(subject, body_dir, tmp_path_factory):
    from pipeline.body.posing import pose_subject
    from pipeline.stages import Plan

    folder = tmp_path_factory.mktemp("pose")
    pose_subject(
        Plan(Config(garments=GarmentSection(ease_in_frames=5)), 0, folder), subject, folder
    )
    return SubjectMotion.load(folder / "motion.npz")


@pytest.fixture(scope="module")
def painted(template, motion):
    """A shirt that follows the skin exactly, 1.2 cm above it: where it belongs is known."""
    pattern = cut(template, outfits.garment("tshirt"))
    fitted = fit(pattern, template, motion.tpose.astype(float), [], 0.01)
    vertices = skin_path(fitted, template, motion.clip).astype(np.float32)
    bound = np.isin(pattern.faces, np.arange(pattern.bound_count)).all(axis=1)
    faces = pattern.faces[bound]
    corner_uv = np.random.default_rng(0).random((len(faces), 3, 2)).astype(np.float32)
    group = (np.arange(len(faces)) % 2).astype(np.int32)
    return GarmentSequence(vertices, faces.astype(np.int32), corner_uv, group, ("body", "trim"))


def _worn(subject, template, motion, folder, garment, **config):
    folder.mkdir()
    clothed = subject.model_copy(update={"outfit": [garment]})
    section = GarmentSection(shoes=False, **config)
    made = write_dress(clothed, template, motion, section, folder)
    (row,) = read_json(folder / "dress.json")["garments"]
    return row, read_cache(folder / row["file"], FPS), made


def _cape(path, **options):
    return GarmentSpec(kind="cape", layer="outer", cache={"path": str(path), **options})


def test_a_users_simulation_is_worn_as_it_is(subject, template, motion, painted, tmp_path):
    npz.write(tmp_path / "cape.npz", painted)
    looks = tmp_path / "looks" / "texture_01"
    looks.mkdir(parents=True)
    spec = _cape(tmp_path / "cape.npz", textures=str(tmp_path / "looks"))
    with pytest.raises(GenbError, match="texture_01"):
        _worn(subject, template, motion, tmp_path / "bare", spec)
    Image.new("RGB", (8, 8), (200, 30, 30)).save(looks / "diffuse.png")
    red = subject.model_copy(update={"outfit": [spec]}).digest()
    Image.new("RGB", (8, 8), (30, 30, 200)).save(looks / "diffuse.png")
    assert subject.model_copy(update={"outfit": [spec]}).digest() != red
    row, worn, made = _worn(subject, template, motion, tmp_path / "out", spec)
    assert (row["kind"], row["layer"], row["frames"]) == ("cape", "outer", FRAMES)
    assert (
        row["source"] == "user simulation" and row["textures"] == spec.cache.textures and not made
    )
    assert row["groups"] == ["body", "trim"]
    rest = read_npz(tmp_path / "out" / row["rest"])
    np.testing.assert_array_equal(rest["corner_uv"], painted.corner_uv)
    np.testing.assert_array_equal(rest["face_group"], painted.face_group)
    # Nothing was inside, so nothing moved except where the settling lifts cloth off bulging skin.
    moved = np.linalg.norm(worn.vertices - painted.vertices, axis=2)
    assert np.quantile(moved, 0.9) < 1e-6 and moved.max() < 0.03


def test_what_grazes_the_skin_is_pushed_out_unless_told_not_to(
    subject, template, motion, painted, tmp_path
):
    vertices = painted.vertices.astype(float)
    spoilt = vertices.copy()
    some = np.arange(0, vertices.shape[1], 25)
    for t, frame in enumerate(vertices):
        normals = vertex_normals(frame, painted.faces)
        spoilt[t, some] -= 0.030 * normals[some]
    grazing = GarmentSequence(spoilt.astype(np.float32), painted.faces)
    was = [inside(b, template.faces, c) for b, c in zip(motion.clip, grazing.vertices, strict=True)]
    assert max(float((d > 0).mean()) for d in was) > 0.02
    npz.write(tmp_path / "cape.npz", grazing)
    row, worn, _ = _worn(subject, template, motion, tmp_path / "out", _cape(tmp_path / "cape.npz"))
    for body, cloth in zip(motion.clip, worn.vertices, strict=True):
        assert inside(body, template.faces, cloth, 2e-4).max() == 0
    assert row["inside_share_max"] == 0 and row["deepest_mm"] == 0
    alone = _cape(tmp_path / "cape.npz", settle=False)
    with pytest.raises(SceneRejected, match=r"cape has .* inside the body in clip frame"):
        _worn(subject, template, motion, tmp_path / "no", alone)
    lenient = {"max_inside_share": 1.0, "max_depth_mm": 100.0}
    row, worn, _ = _worn(subject, template, motion, tmp_path / "as_is", alone, **lenient)
    np.testing.assert_allclose(worn.vertices, grazing.vertices, atol=1e-6)
    assert row["inside_share_max"] == pytest.approx(max((d > 0).mean() for d in was), abs=2e-3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unit": "cm"}, "m large"),
        ({"offset_m": (0.0, 3.0, 0.0)}, "away from the body"),
        ({"up": "y", "forward": "z"}, "body"),
    ],
)
def test_what_was_not_made_for_this_body_is_refused_with_the_next_command(
    subject, template, motion, painted, tmp_path, options, words
):
    npz.write(tmp_path / "cape.npz", painted)
    with pytest.raises(SceneRejected) as error:
        _worn(subject, template, motion, tmp_path / "out", _cape(tmp_path / "cape.npz", **options))
    text = str(error.value)
    assert words in text and "genb garment check cape.npz" in text
    # The reason is published with the dataset.
    assert str(tmp_path) not in text


def test_options_beside_the_file_count_in_full(subject, template, motion, painted, tmp_path):
    """Also those that decide how a garment is worn, not only how it is read."""
    spec = _cape(tmp_path / "cape.npz")
    deep = painted.vertices - np.array([0, 0.06, 0], np.float32)
    npz.write(tmp_path / "cape.npz", GarmentSequence(deep, painted.faces))
    lenient = {"max_inside_share": 1.0, "max_depth_mm": 1000.0}
    (tmp_path / "cape.npz.toml").write_text("settle = false\noffset_m = [0.0, 0.06, 0.0]\n")
    _, worn, _ = _worn(subject, template, motion, tmp_path / "as_is", spec, **lenient)
    np.testing.assert_allclose(worn.vertices, painted.vertices, atol=1e-6)
    (tmp_path / "cape.npz.toml").write_text('textures = "nowhere"\n')
    with pytest.raises(GenbError, match="nowhere"):
        _worn(subject, template, motion, tmp_path / "bare", spec)
    with pytest.raises(GenbError, match="nowhere"):
        subject.model_copy(update={"outfit": [spec]}).digest()


def test_an_unreadable_file_costs_the_subject_its_part(subject, template, motion, tmp_path):
    (tmp_path / "cape.npz").write_bytes(b"PK no archive")
    for aligned in ("motion", "rest"):
        with pytest.raises(SceneRejected) as error:
            spec = _cape(tmp_path / "cape.npz", aligned=aligned)
            _worn(subject, template, motion, tmp_path / aligned, spec)
        assert "cape.npz" in str(error.value) and str(tmp_path) not in str(error.value)


def test_a_mesh_on_the_t_pose_is_simulated(subject, template, motion, painted, tmp_path):
    """The same shirt as one still mesh: it follows the body and hangs."""
    pattern = cut(template, outfits.garment("tshirt"))
    fitted = fit(pattern, template, motion.tpose.astype(float), [], 0.01)
    rest = fitted.rest[: pattern.bound_count].astype(np.float32)
    mesh = GarmentSequence(
        rest[None], painted.faces, painted.corner_uv, painted.face_group, painted.group_names
    )
    npz.write(tmp_path / "shirt.npz", mesh)
    spec = GarmentSpec(
        kind="shirt", layer="upper", cache={"path": str(tmp_path / "shirt.npz"), "aligned": "rest"}
    )
    row, worn, made = _worn(subject, template, motion, tmp_path / "out", spec)
    assert row["source"] == "user mesh" and made[0].cpu_s > 0
    files = read_npz(tmp_path / "out" / row["rest"])
    np.testing.assert_allclose(files["rest"], rest, atol=1e-6)
    np.testing.assert_array_equal(files["corner_uv"], painted.corner_uv)
    apart = np.linalg.norm(worn.vertices - painted.vertices, axis=2)
    # Cloth hangs off its place by centimetres, but stays on the body (the tailor's own limit).
    assert 0.002 < np.median(apart) < 0.06
    for body, cloth in zip(motion.clip, worn.vertices, strict=True):
        assert (inside(body, template.faces, cloth, 2e-4) > 0).mean() <= 0.005


def test_a_mirrored_clip_cannot_wear_what_follows_its_file(
    subject, template, motion, painted, tmp_path
):
    npz.write(tmp_path / "cape.npz", painted)
    mirrored = subject.motion.model_copy(update={"mirrored": True})
    with pytest.raises(SceneRejected, match=r"mirrored.*motion\.mirrored"):
        _worn(
            subject.model_copy(update={"motion": mirrored}),
            template,
            motion,
            tmp_path / "out",
            _cape(tmp_path / "cape.npz"),
        )


def test_an_alembic_of_ours_is_a_users_too(subject, template, motion, painted, tmp_path):
    alembic.write(tmp_path / "cape.abc", painted, FPS)
    _, worn, _ = _worn(subject, template, motion, tmp_path / "out", _cape(tmp_path / "cape.abc"))
    moved = np.linalg.norm(worn.vertices - painted.vertices, axis=2)
    assert np.quantile(moved, 0.9) < 1e-6


def _sheet_task(drop=0.0):
    grid = np.stack(np.meshgrid(*[np.linspace(-0.2, 0.2, 6)] * 2, indexing="ij"), -1).reshape(-1, 2)
    points = np.column_stack([grid, np.full(36, 1.0 - drop)])
    a = (np.arange(5)[:, None] * 6 + np.arange(5)).ravel()
    faces = np.concatenate([np.stack([a, a + 6, a + 1], 1), np.stack([a + 1, a + 6, a + 7], 1)])
    skin = np.repeat(points[None, :6], 5, axis=0)
    floor = np.array([[-9, -9, 0], [9, -9, 0], [0, 9, 0]], np.float32)
    floors = np.repeat(floor[None], 5, axis=0)
    return ClothTask(points, faces, np.arange(6), skin, floors, np.array([[0, 1, 2]]))


SETTINGS = ClothSettings(quality=3, collision_quality=2, distance_m=0.003)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("GENB_CACHE", str(tmp_path))
    return tmp_path / "cloth"


def test_the_same_cloth_is_simulated_once(store, monkeypatch):
    first, spent_s = simcache.simulate_once(_sheet_task(), SETTINGS, 1.0)
    assert spent_s > 0 and len(list(store.glob("*.npz"))) == 1
    calls = []
    real = simcache.simulate
    monkeypatch.setattr(simcache, "simulate", lambda *a: calls.append(a) or real(*a))
    again, spent_s = simcache.simulate_once(_sheet_task(), SETTINGS, 1.0)
    np.testing.assert_array_equal(again, first)
    assert spent_s == 0 and not calls
    # Anything that the solver reads makes it another simulation; 0 GiB keeps and reads nothing.
    for task, settings in (
        (_sheet_task(0.01), SETTINGS),
        (_sheet_task(), SETTINGS.safer()),
    ):
        simcache.simulate_once(task, settings, 1.0)
    assert len(calls) == 2 and len(list(store.glob("*.npz"))) == 3
    simcache.simulate_once(_sheet_task(), SETTINGS, 0.0)
    assert len(calls) == 3


def test_a_damaged_result_is_made_again(store):
    first, _ = simcache.simulate_once(_sheet_task(), SETTINGS, 1.0)
    (file,) = store.glob("*.npz")
    file.write_bytes(file.read_bytes()[:200])
    again, spent_s = simcache.simulate_once(_sheet_task(), SETTINGS, 1.0)
    np.testing.assert_array_equal(again, first)
    assert spent_s > 0
    assert simcache.simulate_once(_sheet_task(), SETTINGS, 1.0)[1] == 0


def test_the_store_keeps_to_its_size(store):
    import os

    for number in range(4):
        simcache.simulate_once(_sheet_task(0.01 * number), SETTINGS, 1.0)
    files = sorted(store.glob("*.npz"), key=lambda path: path.stat().st_mtime_ns)
    for age, file in enumerate(files):
        os.utime(file, (1000 + age, 1000 + age))
    # Room for about two: the two used longest ago go, and what is read counts as used.
    simcache.simulate_once(_sheet_task(0.0), SETTINGS, 1.0)
    size = files[0].stat().st_size
    simcache.simulate_once(_sheet_task(0.05), SETTINGS, 3.5 * size / 2**30)
    left = set(store.glob("*.npz"))
    assert len(left) == 3 and files[0] in left and files[1] not in left and files[2] not in left
