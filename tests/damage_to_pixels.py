"""Damage to the pictures, the geometry, the facts and the types of a sample."""

import io
import re

import numpy as np
from damage_cases import case, of_array, of_facts, of_geometry, of_image, of_labels, of_person
from damaged_shards import archive_change, array_change, image_change, rewrite
from made_appearances import painted, record_of, rerecorded
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from pipeline.truth.rle import rle_text

# Pixels


@of_image("mask.png", "ids of two people exchanged", r"person 0: rle_modal is not the mask")
def _(mask):
    return np.array([0, 2, 1, 3], np.uint8)[mask]


@of_image(
    "mask.png", "one pixel of the mask lost", r"person 2: mask_area_px is not the mask's area"
)
def _(mask):
    mask[tuple(np.argwhere(mask == 3)[0])] = 0


@case("masks mirrored", r"person 1: box_modal is not the mask's box")
def _(members):
    for name in ("mask.png", "part.png"):
        image_change(name, lambda ids: np.ascontiguousarray(ids[:, ::-1]))(members)


@of_image("part.png", "a shirt called trousers", r"person 0: part\.png shows lower, which")
def _(part):
    part[part == 7] = 8


@of_image("part.png", "hands called skin", r"person \d: part\.png shows another part of the body")
def _(part):
    part[part == 3] = 1


@of_array("depth.npy", "depth 1 % too large", r"person 1: depth is up to [0-9.]+ mm from the body")
def _(depth):
    return depth * np.float32(1.01)


@of_array(
    "depth.npy", "depth 5 mm too large", r"person 2: depth is up to 5[0-9.]* mm from the body"
)
def _(depth):
    return depth + np.float32(0.005)


@of_array("depth.npy", "one pixel without a number", r"depth holds NaN")
def _(depth):
    depth[100, 100] = np.nan


@case("depth of one pixel of skin 2 mm off", r"person 1: depth is up to 2[0-9.]* mm .*\(1 of")
def _(members):
    part = np.asarray(Image.open(io.BytesIO(members["part.png"])))
    mask = np.asarray(Image.open(io.BytesIO(members["mask.png"])))
    at = tuple(np.argwhere((mask == 2) & (part == 3))[0])
    array_change("depth.npy", lambda depth: depth.__setitem__(at, depth[at] + 0.002))(members)


