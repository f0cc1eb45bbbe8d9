"""Re-check a finished dataset from its files alone: nothing but what a user downloads is opened.

Every fault becomes one line; the checks go on, so that one damaged sample does not hide another.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from pipeline.config import DriftSection
from pipeline.conventions import PARTS, project, transform
from pipeline.errors import GenbError
from pipeline.shards.consistency import appearance_faults, labelled, rerender_faults
from pipeline.shards.index import index_row, read_index
from pipeline.shards.read import UNREADABLE, Sample, read_samples
from pipeline.shards.sample import sample_key
from pipeline.storage import read_json, sha256_file
from pipeline.truth.labels import modal_box
from pipeline.truth.schema import LABEL_ARRAYS, SEEN, VISIBILITY, array_faults, dense_arrays

_IMAGES = {"rgb.jpg": 3, "cg.png": 3, "mask.png": 2, "part.png": 2}
_GEOMETRY = {"depth.npy": "float32", "normal.npy": "float16", "geometry.npz": ""}
_SURFACE = {"amodal": "bool", "body_face": "int32", "body_bary": "float16"}

_DESCRIPTIONS = ("README.md", "croissant.json", "index.parquet")

_REPROJECTION_PX = 0.02
"""joints_2d and joints_cam are float32: some 1e-7 of 10 m at 10,000 px focal length and 0.1 m."""
_FRAME_M = 2e-5
"""joints_world and joints_cam are float32 of numbers up to about 30 m."""
_UNIT_LENGTH = 2e-3
"""Normals are float16."""


def verify(out: Path) -> list[str]:
    """All faults of the dataset in `out`; an empty list when it is sound."""
    out = Path(out)
    if not (out / "dataset.json").is_file():
        return [f"{out}: no dataset.json; this is not a finished dataset"]
    try:
        description = read_json(out / "dataset.json")
        faults = _unlisted_tars(out, description)
        contents = [
            _check_shard(out, description, shard, faults) for shard in description["shards"]
        ]
        faults += _count_faults(description, contents)
        faults += _croissant_faults(out)
        faults += _index_faults(out, [r for _, rows in contents for r in rows])
    except (GenbError, TypeError, *UNREADABLE) as error:
        return [f"{out / 'dataset.json'}: {error!r}"]
    return faults


def _unlisted_tars(out: Path, description: dict) -> list[str]:
    listed = {shard["shard"] for shard in description["shards"]}
    present = {tar.name for tar in (out / "shards").glob("*.tar")}
    return [f"shards/{name}: not listed in dataset.json" for name in sorted(present - listed)]


def _check_shard(out: Path, description: dict, shard: dict, faults: list[str]) -> tuple:
    """Check one tar, adding to `faults`; returns its keys and the index rows of its people."""
    tar = out / "shards" / shard["shard"]
    keys, rows, sound = [], [], []
    if not tar.is_file():
        faults.append(f"{tar.name}: missing")
        return keys, rows
    digest = sha256_file(tar)
    if digest != shard["sha256"]:
        faults.append(f"{tar.name}: its SHA-256 is not the one in dataset.json")
    checksum = tar.with_name(f"{tar.name}.sha256")
    if not checksum.is_file() or checksum.read_text() != f"{shard['sha256']}  {tar.name}\n":
        faults.append(f"{checksum.name}: missing, or not the checksum in dataset.json")
    try:
        for sample in read_samples(tar):
            keys.append(sample.key)
            where = f"{tar.name}: {sample.key}"
            try:
                facts = sample.json()
                rows += [index_row(tar.name, facts, person) for person in facts["people"]]
                faults += [f"{where}: {fault}" for fault in sample_faults(sample, description)]
                sound.append(labelled(sample, facts))
            except UNREADABLE as error:
                faults.append(f"{where}: cannot be read ({error!r})")
    except GenbError as error:
        faults.append(f"{tar.name}: {error}")
    if keys != shard["samples"]:
        faults.append(f"{tar.name}: its samples are not those listed in dataset.json")
    appearances = description["config"]["diffusion"]["appearances"]
    faults += [f"{tar.name}: {fault}" for fault in appearance_faults(sound, keys, appearances)]
    return keys, rows


def sample_faults(sample: Sample, description: dict) -> list[str]:
    """Faults of one sample: its members, its shapes, and whether labels and pixels agree."""
    config = description["config"]
    geometry = _GEOMETRY if config["shards"]["geometry"] else {}
    expected = {*_IMAGES, *geometry, "json", "npz"}
    if geometry and config["scene"]["frames"] > 1:
        expected.add("flow.npy")
    if set(sample.members) != expected:
        return [f"holds {sorted(sample.members)}, expected {sorted(expected)}"]
    facts, labels = sample.json(), sample.labels()
    arrays = LABEL_ARRAYS | dense_arrays(config["shards"]["dense_keypoints"])
    faults = array_faults(labels, arrays)
    told = sample_key(facts["scene"], facts["frame"], facts["appearance"])
    if (facts["key"], told) != (sample.key, sample.key):
        faults.append(f"its JSON says it is {facts['key']}, and {told}")
    if faults:
        return faults
    return [
        *_image_faults(sample, facts),
        *(_geometry_faults(sample) if geometry else []),
        *(_surface_faults(sample, len(facts["people"])) if geometry else []),
        *(_flow_faults(sample, facts) if "flow.npy" in expected else []),
        *_projection_faults(labels, facts),
        *_pixel_faults(sample, labels, facts),
        *_people_faults(labels, facts),
        *rerender_faults(facts, DriftSection.model_validate(config["diffusion"]["drift"])),
    ]


def _image_faults(sample: Sample, facts: dict) -> list[str]:
    size = (facts["camera"]["height"], facts["camera"]["width"])
    faults = []
    for name, dimensions in _IMAGES.items():
        image = sample.image(name)
        if image.shape[:2] != size or image.ndim != dimensions or image.dtype != np.uint8:
            faults.append(f"{name} is {image.shape} {image.dtype}, expected {size} 8-bit")
    if int(sample.image("part.png").max()) > max(PARTS.values()):
        faults.append("part.png holds an unknown part id")
    return faults


def _geometry_faults(sample: Sample) -> list[str]:
    depth, normal = sample.array("depth.npy"), sample.array("normal.npy")
    mask = sample.image("mask.png")
    if depth.shape != mask.shape or normal.shape != (*mask.shape, 3):
        return [f"depth {depth.shape} and normal {normal.shape} do not fit the mask {mask.shape}"]
    faults = []
    if depth.dtype != _GEOMETRY["depth.npy"] or normal.dtype != _GEOMETRY["normal.npy"]:
        faults.append(f"depth is {depth.dtype} and normal {normal.dtype}")
    if np.isnan(depth).any() or (depth <= 0).any():
        faults.append("depth holds NaN or values that are not in front of the camera")
    if not np.isfinite(depth[mask > 0]).all():
        faults.append("a person's pixel has no depth")
    length = np.linalg.norm(normal.astype(np.float32), axis=-1)
    if np.abs(length[mask > 0] - 1).max(initial=0) > _UNIT_LENGTH:
        faults.append("a person's pixel has a normal that is not of unit length")
    return faults


def _surface_faults(sample: Sample, people: int) -> list[str]:
    """Amodal masks and the correspondence of pixels with the naked bodies' triangles."""
    arrays, mask = sample.arrays("geometry.npz"), sample.image("mask.png")
    kinds = {name: str(array.dtype) for name, array in arrays.items()}
    if kinds != _SURFACE:
        return [f"geometry.npz holds {kinds}, expected {_SURFACE}"]
    amodal, face, bary = (arrays[name] for name in _SURFACE)
    wanted = ((people, *mask.shape), mask.shape, (*mask.shape, 2))
    if (amodal.shape, face.shape, bary.shape) != wanted:
        return [f"geometry.npz has the shapes {[a.shape for a in arrays.values()]}"]
    faults = [
        f"person {k}: a pixel of the mask is not in the amodal mask"
        for k in range(people)
        if not amodal[k][mask == k + 1].all()
    ]
    if face.min() < -1:
        faults.append("body_face holds numbers below -1")
    share = bary.astype(np.float32)
    if share.min() < 0 or share.sum(axis=-1).max() > 1 + _UNIT_LENGTH:
        faults.append("body_bary holds weights outside of their triangle")
    if (share[face < 0] != 0).any() or (face[~amodal.any(axis=0)] >= 0).any():
        faults.append("body_face, body_bary and the amodal masks do not agree on where bodies are")
    return faults


