"""The balance counts what is there, says what is missing, and finds alike poses again."""

import numpy as np
import pytest
from made_scenes import camera_axes, made_dataset
from scipy.spatial.transform import Rotation

from pipeline.body.modelfile import JOINT_INDEX
from pipeline.dataset import Dataset
from pipeline.report.balance import balance_section, stick_figures
from pipeline.shards.balance import (
    AXES,
    axis_figures,
    dataset_balance,
    evenness,
    imbalances,
    index_axes,
    split_distance,
)
from pipeline.shards.index import read_index
from pipeline.shards.pose_clusters import (
    BODY_JOINTS,
    FACINGS,
    body_axes,
    cluster_count,
    facing,
    hands_seen,
    heading_removed,
    pose_clusters,
    read_poses,
    spread,
)
from pipeline.storage import read_json
from pipeline.truth.keypoints import LEFT_HAND
from pipeline.truth.schema import VISIBILITY


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture(scope="module")
def rows(made):
    return read_index(made.plan.out / "index.parquet")


def test_evenness_is_normalised_entropy():
    assert evenness([7, 7, 7]) == 1 and evenness([0, 9, 0]) == 0
    # Two of four bins, as full: log 2 / log 4.
    assert evenness([5, 5, 0, 0]) == 0.5
    assert evenness([3, 1]) == pytest.approx(0.811278, abs=1e-6)  # H(1/4) in bits
    assert evenness([]) == evenness([0, 0]) == evenness([4]) == 0


def test_gaps_rarities_and_dominance_are_said():
    bins = ["a", "b", "c", "d"]
    assert imbalances(bins, [100, 100, 100, 100], "person") == []
    assert imbalances(bins, [100, 100, 0, 100], "person") == ["no person in: c"]
    # An even share of 403 is 100.75, 5 % of it 5.04.
    told = imbalances(bins, [199, 200, 2, 2], "image")
    assert told == ["hardly any images in: c (2), d (2); an even share is 101"]
    assert imbalances(bins, [190, 191, 6, 16], "image") == []
    # Halfway from a quarter to all is 0.625.
    assert imbalances(bins, [250, 50, 50, 50], "person") == []
    assert imbalances(bins, [260, 50, 50, 50], "person") == ["a has 63% of the people"]
    assert imbalances(bins, [3, 3, 3, 3], "person")[0].startswith("only 12 people for 4 bins")
    assert imbalances(bins, [0] * 4, "garment") == ["no garments at all"]


def test_distance_between_parts_is_0_when_alike_and_1_when_disjoint():
    assert split_distance([2, 4, 6], [1, 2, 3])["distance"] == 0
    assert split_distance([5, 0], [0, 9])["distance"] == 1
    # (3/4 - 1/4)^2 / 1 in both bins, halved.
    assert split_distance([3, 1], [1, 3])["distance"] == 0.25
    assert split_distance([0, 0], [1, 3])["distance"] == 0.5


def test_chance_is_what_draws_from_one_spread_give():
    rng = np.random.default_rng(0)
    share, n, m = [0.1, 0.2, 0.3, 0.4], 200, 500
    draws = [
        split_distance(rng.multinomial(n, share).tolist(), rng.multinomial(m, share).tolist())
        for _ in range(2000)
    ]
    distances = np.array([draw["distance"] for draw in draws])
    # Four standard errors of the mean, and 2 % for the terms of higher order in 1/n.
    error = 4 * distances.std() / np.sqrt(len(distances)) + 0.02 * distances.mean()
    assert draws[0]["by_chance"] == pytest.approx(distances.mean(), abs=error)


def test_bins_have_names_and_edges_belong_to_the_upper_one():
    axis = AXES["age_years"]
    assert axis.bins[0] == "below 12 years" and axis.bins[-1] == "75 years and more"
    assert AXES["pitch_deg"].bins[1] == "−30 to −15°"
    for axis in AXES.values():
        assert len(axis.bins) == (len(axis.edges) + 1 if axis.edges else len(axis.names))
        assert len(set(axis.bins)) == len(axis.bins)


