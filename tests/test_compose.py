"""Scene planning: prefix-stable, collision-free, framed, as configured."""

from functools import partial

import numpy as np
import pytest

from pipeline.compose.casting import cast_of_scene, sample_subject
from pipeline.compose.footprint import body_spheres, smallest_gap_m
from pipeline.compose.layout import Candidate, place_people
from pipeline.compose.scene import candidate, compose_scene, write_scene
from pipeline.config import load_config
from pipeline.conventions import project, rotation_z, transform
from pipeline.errors import GenbError, SceneRejected
from pipeline.scene import read_scene

SCENES = 60


def compose(config, population, seed, scene):
    """Compose with every first candidate accepted."""
    member = partial(sample_subject, config, population, seed)
    return compose_scene(config, population, seed, scene, member)


@pytest.fixture(scope="module")
def specs(default_config, population):
    return [compose(default_config, population, 0, i) for i in range(SCENES)]


def test_a_scene_is_the_same_alone_and_in_company(default_config, population, specs):
    assert compose(default_config, population, 0, 42) == specs[42]
    assert compose(default_config, population, 1, 42) != specs[42]


def test_members_who_could_not_be_dressed_are_left_out_and_named(default_config, population):
    first, *others = cast_of_scene(default_config, 0, scene=3)
    assert others, "choose a scene with several people"

    def member(index):
        return None if index == first else sample_subject(default_config, population, 0, index)

    spec = compose_scene(default_config, population, 0, 3, member)
    assert len(spec.people) == len(others)
    assert f"cast member {first} could not be dressed" in spec.notes
    with pytest.raises(SceneRejected):
        compose_scene(default_config, population, 0, 3, lambda index: None)


def test_scene_file_round_trip(tmp_path, specs):
    write_scene(specs[0], tmp_path / "scene.json")
    assert read_scene(tmp_path / "scene.json") == specs[0]


def test_edited_scene_with_a_typo_is_refused(tmp_path, specs):
    path = tmp_path / "scene.json"
    write_scene(specs[0], path)
    path.write_text(path.read_text().replace('"yaw_deg"', '"yaw"', 1))
    with pytest.raises(GenbError, match="yaw"):
        read_scene(path)


def test_a_changed_user_cache_is_another_subject(tmp_path, specs):
    subject = specs[0].people[0].subject
    cache = tmp_path / "shirt.npz"
    garment = subject.outfit[0].model_copy(update={"cache": str(cache)})
    imported = subject.model_copy(update={"outfit": [garment]})
    digests = set()
    for content in (None, b"one", b"another"):
        if content:
            cache.write_bytes(content)
        digests.add(imported.digest())
    assert len(digests) == 3
    assert imported.model_copy(update={"subject": "renamed"}).digest() in digests


def placed_joints(population, spec):
    for person in spec.people:
        one = candidate(population, person.subject, person.first_frame, spec.frames)
        R = rotation_z(person.yaw_deg)
        yield one, one.joints @ R.T + np.array([*person.position_m, 0.0])


def test_nobody_overlaps(default_config, population, specs):
    gaps = []
    for spec in specs:
        bodies = [body_spheres(j, c.stature_m) for c, j in placed_joints(population, spec)]
        for a in range(len(bodies)):
            for b in range(a):
                gaps.append(smallest_gap_m(*bodies[a], *bodies[b]))
    assert len(gaps) > 50
    # Positions are stored with 0.1 mm, hence the slack.
    assert min(gaps) >= default_config.scene.gap_m - 1e-3


def test_every_joint_is_in_the_picture(population, specs):
    for spec in specs:
        size = np.array([spec.camera.width, spec.camera.height])
        for _, joints in placed_joints(population, spec):
            camera = transform(spec.camera.T_cam_world(), joints)
            uv = project(spec.camera.K(), camera)
            assert (camera[..., 2] > 0.3).all()
            assert (uv > 0).all() and (uv < size).all()


def test_distributions_are_the_configured_ones(default_config, specs):
    section = default_config.camera
    vfov = np.array([s.camera.vfov_deg for s in specs])
    # Kolmogorov distance to the configured uniform; 1.63/sqrt(n) is its 1 % critical value.
    share = np.sort((vfov - section.vfov_deg[0]) / np.ptp(section.vfov_deg))
    distance = np.abs(share - (np.arange(SCENES) + 0.5) / SCENES).max()
    assert distance < 1.63 / np.sqrt(SCENES)
    counts = {len(s.people) for s in specs}
    assert counts == set(range(default_config.scene.people[0], default_config.scene.people[1] + 1))
    assert {s.light.hdri for s in specs} == set(default_config.light.hdris)


def test_the_cast_does_not_depend_on_the_number_of_scenes(default_config):
    for scene in range(20):
        cast = cast_of_scene(default_config, 0, scene)
        assert len(set(cast)) == len(cast) and max(cast) < default_config.cast.size


def test_share_of_children_is_the_configured_one(default_config, population):
    config = default_config.model_copy(
        update={"cast": default_config.cast.model_copy(update={"children_share": 0.3})}
    )
    from pipeline.compose.population import Population

    crowd = Population(config, population._dir)
    ages = [sample_subject(config, crowd, 0, i).age_years for i in range(300)]
    children = np.mean([age < 18 for age in ages])
    # Three standard deviations of a binomial share.
    assert abs(children - 0.3) < 3 * np.sqrt(0.3 * 0.7 / 300)


def test_too_small_a_stage_is_widened_then_thinned_and_says_so(default_config):
    joints = np.zeros((1, 55, 3))
    joints[..., 2] = np.linspace(0, 1.6, 55)
    crowd = [Candidate(joints, 1.75)] * 6
    section = default_config.scene.model_copy(
        update={"stage_radius_m": 0.12, "max_placement_tries": 30}
    )
    places, notes = place_people(np.random.default_rng(0), section, crowd, 0.0)
    assert 1 <= len(places) < 6
    assert any("fewer" in note for note in notes)


def test_licensed_bodies_offer_no_children(tmp_path):
    config = load_config("genb")
    body = config.body.model_copy(update={"source": "smplx"})
    from pipeline.compose.population import Population

    with pytest.raises(GenbError, match="children_share = 0"):
        Population(config.model_copy(update={"body": body}), tmp_path)