def _flow_faults(sample: Sample, facts: dict) -> list[str]:
    flow, mask = sample.array("flow.npy"), sample.image("mask.png")
    if flow.shape != (*mask.shape, 2) or flow.dtype != np.float32:
        return [f"flow is {flow.shape} {flow.dtype}, expected {(*mask.shape, 2)} float32"]
    if np.isnan(flow).any():
        return ["flow holds NaN"]
    last = facts["frame"] == facts["frames"] - 1
    if last and np.isfinite(flow).any():
        return ["the last frame of a scene has a flow"]
    if not last and not np.isfinite(flow[mask > 0]).any() and (mask > 0).any():
        return ["nobody in the picture has a flow"]
    return []


def _projection_faults(labels: dict, facts: dict) -> list[str]:
    faults = []
    camera = facts["camera"]
    joints = labels["joints_cam"].astype(np.float64)
    front = joints[..., 2] > 0.1
    error_px = np.linalg.norm(
        project(labels["K"], joints[front]) - labels["joints_2d"][front], axis=-1
    )
    if error_px.max(initial=0) > _REPROJECTION_PX:
        faults.append(f"K @ joints_cam is {error_px.max():.3g} px from joints_2d")
    T = labels["T_cam_world"]
    moved = transform(T, labels["joints_world"].astype(np.float64))
    if np.abs(moved - joints).max(initial=0) > _FRAME_M:
        faults.append(f"T_cam_world @ joints_world is {np.abs(moved - joints).max():.3g} m off")
    if np.abs(T[:3, :3] @ T[:3, :3].T - np.eye(3)).max() > 1e-9 or np.linalg.det(T[:3, :3]) < 0:
        faults.append("T_cam_world is not a rigid motion")
    if not np.array_equal(np.array(camera["K"]), labels["K"]):
        faults.append("K in the JSON is not K in the npz")
    focal = labels["K"][[0, 1], [0, 1]]
    fov = 2 * np.degrees(np.arctan(np.array([camera["width"], camera["height"]]) / 2 / focal))
    if np.abs(fov - [camera["hfov_deg"], camera["vfov_deg"]]).max() > 1e-6:
        faults.append("the fields of view do not belong to K")
    if not np.array_equal(labels["pose_cam"][:, 3:], labels["pose_world"][:, 3:]):
        faults.append("pose_cam and pose_world differ in more than the root")
    return faults