def test_axes_count_people_images_and_garments(made, rows):
    axes = index_axes(rows)
    totals = {name: sum(axis["counts"]) for name, axis in axes.items()}
    worn = sum(len(row["garments"].split("+")) if row["garments"] else 1 for row in rows)
    for name, axis in AXES.items():
        assert totals[name] == {"person": 7, "image": 3, "garment": worn}[axis.per]
    ages = np.array([row["age_years"] for row in rows])
    low, high = AXES["age_years"].edges[1:3]
    assert axes["age_years"]["counts"][2] == ((ages >= low) & (ages < high)).sum()
    assert axes["people_count"]["counts"] == [1, 0, 2, 0, 0]
    assert axes["sex"]["counts"] == [
        sum(row["sex"] == sex for row in rows) for sex in ("female", "male")
    ]


def test_a_frame_of_several_appearances_counts_once(rows):
    again = [row | {"appearance": 1, "key": f"{row['key']}_a1"} for row in rows]
    assert index_axes(rows + again) == index_axes(rows)
    # A subset may hold later appearances only.
    assert index_axes(again) == index_axes(rows)


def test_unknown_texts_are_counted_in_bins_of_their_own(rows):
    rows = [row | {"sex": "unknown"} for row in rows[:2]] + rows[2:]
    sexes = index_axes(rows)["sex"]
    assert sexes["bins"] == ["female", "male", "unknown"] and sexes["counts"][2] == 2


def test_parts_are_compared_with_the_training_part(rows):
    assert index_axes(rows)["age_years"]["splits"] == {}
    drawn = [("a", "train")] * 8 + [("b", "train")] * 8 + [("a", "val")] * 4
    figures = axis_figures("x", "person", ["a", "b"], drawn)
    assert figures["counts"] == [12, 8]
    assert figures["splits"] == {"train": [8, 8], "val": [4, 0]}
    assert figures["against_train"]["val"] == split_distance([4, 0], [8, 8])
    alone = axis_figures("x", "person", ["a", "b"], [("a", "val"), ("b", "test")])
    assert alone["against_train"] == {}


def test_facing_is_the_angle_to_the_camera():
    """Camera at -Y, so the picture's right is +X."""
    front = np.array([(0, -1, 0), (1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1.0)])
    found = facing(front, np.zeros((6, 3)), np.array([0, -5.0, 1.6]))
    told = ["towards the camera", "to the right", "away from the camera", "to the left"]
    assert [FACINGS[k] for k in found] == [*told, "face up", "face down"]
    between = facing(np.array([(0.7, -0.7, 0), (-0.7, 0.7, 0)]), np.zeros((2, 3)), [0, -5.0, 0])
    assert [FACINGS[k] for k in between] == ["towards, to the right", "away, to the left"]


def test_facing_of_made_people_is_that_of_their_scene(made):
    """Two routes: the labels, and the yaw and camera that the scene was made with."""
    poses = read_poses(Dataset(made.plan.out), {"000000_0000", "000002_0000"})
    expected = []
    for scene in (0, 2):
        eye, axes, _ = camera_axes(made.specs[scene])
        for person in made.specs[scene].people:
            yaw = np.radians(person.yaw_deg)
            front = np.array([np.sin(yaw), -np.cos(yaw), 0])
            ray = np.array([*person.position_m, 0]) - eye
            ray[2] = 0
            right = np.cross(ray, [0, 0, 1])
            turn = np.degrees(np.arctan2(front @ right, front @ -ray))
            expected.append(round(turn / 45) % 8)
    assert poses.facings.tolist() == expected
    assert len(set(expected)) >= 3


def test_front_is_where_the_joints_say(made):
    """The root's rotation against the hips and the spine."""
    labels = next(Dataset(made.plan.out).frames(members=())).labels
    front, _ = body_axes(labels["pose_world"])
    joints = labels["joints_world"]
    left = joints[:, JOINT_INDEX["left_hip"]] - joints[:, JOINT_INDEX["right_hip"]]
    up = joints[:, JOINT_INDEX["spine1"]] - joints[:, JOINT_INDEX["pelvis"]]
    across = np.cross(left, up)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    # The lowest piece of the spine leans against the pelvis by up to 25 degrees.
    assert ((front * across).sum(axis=1) > np.cos(np.radians(25))).all()


def test_hands_are_seen_by_half_of_their_points():
    codes = np.full((3, 127), VISIBILITY["self_occluded"])
    codes[1:, LEFT_HAND[:10]] = VISIBILITY["visible"]
    codes[2] = VISIBILITY["covered"]
    assert hands_seen(codes).tolist() == [0, 1, 2]
    codes[1, LEFT_HAND[0]] = VISIBILITY["outside_image"]
    assert hands_seen(codes)[1] == 0


