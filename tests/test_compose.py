"""Scene planning on posed bodies: prefix-stable, collision-free, framed, as configured."""

import numpy as np
import pytest
from posed_cast import PosedCast

from pipeline.compose.casting import cast_of_scene, sample_subject
from pipeline.compose.footprint import smallest_gap_m
from pipeline.compose.layout import Place
from pipeline.compose.population import Population
from pipeline.compose.posed import candidate
from pipeline.compose.scene import write_scene
from pipeline.config import MotionSource, load_config
from pipeline.contact import penetration_m
from pipeline.conventions import project, transform
from pipeline.errors import GenbError, SceneRejected
from pipeline.garments.cachefile import GarmentCache
from pipeline.scene import read_scene

SCENES = 200


@pytest.fixture(scope="module")
def cast(default_config, body_dir, tmp_path_factory):
    return PosedCast(default_config, 0, tmp_path_factory.mktemp("cast"))


@pytest.fixture(scope="module")
def specs(cast):
    return [cast.compose(i) for i in range(SCENES)]


def test_a_scene_is_the_same_alone_and_in_company(cast, specs, default_config, tmp_path):
    assert cast.compose(42) == specs[42]
    alone = PosedCast(default_config, 0, tmp_path / "alone")
    assert alone.compose(7) == specs[7]
    assert PosedCast(default_config, 1, tmp_path / "other").compose(7) != specs[7]


def test_members_who_could_not_be_dressed_are_left_out_and_named(cast, specs, default_config):
    first, *others = cast_of_scene(default_config, 0, scene=3)
    assert others, "choose a scene with several people"
    spec = cast.compose(3, lambda index: None if index == first else cast.member(index))
    assert len(spec.people) == len(others)
    assert f"cast member {first} could not be dressed" in spec.notes
    with pytest.raises(SceneRejected, match="only 0 member"):
        cast.compose(3, lambda index: None)


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
    garment = subject.outfit[0].model_copy(update={"cache": GarmentCache(path=str(cache))})
    imported = subject.model_copy(update={"outfit": [garment]})
    digests = set()
    for content in (None, b"one", b"another"):
        if content:
            cache.write_bytes(content)
        digests.add(imported.digest())
    assert len(digests) == 3
    assert imported.model_copy(update={"subject": "renamed"}).digest() in digests


def placed(cast, spec):
    """(candidate, place) of everybody in a scene."""
    return [
        (
            candidate(cast.posed, p.subject, p.first_frame, spec.frames, spec.frame_step),
            Place(p.position_m, p.yaw_deg),
        )
        for p in spec.people
    ]


def test_nobody_overlaps_in_200_scenes(cast, default_config, specs):
    """Real meshes, all frames, all pairs: no vertex of one body is inside another."""
    pairs, deepest_m, least_gap_m = 0, 0.0, np.inf
    for spec in specs:
        people = placed(cast, spec)
        for a in range(len(people)):
            for b in range(a):
                (one, here), (two, there) = people[a], people[b]
                pairs += 1
                least_gap_m = min(
                    least_gap_m,
                    smallest_gap_m(
                        here.apply(one.spheres), one.radii, there.apply(two.spheres), two.radii
                    ),
                )
                for x, y in zip(here.apply(one.vertices), there.apply(two.vertices), strict=True):
                    deepest_m = max(deepest_m, penetration_m(x, one.faces, y, two.faces))
    assert pairs > 300
    assert 1000 * deepest_m <= default_config.scene.max_penetration_mm
    # Positions are stored with 0.1 mm, hence the slack.
    assert least_gap_m >= default_config.scene.gap_m - 1e-3


def test_feet_stand_on_the_ground_in_200_scenes(cast, specs):
    """Float and sink at the 95th percentile over people and frames, at most a centimetre."""
    gaps = []
    for spec in specs:
        for person in spec.people:
            motion, _ = cast.posed(person.subject)
            frames = spec.clip_frames(person)
            gaps += list(motion.ground_gap_mm[frames][~motion.airborne[frames]])
    gaps = np.array(gaps)
    assert len(gaps) > 0.9 * sum(len(spec.people) for spec in specs)
    assert np.percentile(np.maximum(gaps, 0), 95) <= 10.0
    assert np.percentile(np.maximum(-gaps, 0), 95) <= 10.0


