"""Drift is measured right, and the photographic finish has none."""

import cv2
import numpy as np
import pytest
from diffusion_pictures import (
    moved_person,
    people_picture,
    pushed_px,
    relooked,
    shifted,
    uniform_pull,
    wavy_pull,
    with_extra_arm,
    with_turned,
    without,
)

from pipeline.config import DriftSection
from pipeline.conventions import PARTS
from pipeline.diffusion.drift import Drift, PersonDrift, faults, measure_drift
from pipeline.diffusion.drift.outline import edge_ratio, outline_shift
from pipeline.diffusion.finish import apply_look, finish_frame, sample_look

LIMITS = DriftSection()


def _tolerance(distance_px: float) -> float:
    """What a measured distance may be off by: the requirement on the measure itself."""
    return max(0.25, 0.25 * distance_px)


def _picture(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    image, _, instance = people_picture(seed)
    return image, instance, instance == 1


def test_equal_images_have_exactly_no_drift():
    image, instance, _ = _picture(0)
    drift = measure_drift(image, image.copy(), instance)
    assert (drift.mean_px, drift.p90_px, drift.used_share) == (0, 0, 1)
    assert (drift.change, drift.colour_change) == (0, 0)
    for person in drift.people:
        assert (person.mean_px, person.p90_px, person.boundary_px) == (0, 0, 0)
        assert (person.used_share, person.boundary_ratio, person.lost_share) == (1, 1, 0)
        assert (person.change, person.colour_change) == (0, 0)
        assert (person.keypoint_px, person.found_again, person.depth_error) == (None, None, None)
    assert faults(drift, LIMITS) == {}


# --- motion -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("distance_px", [0.5, 1, 2, 4, 8])
def test_a_person_who_moves_before_a_still_background_is_measured(seed, distance_px):
    image, instance, mask = _picture(seed)
    angle = np.random.default_rng(seed + 50).uniform(0, 2 * np.pi)
    final = moved_person(image, mask, uniform_pull(mask.shape, distance_px, angle))
    moved, other = measure_drift(image, final, instance).people
    assert abs(moved.mean_px - distance_px) < _tolerance(distance_px)
    assert moved.used_share > 0.9
    # Only where the first person now covers or uncovers something beside the second.
    assert other.mean_px < 0.1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("distance_px", [0.5, 1, 2, 4, 8])
def test_a_smooth_warp_of_a_person_is_measured(seed, distance_px):
    image, instance, mask = _picture(seed)
    pull = wavy_pull(mask, distance_px, np.random.default_rng(seed))
    moved = measure_drift(image, moved_person(image, mask, pull), instance).people[0]
    expected = pushed_px(pull)[mask].mean()
    assert abs(moved.mean_px - expected) < _tolerance(expected)
    # A warp of 8 px on average stretches parts of a figure of 60 px beyond recognition.
    assert moved.used_share > (0.8 if distance_px == 8 else 0.95)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("distance_px", [0.5, 1, 2, 4])
def test_content_that_slides_within_a_mask_that_stays_is_measured(seed, distance_px):
    image, instance, mask = _picture(seed)
    pull = uniform_pull(mask.shape, distance_px, np.random.default_rng(seed).uniform(0, 6.28))
    final = moved_person(image, mask, pull, behind_mask=True)
    moved = measure_drift(image, final, instance).people[0]
    assert abs(moved.mean_px - distance_px) < _tolerance(distance_px)


# A new look adds a floor (up to 0.45 px over six pictures, 0.37 px on renders) that fades into the
# motion.
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("distance_px", [0, 0.5, 1, 2, 4, 8])
def test_motion_under_a_new_look(seed, distance_px):
    image, instance, mask = _picture(seed)
    rng = np.random.default_rng(seed)
    pull = uniform_pull(mask.shape, distance_px, rng.uniform(0, 2 * np.pi))
    final = relooked(moved_person(image, mask, pull), rng)
    moved, other = measure_drift(image, final, instance).people
    floor_px = 0.5
    assert other.mean_px < floor_px
    if distance_px:
        assert abs(moved.mean_px - distance_px) < _tolerance(distance_px)
    else:
        assert moved.mean_px < floor_px


def test_only_the_person_who_moved_is_blamed():
    image, instance, mask = _picture(0)
    final = moved_person(image, mask, uniform_pull(mask.shape, 3, 0.5))
    found = faults(measure_drift(image, final, instance), LIMITS)
    assert list(found) == [0] and "person 0 drifted" in found[0]
    assert "(limit 2.0 px)" in found[0]


def test_everyone_together_is_the_mean_over_all_their_pixels():
    image, instance, mask = _picture(0)
    final = moved_person(image, mask, uniform_pull(mask.shape, 3, 0.5))
    drift = measure_drift(image, final, instance)
    pixels = np.array([p.used_share * p.pixels for p in drift.people])
    means = np.array([p.mean_px for p in drift.people])
    # Shares and means are written with four decimals.
    assert drift.mean_px == pytest.approx((pixels * means).sum() / pixels.sum(), abs=2e-4)


def test_an_unrelated_picture_is_caught_although_its_flow_is_meaningless():
    image, instance, _ = _picture(0)
    for seed in (20, 21, 22):
        drift = measure_drift(image, people_picture(seed)[0], instance)
        assert drift.used_share < LIMITS.min_followed
        found = faults(drift, DriftSection(max_px=1e6))
        assert set(found) == {0, 1} and all("beyond measuring" in v for v in found.values())


def test_tiny_people_are_reported_but_not_judged():
    image, _, _ = people_picture()
    instance = np.zeros(image.shape[:2], np.uint16)
    instance[10:15, 10:15] = 1
    drift = measure_drift(image, people_picture(1)[0], instance)
    assert drift.people[0].mean_px is None and drift.people[0].pixels == 25
    assert faults(drift, LIMITS) == {}


def test_nobody_in_the_picture():
    image, instance, _ = _picture(0)
    drift = measure_drift(image, shifted(image, 3, 0), np.zeros_like(instance))
    assert drift.people == () and drift.mean_px is None and drift.change > 0.1
    assert faults(drift, LIMITS) == {}


# --- wrong limbs ------------------------------------------------------------------------------


def _arm(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A picture, its instances, the first person's mask and their left arm."""
    image, part, instance = people_picture(seed)
    mask = instance == 1
    limb = mask & ((part == PARTS["skin"]) | (part == PARTS["hands"]))
    limb[:, np.flatnonzero(mask.any(axis=0)).mean().astype(int) :] = False
    return image, instance, mask, limb


# An arm whose random texture happens to go on as that below it cannot be told from it: of 12 arms
# put in front or taken away 10 or 11 were found, of those turned all. The rule is three in four.
@pytest.mark.parametrize("accident", ["extra skin", "extra cloth", "gone", "turned"])
def test_a_wrong_arm_is_found(accident):
    found = []
    for seed in range(6):
        image, instance, mask, limb = _arm(seed)
        rng = np.random.default_rng(seed)
        if accident == "gone":
            final = without(image, limb, mask)
        elif accident == "turned":
            final = with_turned(image, limb, mask, 40)
        else:
            place = limb if accident == "extra skin" else instance == 2
            y, x = np.argwhere(place).mean(axis=0).astype(int)
            final = with_extra_arm(image, mask, (x, y), rng)
        for picture in (final, relooked(final, rng)):
            reasons = faults(measure_drift(image, picture, instance), LIMITS)
            assert set(reasons) <= {0}
            found += [reason for reason in reasons.values() if "in one piece" in reason]
    assert len(found) >= 9


@pytest.mark.parametrize("seed", range(4))
def test_a_new_look_and_the_finish_lose_nothing(seed):
    image, instance, mask = _picture(seed)
    rng = np.random.default_rng(seed)
    nudged = moved_person(image, mask, uniform_pull(mask.shape, 1, 0.3))
    for final in (
        relooked(image, rng),
        finish_frame(image, seed, 3, 0)[0],
        relooked(nudged, rng),
        cv2.GaussianBlur(image, (0, 0), 1.0),
    ):
        drift = measure_drift(image, final, instance)
        assert faults(drift, LIMITS) == {}
        # 0.008 was the most over these pictures.
        assert max(p.lost_share for p in drift.people) < 0.5 * DriftSection().max_lost


# --- outline ----------------------------------------------------------------------------------


def _disc(radius_px: float, centre_xy=(128.0, 128.0)) -> tuple[np.ndarray, np.ndarray]:
    """A bright noisy disc on a dark noisy ground (256, 256, 3) u8 and its mask."""
    y, x = np.mgrid[:256, :256].astype(np.float32)
    distance = np.hypot(x - centre_xy[0], y - centre_xy[1])
    cover = (radius_px + 0.5 - distance).clip(0, 1)[..., None]
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 4, (256, 256, 3))
    return (60 + 110 * cover + noise).round().astype(np.uint8), distance <= radius_px


@pytest.mark.parametrize("distance_px", [-4, -2, -1, 1, 2, 4])
def test_a_grown_or_shrunk_outline_is_measured(distance_px):
    render, mask = _disc(60)
    final, _ = _disc(60 + distance_px)
    distance_px = abs(distance_px)
    assert abs(outline_shift(render, final, mask) - distance_px) < _tolerance(distance_px)


@pytest.mark.parametrize("distance_px", [1, 2, 4])
def test_a_shifted_disc_moves_by_the_median_of_its_normals(distance_px):
    render, mask = _disc(60)
    final, _ = _disc(60, (128 + distance_px * 0.6, 128 - distance_px * 0.8))
    expected = distance_px * np.sqrt(0.5)
    assert abs(outline_shift(render, final, mask) - expected) < _tolerance(expected)


def test_an_outline_that_turned_from_bright_on_dark_to_dark_on_bright_has_not_moved():
    render, mask = _disc(60)
    # A quarter of the measure's step of half a pixel.
    assert outline_shift(render, 255 - render, mask) < 0.13


@pytest.mark.parametrize("seed", range(3))
def test_the_outline_of_a_textured_figure_stays_under_a_new_look(seed):
    image, instance, _ = _picture(seed)
    for final in (relooked(image, np.random.default_rng(seed)), finish_frame(image, seed, 0, 0)[0]):
        # The floor of the whole-body motion: texture beside the outline moves its profile.
        assert all(p.boundary_px < 0.5 for p in measure_drift(image, final, instance).people)


def test_an_outline_without_contrast_is_not_measured():
    _, mask = _disc(60)
    flat = np.full((256, 256, 3), 128, np.uint8)
    assert outline_shift(flat, flat, mask) is None


def test_a_washed_out_outline_is_caught():
    image, instance, _ = _picture(0)
    drift = measure_drift(image, cv2.GaussianBlur(image, (0, 0), 4), instance)
    assert all(p.boundary_ratio < 0.9 for p in drift.people)


def test_edge_ratio_of_a_step_is_high_and_of_flat_grey_is_zero():
    mask = np.zeros((100, 100), bool)
    mask[30:70, 30:70] = True
    step = np.repeat(np.where(mask, 200, 50).astype(np.uint8)[..., None], 3, axis=2)
    assert edge_ratio(step, mask) > 100
    assert edge_ratio(np.full_like(step, 128), mask) == 0


# --- limits -----------------------------------------------------------------------------------


def _person(**values) -> PersonDrift:
    fine = {
        "person": 3, "pixels": 900, "mean_px": 0.1, "p90_px": 0.2, "used_share": 1.0,
        "lost_share": 0.0, "boundary_ratio": 1.0, "boundary_px": 0.1, "change": 0.1,
        "colour_change": 1.0, "keypoint_px": None, "found_again": None, "depth_error": 9.0,
    }  # fmt: skip
    return PersonDrift(**(fine | values))


def _reasons(person: PersonDrift, **limits) -> dict[int, str]:
    return faults(Drift(0.0, 0.0, 1.0, 0.0, 0.0, (person,)), DriftSection(**limits))


@pytest.mark.parametrize(
    ("values", "limits", "reason"),
    [
        ({"mean_px": 2.5}, {}, "drifted 2.50 px on average (limit 2.0 px)"),
        ({"used_share": 0.4}, {}, "0.40 of its pixels can be followed (limit 0.6)"),
        ({"lost_share": 0.05}, {}, "lost 0.050 of its pixels in one piece"),
        ({"boundary_px": 3.0}, {}, "outline 3.00 px off (limit 2.0 px)"),
        ({"boundary_ratio": 0.4}, {"min_boundary_ratio": 0.5}, "0.40 of its outline contrast"),
        ({"change": 0.5}, {"max_change": 0.4}, "changed by 0.500 in 1 - MS-SSIM (limit 0.4)"),
        (
            {"keypoint_px": 5.0, "found_again": True},
            {"max_keypoint_px": 4, "detector": "a:b"},
            "keypoints 5.00 px off (limit 4.0 px)",
        ),
        (
            {"found_again": False},
            {"max_keypoint_px": 4, "detector": "a:b"},
            "no longer found by the detector",
        ),
    ],
)
def test_every_limit_names_the_person_the_figure_and_itself(values, limits, reason):
    found = _reasons(_person(**values), **limits)
    assert list(found) == [3] and found[3].startswith("person 3 ") and reason in found[3]
    assert _reasons(_person(), **limits) == {}
    assert _reasons(_person(**values, pixels=49), **limits) == {}


def test_limits_of_zero_are_off_and_what_was_not_measured_is_no_fault():
    bad = _person(
        boundary_px=50.0, boundary_ratio=0.0, keypoint_px=50.0, found_again=False, change=1.0
    )
    assert _reasons(bad, max_boundary_px=0) == {}
    unmeasured = _person(mean_px=None, p90_px=None, boundary_px=None, boundary_ratio=None)
    assert _reasons(unmeasured, max_boundary_px=1, min_boundary_ratio=0.5) == {}


def test_every_faulty_person_is_named():
    people = (_person(person=0, mean_px=9.0), _person(person=1), _person(person=2, mean_px=9.0))
    assert set(faults(Drift(6.0, 9.0, 1.0, 0.0, 0.0, people), LIMITS)) == {0, 2}


# --- the photographic finish ------------------------------------------------------------------


def _least_squares_shift(image: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """(dx, dy) px that best explains `moved` as gain * image + offset, slightly shifted."""
    grey = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.0)
    target = cv2.GaussianBlur(moved.astype(np.float32), (0, 0), 1.0)
    dy, dx = np.gradient(grey)
    columns = np.stack([v.ravel() for v in (-dx, -dy, grey, np.ones_like(grey))], axis=1)
    return np.linalg.lstsq(columns, target.ravel(), rcond=None)[0][:2]


def test_the_shift_estimator_sees_a_tenth_of_a_pixel():
    image = people_picture(5)[0][..., 0]
    for dx, dy in ((0.1, 0.0), (0.0, -0.1), (0.3, 0.2)):
        found = _least_squares_shift(image, shifted(image, dx, dy))
        # Central differences underrate the gradient here, so shifts read a quarter too large.
        assert np.allclose(found, 1.25 * np.array([dx, dy]), rtol=0.1, atol=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_finish_moves_nothing_and_no_colour_against_another(seed):
    image, _, instance = people_picture(seed)
    finished, _ = finish_frame(image, seed, 3, 0)
    for channel in range(3):
        shift = _least_squares_shift(image[..., channel], finished[..., channel])
        assert np.abs(shift).max() < 0.04
    # Grain jitters single flow vectors; up to 0.09 px was seen on these pictures.
    assert measure_drift(image, finished, instance).mean_px < 0.15


def test_finish_is_deterministic_with_one_camera_per_scene_and_new_grain_per_frame():
    image, _, _ = people_picture()
    first, look = finish_frame(image, 1, 2, 0)
    again, _ = finish_frame(image, 1, 2, 0)
    next_frame, next_look = finish_frame(image, 1, 2, 1)
    _, other_look = finish_frame(image, 1, 3, 0)
    assert (first == again).all() and look == next_look and look != other_look
    assert (first != next_frame).any()


def test_finish_is_subtle():
    for seed in range(5):
        image, _, _ = people_picture(seed)
        finished, look = finish_frame(image, seed, 0, 0)
        assert np.abs(finished.astype(int) - image).mean() < 20
        assert 0.6 <= look.grain <= 1.6 and look.vignette <= 0.1


def test_finish_grain_has_the_stated_strength_on_mid_grey():
    grey = np.full((256, 256, 3), 128, np.uint8)
    rng = np.random.default_rng(0)
    look = sample_look(rng)
    luma = apply_look(grey, look, rng).astype(float) @ [0.2126, 0.7152, 0.0722]
    fine = luma - cv2.GaussianBlur(luma, (0, 0), 4)
    assert 0.7 * look.grain < fine.std() < 1.3 * look.grain