@case("normal of one pixel turned round", r"person 0: 1 normals face away from the camera")
def _(members):
    mask = np.asarray(Image.open(io.BytesIO(members["mask.png"])))
    rows = np.argwhere(mask == 1)
    at = tuple(rows[len(rows) // 2])
    array_change("normal.npy", lambda normal: normal.__setitem__(at, -normal[at]))(members)


@of_array("normal.npy", "normals with y up", r"person 2: (normals lean|\d+ normals face away)")
def _(normal):
    normal[..., 1] *= -1


@of_array("flow.npy", "flow of the pixel to the left", r"person 0: flow is up to [0-9.]+ px from")
def _(flow):
    return np.roll(flow, 1, axis=1)


@of_array("flow.npy", "flow backwards", r"person 1: flow is up to [0-9.]+ px from the motion")
def _(flow):
    return -flow


@of_geometry("amodal mask a pixel narrower", r"person 2: a pixel of the mask is not in the amodal")
def _(arrays):
    arrays["amodal"][2] = binary_erosion(arrays["amodal"][2])


@case(
    "amodal mask wider, its run lengths too", r"person 2: the amodal mask covers pixels that show"
)
def _(members):
    wider = {}

    def widen(arrays):
        arrays["amodal"][2] = wider["mask"] = binary_dilation(arrays["amodal"][2], iterations=30)

    archive_change("geometry.npz", widen)(members)
    text = rle_text(wider["mask"])
    rewrite(lambda facts: facts["people"][2].update(rle_amodal=text))(members)


@of_geometry("body_face one too high", r"person 0: body_face and body_bary name points up to")
def _(arrays):
    arrays["body_face"][arrays["body_face"] >= 0] += 1


@of_geometry(
    "weights of two corners exchanged", r"person 1: body_face and body_bary name points up"
)
def _(arrays):
    arrays["body_bary"] = arrays["body_bary"][..., ::-1]


@of_geometry("body_face lost under clothes", r"body_face covers other pixels than the drawn bodies")
def _(arrays):
    box = np.s_[40:110, :100]
    bare = arrays["body_face"][box].copy()
    arrays["body_face"][box] = np.where(np.arange(bare.size).reshape(bare.shape) % 2, -1, bare)
    arrays["body_bary"][arrays["body_face"] < 0] = 0


@of_person("run lengths of another person", r"person 1: rle_modal is not the mask")
def _(person):
    person["rle_modal"] = person["rle_amodal"][::-1]


@of_person("run lengths of the whole for the seen", r"person 1: rle_amodal is not the amodal mask")
def _(person):
    person["rle_amodal"] = person["rle_modal"]


@of_image("rgb.jpg", "picture mirrored", r"rgb\.jpg is not the finished cg\.png")
def _(picture):
    return np.ascontiguousarray(picture[:, ::-1])


@of_image("rgb.jpg", "a spot of the picture brightened", r"rgb\.jpg is not the finished cg\.png")
def _(picture):
    picture[80:88, 80:88] = np.minimum(picture[80:88, 80:88] + np.uint16(20), 255)


@of_image("cg.png", "render one level brighter", r"exposure people_luma is not that of cg\.png")
def _(picture):
    picture += np.uint8(1)


# Facts


for _name, _off, _fault in (
    ("distance_m", 0.01, "distance_m is .* its pelvis is at"),
    ("stature_m", 0.01, "stature_m is .* its betas give"),
    ("mass_kg", 1.0, "mass_kg is .* its betas give"),
    ("bmi", 0.1, "bmi is .* its betas give"),
    ("visible_joints", 1, "visible_joints in the JSON is not that in the npz"),
    ("mask_area_px", 1, "mask_area_px in the JSON is not that in the npz"),
    ("instance_id", 1, "instance_id in the JSON is not that in the npz"),
):

    @of_person(f"{_name} of a person wrong", f"person 1: {_fault}")
    def _(person, name=_name, off=_off):
        person[name] += off


@of_person("a beta in the JSON", r"person 1: betas in the JSON is not that in the npz")
def _(person):
    person["betas"][3] += 0.1


@of_facts("audit beyond its limits", r"its audit is beyond its limits: silhouette_iou 0\.9 ")
def _(facts):
    facts["audit"]["silhouette_iou"] = 0.9


@of_facts("near_share of another picture", r"near_share of the audit is not that of depth\.npy")
def _(facts):
    facts["audit"]["near_share"] = 0.1


@of_facts("a key missing", r"lacks shutter_s: float")
def _(facts):
    del facts["shutter_s"]


@of_facts("a key too many", r"has weather: str besides")
def _(facts):
    facts["weather"] = "fine"


@of_facts("a whole number where the others have a fraction", r"lacks shutter_s: float; has .*: int")
def _(facts):
    facts["shutter_s"] = 0


@of_facts("a null", r"json: light\.hdri: NoneType")
def _(facts):
    facts["light"]["hdri"] = None


@case("a NaN", r"json cannot be read \(.*NaN is no JSON number")
def _(members):
    members["json"] = re.sub(rb'"shutter_s":0.0', b'"shutter_s":NaN', members["json"])


@of_facts("one person fewer in the JSON", r"2 people in the JSON, 3 in the npz")
def _(facts):
    facts["people"].pop()
    facts["people_count"] = 2


@of_facts("key of another sample", r"its JSON says it is 000000_0007")
def _(facts):
    facts["key"] = "000000_0007"


@of_facts("name of another shard", r"its JSON says it is in genb-000009\.tar")
def _(facts):
    facts["shard"] = "genb-000009.tar"


@of_facts("a decision that its record contradicts", r"decision 'calmed' does not follow")
def _(facts):
    good = [0.3, 0.2, 0.4]
    return rerecorded(facts, painted(record_of(facts), good, good, "calmed", {}))


# Types


@of_labels("an array of another type", r"joints_2d has type float64")
def _(labels):
    labels["joints_2d"] = labels["joints_2d"].astype(np.float64)


@of_labels("an array missing", r"lsp14_code is missing")
def _(labels):
    del labels["lsp14_code"]


@of_labels("an array too many", r"colour is not a known label")
def _(labels):
    labels["colour"] = np.zeros(3)


@of_labels("an infinite number", r"transl_world holds NaN or inf")
def _(labels):
    labels["transl_world"][1, 0] = np.inf


@of_geometry(
    "a triangle lost where skin is seen", r"person 1: skin is seen where body_face names no"
)
def _(arrays):
    arrays["body_face"][arrays["amodal"][1]] = -1
    arrays["body_bary"][arrays["body_face"] < 0] = 0


@of_array("normal.npy", "a normal in the sky", r"a pixel without depth has a normal")
def _(normal):
    normal[0, 0] = 0, 0, -1


@of_array("flow.npy", "flow with one number of two", r"flow has pixels with one number only")
def _(flow):
    flow[50, 60, 1] = np.inf


@of_facts("focus of a pinhole", r"focus_m and f_number do not say the same of the lens")
def _(facts):
    facts["camera"]["focus_m"] = 3.0