def _pixel_faults(sample: Sample, labels: dict, facts: dict) -> list[str]:
    mask, part = sample.image("mask.png"), sample.image("part.png")
    height, width = mask.shape
    faults = []
    if int(mask.max()) > len(facts["people"]):
        faults.append(
            f"mask.png holds id {mask.max()}, but there are {len(facts['people'])} people"
        )
    if ((part > 0) != (mask > 0)).any():
        faults.append("part.png and mask.png do not cover the same pixels")
    for k in range(len(facts["people"])):
        own = mask == k + 1
        if own.sum() != labels["mask_area_px"][k]:
            faults.append(f"person {k}: mask_area_px is not the mask's area")
        if not np.array_equal(modal_box(own), labels["box_modal"][k]):
            faults.append(f"person {k}: box_modal is not the mask's box")
    uv, code = labels["joints_2d"], labels["joints_code"]
    inside = ((uv >= 0) & (uv < [width, height])).all(axis=-1)
    if (~inside & (code != VISIBILITY["outside_image"])).any():
        faults.append("a joint outside the image is coded as inside")
    if not np.array_equal(np.isin(code, SEEN), labels["joints_visible"]):
        faults.append("joints_visible does not follow from joints_code")
    box = labels["box_amodal"]
    joints_in = (uv >= box[:, None, :2] - 1) & (uv <= box[:, None, 2:] + 1)
    if not joints_in[labels["joints_cam"][..., 2] > 0.1].all():
        faults.append("a joint lies outside box_amodal")
    return faults


