"""Cast members who come dressed: found beside their motions, brought to the clip, worn."""

import json

import numpy as np
import pytest

from pipeline.body.posing import move_subject
from pipeline.compose.casting import sample_subject
from pipeline.compose.clothed import find_clothed
from pipeline.compose.population import Population
from pipeline.config import Config
from pipeline.errors import GenbError
from pipeline.garments.placing import bring
from pipeline.scene import SubjectSpec
from pipeline.stages import Plan

FRAMES, FPS = 30, 50.0


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A walk of a man, turned and away from the origin, with a jacket that hangs on the pelvis."""
    rng = np.random.default_rng(3)
    poses = np.zeros((FRAMES, 165))
    poses[:, 0] = np.pi / 2
    poses[:, 3:66] = 0.1 * rng.normal(size=63)
    turn = np.linspace(0.0, 0.6, FRAMES)
    poses[:, :3] = _turned(turn)
    trans = np.stack([3 + 0.02 * np.arange(FRAMES), np.full(FRAMES, -7.0), np.full(FRAMES, 0.9)], 1)
    file = {
        "poses": poses,
        "trans": trans,
        "betas": rng.normal(size=10),
        "gender": np.array("male"),
        "mocap_frame_rate": np.array(FPS),
    }
    (tmp_path / "clo").mkdir()
    np.savez(tmp_path / "clo" / "walk_01.npz", **file)
    monkeypatch.setenv("GENB_ASSETS", str(tmp_path))
    return tmp_path / "clo"


def _turned(about_z):
    """Root rotations (T, 3) of an upright person in a Z-up world, turning about the vertical."""
    from scipy.spatial.transform import Rotation

    upright = Rotation.from_euler("x", 90, degrees=True)
    return np.stack([(Rotation.from_euler("z", a) * upright).as_rotvec() for a in about_z])


def _config(**cast) -> Config:
    options = {"clothed": ["clo"], "clothed_share": 1.0, "clip_frames": 8, "fps": 25.0, "size": 4}
    # Made-up fingers and glances are the only things that the file does not say.
    plain = {"fill_hands": False, "fill_gaze": False}
    return Config(cast={**options, **cast}, motion=plain)


def _write_jacket(path, vertices, faces):
    np.savez(path, vertices=vertices.astype(np.float32), faces=faces)


def _sample(config, body_dir):
    return sample_subject(config, Population(config, body_dir), 0, 0)


def test_a_garment_in_the_motions_world_lands_on_the_body(folder, body_dir, tmp_path):
    """The jacket is cut out of the body's own skin in the file's world, so where it has to be is
    known to the millimetre: 2 cm off the same vertices of the moved body."""
    _write_jacket(folder / "walk_01.jacket.npz", np.zeros((FRAMES, 3, 3)), np.array([[0, 1, 2]]))
    config = _config()
    subject = _sample(config, body_dir)
    plan = Plan(config, 0, tmp_path / "out")
    own = subject.motion.model_copy(
        update={"heading": "file", "ground": "file", "frames": FRAMES, "fps": FPS, "start_s": 0.0}
    )
    there, _ = move_subject(plan, subject.model_copy(update={"motion": own}))
    faces = np.load(body_dir / "smplx" / "SMPLX_MALE.npz")["f"][:400].astype(int)
    _write_jacket(folder / "walk_01.jacket.npz", there.clip, faces)

    moved, _ = move_subject(plan, subject)
    jacket = bring(subject.outfit[0].cache, moved, config.cast.fps)
    assert len(jacket.vertices) == config.cast.clip_frames
    # float32 vertices some metres from the file's origin: micrometres.
    np.testing.assert_allclose(jacket.vertices, moved.clip, atol=2e-5)
    assert np.abs(there.clip[0].mean(axis=0) - moved.clip[0].mean(axis=0)).max() > 1


def test_the_body_is_the_files_and_the_rest_is_the_tailors(folder, body_dir):
    _write_jacket(folder / "walk_01.jacket.npz", np.zeros((FRAMES, 3, 3)), np.array([[0, 1, 2]]))
    subject = _sample(_config(), body_dir)
    file = np.load(folder / "walk_01.npz")
    assert subject.gender == subject.sex == "male"
    np.testing.assert_allclose(subject.betas, file["betas"])
    assert sorted(garment.layer for garment in subject.outfit) == ["lower", "outer", "upper"]
    assert [g.kind for g in subject.outfit if g.cache] == ["jacket"]
    cache = subject.outfit[0].cache
    assert cache.fps == FPS and cache.start_frame == round(subject.motion.start_s * FPS)
    # A scene file holds the whole garment.
    again = SubjectSpec.model_validate(json.loads(subject.model_dump_json()))
    assert again == subject and again.digest() == subject.digest()


def test_share_and_content_are_honoured(folder, body_dir):
    path = folder / "walk_01.jacket.npz"
    _write_jacket(path, np.zeros((FRAMES, 3, 3)), np.array([[0, 1, 2]]))
    config = _config(clothed_share=0.5, size=8)
    population = Population(config, body_dir)
    cast = [sample_subject(config, population, 0, i) for i in range(8)]
    assert sum(bool(s.motion.path) for s in cast) == 4
    before = next(s for s in cast if s.motion.path)
    digest = before.digest()
    _write_jacket(path, np.ones((FRAMES, 3, 3)), np.array([[0, 1, 2]]))
    assert before.digest() != digest
    (folder / "walk_01.jacket.npz.toml").write_text('unit = "cm"\n')
    assert before.digest() != digest


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: (f / "walk_01.jacket.npz").unlink(), ["no motion file with a garment"]),
        (
            lambda f: (f / "walk_01.jacket.npz").rename(f / "walk_01.jaket.npz"),
            ["walk_01.jaket.npz", "layer", "jacket"],
        ),
        (lambda f: _drop(f / "walk_01.npz", "betas"), ["walk_01.npz", "no betas"]),
        (lambda f: _cut(f / "walk_01.npz", 5), ["walk_01.npz", "5 frames", "clip_frames"]),
    ],
)
def test_what_cannot_be_cast_is_explained(folder, spoil, words):
    _write_jacket(folder / "walk_01.jacket.npz", np.zeros((FRAMES, 3, 3)), np.array([[0, 1, 2]]))
    spoil(folder)
    with pytest.raises(GenbError) as error:
        find_clothed(_config())
    for word in words:
        assert word in str(error.value)


def test_a_missing_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("GENB_ASSETS", str(tmp_path))
    with pytest.raises(GenbError, match="nowhere is no folder"):
        find_clothed(_config(clothed=["nowhere"]))


def _drop(path, name):
    arrays = dict(np.load(path))
    arrays.pop(name)
    np.savez(path, **arrays)


def _cut(path, frames):
    arrays = {k: v[:frames] if v.ndim == 2 else v for k, v in dict(np.load(path)).items()}
    np.savez(path, **arrays)
