"""What BEDLAM's and CameraHMR's training loaders do with the labels, in our own words."""

import cv2
import numpy as np
import pytest
from made_portraits import exported, frame_of

from pipeline.exports import bedlam, bedlam2

KEYS = ("imgname", "center", "scale", "pose_cam", "shape", "gtkps", "cam_int", "trans_cam")
CROP_PX = 224


def square_crop(picture, center, scale):
    """A square of side 200 scale around center, resampled to CROP_PX; black outside."""
    side = 200 * scale
    grid = (np.arange(CROP_PX) + 0.5) / CROP_PX * side - side / 2
    x, y = np.floor(grid + center[0]).astype(int), np.floor(grid + center[1]).astype(int)
    height, width = picture.shape[:2]
    inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None]
    taken = picture[np.clip(y, 0, height - 1)[:, None], np.clip(x, 0, width - 1)[None]]
    return np.where(inside[..., None] if picture.ndim == 3 else inside, taken, 0)


@pytest.mark.parametrize("key", ["genb", "genb-closeup"])
def test_bedlams_training_loader(body_dir, tmp_path_factory, key):
    v1 = exported(bedlam, body_dir, tmp_path_factory.getbasetemp())
    table = np.load(v1.out / f"training_labels/all_npz_12_training/{key}_6fps.npz")
    assert set(KEYS) <= set(table.files)
    pose, betas = table["pose_cam"][:, :66], table["shape"]
    if betas.shape[1] == 10:
        betas = np.hstack([betas, np.zeros((len(betas), 1))])
    keypoints = table["gtkps"][:, :24]
    gender = [0 if text == "m" else 1 for text in table["gender"]]
    assert pose.shape[1] == 66 and keypoints.shape[1:] == (24, 3) and set(gender) <= {0, 1}
    on = []
    for i, imgname in enumerate(table["imgname"]):
        path = v1.out / f"training_images/{key}_6fps/png" / imgname
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        frame = frame_of(v1.dataset, imgname)
        mask = frame.sample.image("mask.png")
        if "closeup" in key:
            picture = cv2.rotate(picture, cv2.ROTATE_90_CLOCKWISE)
        assert picture.shape[:2] == mask.shape
        focal = table["cam_int"][i][[0, 1], [0, 1]]
        assert focal[0] == focal[1] and (table["cam_int"][i][:2, 2] * 2 == frame.size).all()
        crop = square_crop(mask, table["center"][i], table["scale"][i])
        image = square_crop(picture, table["center"][i], table["scale"][i])
        assert image.shape == (CROP_PX, CROP_PX, 3) and image.std() > 0
        side = 200 * table["scale"][i]
        unit = (keypoints[i, :, :2] - table["center"][i]) / (side / 2)  # [-1, 1] in the crop
        inside = (np.abs(unit[:22]) <= 1).all(axis=1)
        assert inside.sum() >= 8
        _, _, person = v1.place({"imgname": imgname, "shape": table["shape"][i]})
        seen = frame.labels["joints_visible"][person, :22] & inside
        column, line = np.clip((unit[:22][seen] + 1) / 2 * CROP_PX, 0, CROP_PX - 1).astype(int).T
        on.append(np.mean(crop[line, column] == person + 1))
        # The true translation of the person is trans_cam + cam_ext's: it puts the pelvis right.
        where = table["trans_cam"][i] + table["cam_ext"][i][:3, 3]
        np.testing.assert_allclose(where, frame.labels["transl_cam"][person], atol=1e-12)
    assert min(on) > 0.9


@pytest.mark.parametrize("key", ["genb", "genb-portrait"])
def test_camerahmrs_loader_with_hands(body_dir, tmp_path_factory, key):
    """16 betas, 165 numbers of pose, a crop of the body and one of each hand that is there."""
    v2 = exported(bedlam2, body_dir, tmp_path_factory.getbasetemp())
    table = np.load(v2.out / f"training-labels/bedlam_v2/{key}.npz")
    betas = table["shape"][:, :16]
    assert betas.shape[1] == 16 and table["pose_cam"].shape[1] == 165
    on = []
    for i, imgname in enumerate(table["imgname"]):
        frame = frame_of(v2.dataset, imgname)
        mask = frame.sample.image("mask.png")
        _, _, person = v2.place({"imgname": imgname, "shape": betas[i]})
        for side, hand in (("lh", slice(69, 84)), ("rh", slice(84, 99))):
            there = table["hand_det_conf"][i, int(side == "rh"), 0]
            assert (table[f"{side}_s"][i] > 0) == bool(there)
            if there:
                crop = square_crop(mask, table[f"{side}_c"][i], table[f"{side}_s"][i])
                points = table["gtkps"][i, hand, :2].astype(float)
                points = points[((points >= 0) & (points <= frame.size)).all(axis=1)]
                side_px = 200 * table[f"{side}_s"][i]
                unit = (points - table[f"{side}_c"][i]) / (side_px / 2)
                assert np.abs(unit).max() == pytest.approx(1 / 1.5)
                on.append((crop == person + 1).any())
        translation = table["cam_ext"][i][:3, 3] + table["trans_cam"][i]
        np.testing.assert_allclose(translation, frame.labels["transl_cam"][person], atol=1e-12)
    assert np.mean(on) > 0.8  # hands may be hidden behind somebody