def _people_faults(labels: dict, facts: dict) -> list[str]:
    people, count = facts["people"], len(labels["betas"])
    if len(people) != count or facts["people_count"] != count:
        return [f"{len(people)} people in the JSON, {count} in the npz"]
    faults = []
    for name in ("occlusion", "truncation"):
        if ((labels[name] < 0) | (labels[name] > 1)).any():
            faults.append(f"{name} is not a share")
        if [p[name] for p in people] != [float(v) for v in labels[name]]:
            faults.append(f"{name} in the JSON is not that in the npz")
    if [p["instance_id"] for p in people] != list(range(1, count + 1)):
        faults.append("instance ids are not 1, 2, 3, ...")
    return faults


def _count_faults(description: dict, contents: list[tuple]) -> list[str]:
    counts = description["counts"]
    rejected = {r["scene"] for r in description["rejected"]}
    keys = [key for shard_keys, _ in contents for key in shard_keys]
    found = {
        "samples": len(keys),
        "people": sum(len(rows) for _, rows in contents),
        "shards": len(contents),
        "rejected": len(rejected),
    }
    faults = [
        f"dataset.json counts {counts[name]} {name}, but there are {n}"
        for name, n in found.items()
        if counts[name] != n
    ]
    faults += [f"sample {key} occurs twice" for key, n in Counter(keys).items() if n > 1]
    faults += [
        f"scene {r['scene']} is rejected without a stage and a reason"
        for r in description["rejected"]
        if not r.get("reason") or not r.get("stage")
    ]
    present = {int(key[:6]) for key in keys}
    lost = set(range(counts["scenes"])) - present - rejected
    faults += [f"scene {scene} is neither in a shard nor rejected" for scene in sorted(lost)]
    both = sorted(present & rejected)
    return faults + [f"scene {scene} is both in a shard and rejected" for scene in both]


def _croissant_faults(out: Path) -> list[str]:
    missing = [f"{name}: missing" for name in _DESCRIPTIONS if not (out / name).is_file()]
    if missing:
        return missing
    files = [d for d in read_json(out / "croissant.json")["distribution"] if "sha256" in d]
    # The shards' checksums have been compared with dataset.json already.
    return [
        f"croissant.json: the SHA-256 of {file['contentUrl']} is not that of the file"
        for file in files
        if file["contentUrl"] == "index.parquet"
        and sha256_file(out / "index.parquet") != file["sha256"]
    ]


def _index_faults(out: Path, people: list[dict]) -> list[str]:
    """people: the rows that the index should have."""
    if not (out / "index.parquet").is_file():
        return []
    try:
        rows = read_index(out / "index.parquet")
    except (OSError, ValueError) as error:
        return [f"index.parquet: cannot be read ({error})"]
    listed = Counter((row["key"], row["person"]) for row in rows)
    present = Counter((row["key"], row["person"]) for row in people)
    if listed != present:
        odd = sorted((listed - present) | (present - listed))[:5]
        return [f"index.parquet: its rows are not the people in the shards, e.g. {odd}"]
    expected = {(row["key"], row["person"]): row for row in people}
    wrong = [
        f"{row['key']} person {row['person']}: {', '.join(_unequal(row, other))}"
        for row in rows
        if row != (other := expected[row["key"], row["person"]])
    ]
    return [f"index.parquet: differs from the shards at {line}" for line in wrong[:20]]


def _unequal(row: dict, other: dict) -> list[str]:
    return [n for n in row | other if n not in row or n not in other or row[n] != other[n]]