@pytest.mark.parametrize("tilt_deg", [0.0, 90.0, -90.0])
def test_place_heading_and_size_do_not_change_a_pose(tilt_deg):
    """Standing, and lying on the back and on the face."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(BODY_JOINTS, 3))
    tilt = Rotation.from_euler("x", tilt_deg, degrees=True)
    poses = []
    for yaw, size, place in ((0, 1, 0), (117, 1.8, [3, -2, 0.4]), (-60, 0.9, [0, 9, 0])):
        turn = Rotation.from_euler("z", yaw, degrees=True) * tilt
        joints = size * turn.apply(points) + place
        front, up = turn.apply([0, -1, 0])[None], turn.apply([0, 0, 1])[None]
        poses.append(heading_removed(joints[None], front, up, np.array([size]))[0])
    # Double precision of numbers of order 10.
    assert np.allclose(poses[0], poses[1], atol=1e-12) and np.allclose(poses[0], poses[2])
    if not tilt_deg:
        assert np.allclose(poses[0], points - points[0])


def test_planted_groups_of_poses_are_found():
    rng = np.random.default_rng(2)
    kinds = rng.normal(size=(3, BODY_JOINTS, 3))
    truth = np.repeat([0, 1, 2], [9, 6, 3])
    joints = kinds[truth] + rng.normal(size=(18, BODY_JOINTS, 3)) * 0.02
    assert cluster_count(18) == 3
    groups = pose_clusters(joints)
    assert [sorted(members) for members in groups] == [
        list(range(9)),
        list(range(9, 15)),
        list(range(15, 18)),
    ]
    for members in groups:
        distances = np.linalg.norm(
            joints[members][:, None].reshape(len(members), 1, -1)
            - joints[members].reshape(1, len(members), -1),
            axis=2,
        ).sum(axis=1)
        assert distances[0] == distances.min()
    again = pose_clusters(joints)
    assert all(np.array_equal(a, b) for a, b in zip(groups, again, strict=True))


def test_alike_poses_and_none_at_all_are_no_trouble():
    assert pose_clusters(np.zeros((0, BODY_JOINTS, 3))) == []
    (only,) = pose_clusters(np.zeros((30, BODY_JOINTS, 3)))
    assert len(only) == 30
    assert [cluster_count(n) for n in (1, 2, 50, 10_000)] == [1, 1, 5, 12]


def test_samples_are_spread_over_the_dataset(made):
    dataset = Dataset(made.plan.out)
    assert [f.key for f in spread(dataset, 2, ())] == ["000000_0000", "000002_0000"]
    assert len(list(spread(dataset, 99, ()))) == 3


def test_balance_of_a_dataset_is_in_its_report(made, rows):
    dataset = Dataset(made.plan.out)
    balance = dataset_balance(dataset, rows)
    assert read_json(made.plan.out / "report" / "balance.json") == balance
    assert balance["people"] == 7 and balance["images"] == balance["frames_read_for_poses"] == 3
    assert sum(group["people"] for group in balance["pose_clusters"]) == 7
    assert set(balance["axes"]) == {*AXES, "facing", "hands", "pose"}
    page = balance_section(balance)
    for axis in balance["axes"].values():
        assert f"<figcaption>{axis['title']}</figcaption>" in page
    assert page.count('class="pose"') == len(balance["pose_clusters"])
    assert "Parts of the dataset" not in page


def test_parts_far_from_training_are_marked(rows):
    rows = [row | {"split": "train"} for row in rows] * 40
    rows += [row | {"split": "val", "age_years": 80.0} for row in rows]
    balance = {
        "people": 1,
        "images": 1,
        "frames_read_for_poses": 1,
        "pose_clusters": [],
        "axes": {"age_years": index_axes(rows)["age_years"], "bmi": index_axes(rows)["bmi"]},
    }
    page = balance_section(balance)
    assert '<th>age</th><td class="far">1.000' in page and "<th>body mass index</th><td>" in page


def test_stick_figures_face_the_reader_and_show_sides():
    """A T-pose: from the front the left hand is on the reader's right, and the head is on top."""
    joints = np.zeros((BODY_JOINTS, 3))
    joints[JOINT_INDEX["left_wrist"]] = (0.4, 0, 0.3)
    joints[JOINT_INDEX["head"]] = (0, -0.02, 0.45)
    svg = stick_figures(joints.tolist(), "x")
    assert 'class="left" d="M0.000 -0.000L0.400 -0.300"' in svg
    assert 'cx="0.000" cy="-0.450"' in svg and 'cx="1.030" cy="-0.450"' in svg
