"""What COCO says about each person, from the labels of a frame.

A row: key, split, person; file_name, width, height; image_id and id, which depend on scene, frame,
appearance and person alone; bbox and amodal_bbox (4,) float32 px x y w h; area px; rle and
amodal_rle, compressed counts; occlusion and truncation float32; keypoints (17, 3) float32 and
num_keypoints; `PART_kpts` (n, 3) float32 and `PART_valid` of PARTS, `PART_box` of BOXED_PARTS.

A point is x, y, v: px, and 2 seen (also under the person's own clothes), 1 in the image but
hidden, 0 with x = y = 0 outside the image.
"""

import numpy as np

from pipeline.dataset import Frame
from pipeline.errors import GenbError
from pipeline.truth.schema import SEEN, VISIBILITY

PARTS = {
    "foot": slice(17, 23),
    "face": slice(23, 91),
    "lefthand": slice(91, 112),
    "righthand": slice(112, 133),
}
"""Part of COCO-WholeBody -> its place among the 133 points."""
BOXED_PARTS = ("face", "lefthand", "righthand")
_FRAMES, _APPEARANCES, _PEOPLE = 10_000, 100, 1_000


def image_id(facts: dict) -> int:
    """Scene, frame and appearance in one number, the same in every export and subset.

    facts: the sample's JSON. Raises GenbError for numbers that do not fit.
    """
    frame, appearance = facts["frame"], facts["appearance"]
    if frame >= _FRAMES or appearance >= _APPEARANCES:
        raise GenbError(
            f"{facts['key']}: COCO ids have room for {_FRAMES} frames and {_APPEARANCES} "
            "appearances. Export a subset: genb subset DIR --where 'frame < 10000' --out ..."
        )
    return (facts["scene"] * _FRAMES + frame) * _APPEARANCES + appearance


def seen_people(frame: Frame) -> list[int]:
    """Numbers of the people of whom a pixel is seen."""
    return np.flatnonzero(frame.labels["mask_area_px"]).tolist()


def person_rows(frame: Frame) -> list[dict]:
    """Rows of the people who are seen, in order. Raises GenbError for more than ids have room."""
    image, labels = image_id(frame.facts), frame.labels
    if len(frame.people) >= _PEOPLE:
        raise GenbError(f"{frame.key}: COCO ids have room for {_PEOPLE - 1} people per image.")
    width, height = frame.size
    result = []
    for k in seen_people(frame):
        points = coco_points(labels["coco133_2d"][k], labels["coco133_code"][k])
        parts = {part: points[place] for part, place in PARTS.items()}
        body = points[:17]
        result.append(
            {
                "key": frame.key,
                "split": frame.facts["split"],
                "person": k,
                "file_name": f"{frame.key}.jpg",
                "width": width,
                "height": height,
                "image_id": image,
                # Never 0, which pycocotools takes for "no match".
                "id": image * _PEOPLE + k + 1,
                "bbox": _box(labels["box_modal"][k]),
                "area": int(labels["mask_area_px"][k]),
                "rle": frame.people[k]["rle_modal"],
                "amodal_bbox": _box(labels["box_amodal"][k]),
                "amodal_rle": frame.people[k]["rle_amodal"],
                "occlusion": labels["occlusion"][k],
                "truncation": labels["truncation"][k],
                "keypoints": body,
                "num_keypoints": int((body[:, 2] > 0).sum()),
                **{f"{part}_kpts": points for part, points in parts.items()},
                **{f"{part}_valid": bool((parts[part][:, 2] > 0).any()) for part in PARTS},
                **{f"{part}_box": _box(_around(parts[part])) for part in BOXED_PARTS},
            }
        )
    return result


def coco_points(uv_px: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """x, y, v (n, 3) float32. uv_px: (n, 2); codes: (n,), `schema.VISIBILITY`."""
    v = np.where(np.isin(codes, SEEN), 2, 1)
    v[codes == VISIBILITY["outside_image"]] = 0
    return np.column_stack([np.where(v[:, None] > 0, uv_px, 0), v]).astype(np.float32)


def _around(points: np.ndarray) -> np.ndarray:
    """The smallest box (4,) x0 y0 x1 y1 around the points that lie in the image."""
    uv = points[points[:, 2] > 0, :2]
    return np.concatenate([uv.min(axis=0), uv.max(axis=0)]) if len(uv) else np.zeros(4, np.float32)


def _box(corners: np.ndarray) -> np.ndarray:
    """x y w h (4,) of x0 y0 x1 y1."""
    return np.concatenate([corners[:2], corners[2:] - corners[:2]]).astype(np.float32)
