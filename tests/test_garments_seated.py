"""Clothes of people who sit and kneel: what their bodies and the ground do to them."""

import numpy as np
import pytest

from pipeline.body.posing import move_subject
from pipeline.config import Config, GarmentSection
from pipeline.garments import dressing, outfits
from pipeline.garments.__main__ import write_dress
from pipeline.garments.caches import read_cache
from pipeline.garments.ground import ground_height, press_flat, reaches_ground, with_ground
from pipeline.garments.inside import inside
from pipeline.scene import MotionSpec, SubjectSpec
from pipeline.stages import Plan
from pipeline.storage import read_json, read_npz

FPS = 25.0
ON_SKIN_M = 2e-4


def _subject(body_dir, motion: str, age: float, shoes: str, *outfit: str) -> SubjectSpec:
    people = read_npz(body_dir / "people.npz")
    row = int(np.abs(people["age_years"] - age).argmin())
    return SubjectSpec(
        subject=motion,
        gender="neutral",
        sex="female",
        age_years=float(people["age_years"][row]),
        ancestry=(0.3, 0.3, 0.4),
        betas=[float(b) for b in people["betas"][row, :16]],
        motion=MotionSpec(name=motion, seed=1, frames=3, fps=FPS),
        outfit=[outfits.garment(kind) for kind in outfit],
        shoes=shoes,
    )


@pytest.mark.parametrize("shoes", ["high_top", "sneaker"])
def test_laces_and_sole_give_way_to_a_bent_ankle(body_dir, template, tmp_path, shoes):
    moved, _ = move_subject(
        Plan(Config(), 0, tmp_path), _subject(body_dir, "kneel", 7, shoes, "shorts")
    )
    who = dressing.wearer(template, moved, 0.003)
    pair = dressing.put_on_shoes(who, 0.002, shoes)
    for body, worn in zip(moved.clip, pair.vertices, strict=True):
        depth = inside(body.astype(float), template.faces, worn.astype(float), ON_SKIN_M)
        assert not depth.any()


def test_a_skirt_lies_on_the_ground_around_who_sits_on_it(body_dir, template, tmp_path):
    config = GarmentSection()
    subject = _subject(body_dir, "sit_one_knee_up", 30, "barefoot", "skirt")
    moved, _ = move_subject(Plan(Config(), 0, tmp_path), subject)
    write_dress(subject, template, moved, config, tmp_path)
    row = read_json(tmp_path / "dress.json")["garments"][0]
    skirt = read_cache(tmp_path / row["file"], FPS).vertices
    # What dips is only what the body presses into the ground.
    for body, cloth in zip(moved.clip, skirt, strict=True):
        assert (cloth[:, 2] < 0).mean() < 0.01 and cloth[:, 2].min() > -0.01
        assert (cloth[:, 2] < 0.05).mean() > 0.02
        depth = inside(body.astype(float), template.faces, cloth.astype(float), ON_SKIN_M)
        assert not depth.any()


def test_only_clothes_that_come_near_the_ground_meet_it():
    height = np.zeros(2)
    hip = np.full((2, 4, 3), 0.9)
    assert not reaches_ground(hip, 0.5, height) and reaches_ground(hip, 0.88, height)
    seated = hip - [0, 0, 0.85]
    assert reaches_ground(seated[:1], 0.3, height[:1])


def test_the_ground_follows_legs_that_hang_below_it():
    body = np.zeros((3, 5, 3), np.float32)
    body[0, :, 2], body[1, :, 2], body[2, :, 2] = -0.8, 0.0, 0.4
    height = ground_height(body)
    np.testing.assert_allclose(height, [-0.8, 0, 0], atol=1e-6)
    faces = np.array([[0, 1, 2]])
    collider, grown = with_ground(body, faces, height)
    assert collider.shape == (3, 9, 3) and collider.dtype == np.float32
    plane = grown[1:]
    a, b, c = collider[2][plane.T]
    assert (np.cross(b - a, c - a)[:, 2] > 0).all()
    assert (collider[:, 5:, 2] < height[:, None]).all()
    assert (collider[:, 5:, 2] > height[:, None] - 0.03).all()


def test_pressing_flat_keeps_the_order_of_layers_and_all_that_is_above():
    points = np.zeros((6, 3))
    points[:, 2] = [-0.10, -0.05, 0.0, 0.015, 0.03, 1.0]
    pressed = press_flat(points, 0.0)
    assert pressed[:, 2].min() > 0 and (np.diff(pressed[:, 2]) > 0).all()
    assert pressed[3, 2] < 0.02
    np.testing.assert_array_equal(pressed[4:], points[4:])
    np.testing.assert_array_equal(pressed[:, :2], points[:, :2])
    assert press_flat(points[2:] + [0, 0, 0.002], 0.0)[0, 2] == 0.002