def test_every_joint_is_in_the_picture(cast, specs):
    for spec in specs[:60]:
        size = np.array([spec.camera.width, spec.camera.height])
        for one, place in placed(cast, spec):
            camera = transform(spec.camera.T_cam_world(), place.apply(one.joints[:, :55]))
            uv = project(spec.camera.K(), camera)
            assert (camera[..., 2] > 0.3).all()
            assert (uv > 0).all() and (uv < size).all()


def test_some_people_look_into_the_camera(default_config, specs):
    people = [(spec, person) for spec in specs for person in spec.people]
    looking = [p.gaze_m == s.camera.eye_m for s, p in people if p.gaze_m is not None]
    share = len(looking) / len(people)
    assert all(looking)
    # Only those whose head points that way may: fewer than configured, but more than a tenth.
    assert 0.1 < share < default_config.body.gaze_at_camera_share


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


def test_composed_scenes_of_different_splits_have_nobody_and_no_motion_in_common(specs):
    shown = {split: set() for split in ("train", "val", "test")}
    for spec in specs:
        for subject in spec.subjects():
            motion, body = ("motion", subject.motion.name), ("body", *subject.betas)
            shown[spec.split] |= {subject.subject, motion, body}
    assert all(shown.values())
    assert not shown["train"] & (shown["val"] | shown["test"]) and not shown["val"] & shown["test"]


@pytest.mark.parametrize("share", [0.06, 0.3])
def test_every_prefix_of_the_cast_holds_its_share_of_children(default_config, body_dir, share):
    section = default_config.cast.model_copy(update={"children_share": share, "size": 200})
    config = default_config.model_copy(update={"cast": section})
    crowd = Population(config, body_dir)
    members = [sample_subject(config, crowd, 0, i) for i in range(200)]
    child = np.array([m.age_years < 18 for m in members])
    counts = np.cumsum(child) - share * np.arange(1, 201)
    assert np.abs(counts).max() <= 1.0 + 1e-9
    # Sex is dealt apart from age: girls among the children within three standard deviations.
    girls = np.array([m.sex == "female" for m in members])[child]
    assert abs(girls.mean() - 0.5) <= 3 * 0.5 / np.sqrt(child.sum())


def test_consecutive_members_move_differently(default_config, body_dir):
    population = Population(default_config, body_dir)
    names = [sample_subject(default_config, population, 0, i).motion.name for i in range(20)]
    assert len(set(names)) == 20


@pytest.mark.parametrize("clips", [2, 5, 20])
def test_understudies_perform_other_clips(default_config, body_dir, clips):
    """Also when the cast is as large as the number of clips, or a multiple of it."""
    names = ["walk", "wave", "idle", "talk", "point", "jog", "kneel", "squat", "bow", "think"]
    names += ["clap", "dance", "phone", "drink", "cheer", "throw", "kick", "lunge", "punch", "push"]
    source = MotionSource(kind="library", include=names[:clips])
    section = default_config.motion.model_copy(update={"sources": [source]})
    undivided = default_config.cast.model_copy(update={"val_share": 0.0, "test_share": 0.0})
    config = default_config.model_copy(update={"motion": section, "cast": undivided})
    population = Population(config, body_dir)
    for index in range(5):
        taken = [sample_subject(config, population, 0, index, a).motion.name for a in range(4)]
        assert len(set(taken)) == min(clips, 4)


def test_licensed_bodies_offer_no_children_without_the_template(tmp_path, monkeypatch):
    config = load_config("genb")
    body = config.body.model_copy(update={"source": "smplx"})
    with pytest.raises(GenbError, match="children_share = 0"):
        Population(config.model_copy(update={"body": body}), tmp_path)
