"""Looks without Blender: layout of cloth, harmony, shoes, hair, and how shares are drawn."""

import inspect
from collections import Counter

import numpy as np
import pytest

from pipeline import assets
from pipeline.blender import fabrics, features, groom, hair_fall, harmony, palette, sewing
from pipeline.blender.fabric_prints import Prints
from pipeline.blender.fabric_weaves import WEAVES
from pipeline.blender.scalp import head_frame
from pipeline.body.frames import SUBJECT_FROM_BODY
from pipeline.body.modelfile import model_path, read_model_file
from pipeline.compose.look import sample_appearance
from pipeline.config import HairSection, LookSection
from pipeline.conventions import PARTS, rotation_z
from pipeline.errors import GenbError
from pipeline.garments import outfits, shoe_kinds, shoes
from pipeline.garments.fitted_mesh import fit_mesh, similarity
from pipeline.garments.measures import SHOE_SOLE_M
from pipeline.garments.patterns import cut, read_template
from pipeline.garments.surface import ClosestPoint, face_cross
from pipeline.garments.tailor import fit
from pipeline.scene import MotionSpec, SubjectSpec


@pytest.fixture(scope="module")
def template(body_dir):
    return read_template(model_path(body_dir, "neutral"))


@pytest.fixture(scope="module")
def model(body_dir):
    return read_model_file(model_path(body_dir, "neutral"))


@pytest.fixture(scope="module")
def tpose(model):
    return (model.v_template @ SUBJECT_FROM_BODY.T).astype(float)


# --- cloth coordinates


def tube(radius_m: float = 0.2, height_m: float = 0.6, around: int = 96, rings: int = 25):
    """An upright tube (a dress without sleeves): vertices, outward faces."""
    angle = np.linspace(0, 2 * np.pi, around, endpoint=False)
    z = np.linspace(0, height_m, rings)
    x, y = radius_m * np.cos(angle), radius_m * np.sin(angle)
    points = np.stack([np.tile(x, rings), np.tile(y, rings), np.repeat(z, around)], axis=1)
    r, i = np.meshgrid(np.arange(rings - 1), np.arange(around), indexing="ij")
    a, b = (r * around + i).ravel(), (r * around + (i + 1) % around).ravel()
    faces = np.concatenate(
        [np.stack([a, b, a + around], 1), np.stack([b, b + around, a + around], 1)]
    )
    return points, faces


def test_cloth_coordinates_of_a_tube_are_its_arc_and_height():
    points, faces = tube()
    layout = sewing.lay_out("dress", PARTS["full"], points, faces)
    corners = points[faces]
    front = layout.piece == sewing.FRONT
    assert 0.45 < front.mean() < 0.55 and set(layout.piece) == {sewing.FRONT, sewing.BACK}
    # The person faces -Y and the viewer's right is +X on the front, -X on the back.
    arc = np.arctan2(corners[..., 0], -corners[..., 1]) * 0.2
    before, behind_uv = layout.corner_uv
    np.testing.assert_allclose(before[front, :, 0], arc[front], atol=1e-3)
    behind = np.arctan2(-corners[..., 0], corners[..., 1]) * 0.2
    np.testing.assert_allclose(behind_uv[~front, :, 0], behind[~front], atol=1e-3)
    np.testing.assert_allclose(layout.corner_uv[..., 1], [corners[..., 2]] * 2, atol=1e-6)
    # A face at the seam goes on with either piece without a jump.
    seam = np.abs(np.abs(arc) - 0.1 * np.pi).max(axis=1) < 0.03
    edge = np.abs(np.roll(before[seam], 1, axis=1) - before[seam])
    other = np.abs(np.roll(behind_uv[seam], 1, axis=1) - behind_uv[seam])
    np.testing.assert_allclose(edge, other, atol=1e-5)
    # Side seams are where the tube turns from front to back; hems are its two ends.
    seam = np.abs(np.arctan2(points[:, 0], -points[:, 1]))
    np.testing.assert_allclose(layout.seam_m[:, 0], (seam - np.pi / 2) * 0.2, atol=1e-3)
    hem = np.minimum(points[:, 2], 0.6 - points[:, 2])
    np.testing.assert_allclose(layout.hem_m, hem, atol=1e-6)


@pytest.mark.parametrize("kind", ["tshirt", "longsleeve", "trousers", "skirt", "dress"])
def test_cloth_coordinates_keep_lengths(template, tpose, kind):
    """Patterns keep their size: most edges are within a fifth of their length on the body."""
    pattern = cut(template, outfits.garment(kind))
    rest = fit(pattern, template, tpose, [], 0.01).rest
    layout = sewing.lay_out(kind, PARTS[outfits.KIND_LAYERS[kind]], rest, pattern.faces)
    corners = rest[pattern.faces]
    true = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)
    back = (layout.piece == sewing.BACK)[:, None, None]
    uv = np.where(back, layout.corner_uv[1], layout.corner_uv[0])
    flat = uv - np.roll(uv, 1, axis=1)
    ratio = np.linalg.norm(flat, axis=-1) / true
    assert abs(np.median(ratio) - 1) < 0.05
    assert (np.abs(ratio - 1) < 0.2).mean() > 0.75
    sleeves = (layout.piece == sewing.SLEEVE).mean()
    assert (sleeves > 0.05) == (kind in ("tshirt", "longsleeve", "dress"))
    # Nothing is mirrored: seen from outside, u to the right and v upwards turn anticlockwise.
    a, b = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    assert (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0).mean() > 0.94  # but on top of the shoulders


def test_own_coordinates_are_brought_to_metres():
    points, faces = tube()
    laid = sewing.lay_out("dress", PARTS["full"], points, faces)
    uv = np.where((laid.piece == sewing.BACK)[:, None, None], *laid.corner_uv[::-1])
    layout = sewing.own_layout(points, faces, uv / 3.7)
    np.testing.assert_allclose(layout.corner_uv, [uv, uv], rtol=0.01, atol=1e-3)


# --- fabrics and colours


def test_every_fabric_can_be_drawn_and_every_kind_is_made_of_known_ones():
    for name, fabric in fabrics.FABRICS.items():
        assert inspect.isfunction(getattr(Prints, fabric.print)), name
        assert fabric.weave in WEAVES, name
        assert not fabric.dye or fabric.dye in palette.COLOURS, name
    for kind in (*outfits.KIND_LAYERS, "jacket", "hoodie"):
        table = fabrics.MADE_OF[kind]
        assert set(table) <= set(fabrics.FABRICS) and sum(table.values()) == pytest.approx(1)


def outfit_of(seed: int) -> harmony.Outfit:
    rng = np.random.default_rng(seed)
    outfit = harmony.Outfit.sample(rng)
    for number, use in enumerate(("lower", "upper", "outer", "canvas")):
        outfit.add(np.random.default_rng([seed, number]), use)
    return outfit


def test_colours_of_an_outfit_follow_its_scheme():
    schemes = Counter()
    for seed in range(300):
        outfit = outfit_of(seed)
        schemes[outfit.scheme] += 1
        loud = [colour for colour in outfit.chosen if not harmony.is_neutral(colour)]
        assert len(loud) <= (1 if outfit.scheme == "neutral" else 3)
        for k, a in enumerate(loud):
            for b in loud[:k]:
                hue_a, hue_b = (harmony.lightness_chroma_hue(c)[2] for c in (a, b))
                apart = min(abs(hue_a - hue_b), 360 - abs(hue_a - hue_b))
                limits = {
                    "monochrome": apart <= 22,
                    "analogous": apart <= 60,
                    "complementary": apart <= 22 or apart >= 130,
                }
                assert limits[outfit.scheme], (seed, apart)
    # 300 draws of a scheme with share 0.2 are 60 +- 7; five deviations.
    assert min(schemes.values()) > 25 and set(schemes) == set(harmony.SCHEMES)


def test_outfits_are_repeatable_varied_and_not_all_grey():
    first, again = outfit_of(4), outfit_of(4)
    assert all((a == b).all() for a, b in zip(first.chosen, again.chosen, strict=True))
    tops = np.array([outfit_of(seed).chosen[1] for seed in range(120)])
    assert len(np.unique(tops.round(2), axis=0)) > 40
    loud = np.mean(
        [not harmony.is_neutral(c) for seed in range(120) for c in outfit_of(seed).chosen]
    )
    assert 0.12 < loud < 0.6


def test_accents_stand_out_from_their_ground():
    gaps = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        outfit = harmony.Outfit.sample(rng)
        base = outfit.add(rng, "upper")
        accent = outfit.accent(rng, base)
        assert harmony.hues_agree(outfit.scheme, base, accent)
        lightness = [harmony.lightness_chroma_hue(c)[0] for c in (base, accent)]
        gaps.append(abs(lightness[0] - lightness[1]))
    assert np.median(gaps) > 0.25 and np.quantile(gaps, 0.05) > 0.08


def test_oklab_of_known_colours():
    """White is (1, 0); the hues are those of the published table for sRGB's primaries."""
    assert harmony.lightness_chroma_hue(np.ones(3))[:2] == pytest.approx((1, 0), abs=1e-3)
    red, blue = harmony.lightness_chroma_hue([1, 0, 0]), harmony.lightness_chroma_hue([0, 0, 1])
    assert red == pytest.approx((0.628, 0.2577, 29.23), rel=2e-3)
    assert blue == pytest.approx((0.452, 0.3132, 264.05), rel=2e-3)


# --- shoes


@pytest.mark.parametrize("kind", shoe_kinds.SHOES)
@pytest.mark.parametrize("side", ["left", "right"])
def test_every_shoe_stands_flat_and_outside_the_foot(template, tpose, kind, side):
    shoe = shoes.make_shoe(template, tpose, side, kind)
    foot = template.weight(f"{side}_ankle", f"{side}_foot") > 0.5
    lowest = tpose[foot, 2].min()
    assert shoe.vertices[:, 2].min() == pytest.approx(lowest - SHOE_SOLE_M, abs=0.004)
    ground = shoe.vertices[shoe.vertices[:, 2] < lowest - SHOE_SOLE_M + 0.004]
    assert np.ptp(ground[:, 1]) > 0.75 * np.ptp(tpose[foot, 1])
    # The free vertices of the upper lie outside the skin (foot and, for boots, shin).
    reach = template.weight(*shoes.clothed_joints(kind, side)) > 0.3
    skin = template.faces[reach[template.faces].all(axis=1)]
    closest, face, _ = ClosestPoint(tpose, skin).query(shoe.vertices[shoe.upper])
    outward = face_cross(tpose, skin)[face]
    height = ((shoe.vertices[shoe.upper] - closest) * outward).sum(axis=1)
    assert (height > 0).mean() > 0.99
    top = shoe.vertices[:, 2].max() - lowest
    ankle = (template.J_regressor @ tpose)[7, 2] - lowest
    # Boots and high-tops reach well above the ankle joint, flats and loafers do not in front.
    assert (top > ankle + 0.04) == shoe_kinds.SHOES[kind].shaft
    assert np.isin(shoe.faces, np.arange(len(shoe.vertices))).all()


def test_a_shaft_follows_the_shin_and_the_rest_the_foot(template, tpose):
    boot = shoes.make_shoe(template, tpose, "left", "boot")
    assert boot.shaft.max() == 1 and boot.shaft[boot.sole > 0].max() < 0.05
    turn = rotation_z(90.0)
    everything = shoes.move_shoe(template, boot, "left", tpose, (tpose @ turn.T)[None])
    np.testing.assert_allclose(everything[0], boot.vertices @ turn.T, atol=1e-9)
    bent = tpose.copy()
    shin = template.weight("left_knee") > 0.5
    bent[shin] += [0.0, -0.05, 0.0]
    moved = shoes.move_shoe(template, boot, "left", tpose, bent[None])[0] - boot.vertices
    assert np.abs(moved[boot.shaft > 0.999] - [0.0, -0.05, 0.0]).max() < 0.004
    assert np.abs(moved[boot.sole > 0]).max() < 0.004


def test_unknown_shoes_are_named():
    assets.manifest.cache_clear()
    with pytest.raises(GenbError, match="Did you mean 'boot'"):
        shoes.make_shoe(None, np.zeros((3, 3)), "left", "boots")


def drawn(shares, sex="female", age=30.0, garments=("trousers", "tshirt"), count=400):
    rng = np.random.default_rng(0)
    names = [shoe_kinds.sample_shoes(rng, shares, sex, age, list(garments)) for _ in range(count)]
    return Counter(names)


def test_shoes_suit_their_wearer_and_nobody_is_barefoot_by_default():
    shares = LookSection().shoes
    everybody = [
        drawn(shares, sex, age, garments)
        for sex in ("female", "male")
        for age in (6.0, 30.0)
        for garments in (("trousers", "tshirt"), ("shorts", "tank"), ("skirt", "tshirt"))
    ]
    assert all("barefoot" not in found for found in everybody)
    assert "flat" not in drawn(shares, "male") and "flat" in drawn(shares)
    assert "boot" not in drawn(shares, garments=("shorts", "tank"))
    assert "sandal" not in drawn(shares) and "sandal" in drawn(shares, garments=("dress",))
    assert set(drawn({"barefoot": 1.0})) == {"barefoot"}
    assert set(drawn({"flat": 1.0}, "male")) == {"flat"}, "shares count when nothing suits"


def test_shares_of_shoes_are_kept():
    found = drawn({"sneaker": 3.0, "boot": 1.0}, count=2000)
    # Binomial: 1500 +- 19; five deviations.
    assert abs(found["sneaker"] - 1500) < 100


# --- hair


def subject(sex="female", age=30.0) -> SubjectSpec:
    return SubjectSpec(
        subject="s",
        gender="neutral",
        sex=sex,
        age_years=age,
        ancestry=(0.3, 0.3, 0.4),
        betas=[0.0],
        motion=MotionSpec(name="idle", seed=0, frames=1, fps=25.0),
        outfit=[],
    )


def test_hair_styles_follow_their_shares():
    rng = np.random.default_rng(0)
    only = LookSection(hair=HairSection(woman={"bun": 1.0}, boy={"bald": 1.0}))
    assert {sample_appearance(rng, subject(), only).hair_style for _ in range(9)} == {"bun"}
    assert sample_appearance(rng, subject("male", 7.0), only).hair_style == "bald"
    default = [sample_appearance(rng, subject()).hair_style for _ in range(300)]
    assert "bald" not in default and len(set(default)) == len(HairSection().woman)
    men = [sample_appearance(rng, subject("male", 30.0)).hair_style for _ in range(300)]
    assert 0 < men.count("bald") < 60


def test_hair_meshes_are_worn_by_their_share():
    rng = np.random.default_rng(0)
    look = LookSection(hair_meshes=["a", "b"], hair_mesh_share=0.5)
    found = Counter(sample_appearance(rng, subject(), look).hair_mesh for _ in range(400))
    # Binomial: 200 +- 10; five deviations.
    assert abs(found[""] - 200) < 50 and found["a"] and found["b"]
    assert sample_appearance(rng, subject()).hair_mesh == ""


@pytest.fixture(scope="module")
def grown(model, tpose):
    """Strands of every style on the T-pose, several heads each, and the head."""
    head = features.find_head(tpose, model)
    from pipeline.garments.surface import vertex_normals

    skin = tpose[:, 2] > tpose[:, 2].max() - 0.6
    obstacles = tpose[skin], vertex_normals(tpose, model.faces)[skin]
    strands = {}
    for style in groom.CUTS:
        for seed in range(3):
            plan = groom.plan_hair(style, tpose, model, head, np.random.default_rng(seed))
            laid = hair_fall.grow(plan, tpose, tpose, model, head, obstacles)
            strands[style, seed] = plan, laid
    return strands, head


def test_hair_stays_out_of_the_eyes(grown):
    """Seen from the front, no more than a stray strand in a hundred passes before an eye."""
    strands, head = grown
    for (style, seed), (plan, laid) in strands.items():
        points = laid.reshape(-1, 3)
        before = points[:, 1] < head.eye_centre[:, 1].max()
        for eye in head.eye_centre:
            near = np.hypot(points[:, 0] - eye[0], points[:, 2] - eye[2]) < head.eye_radius_m
            crossing = (near & before).reshape(laid.shape[:2]).any(axis=1)
            assert crossing.mean() < 0.01, (style, seed)
        assert np.isfinite(laid).all() and laid.shape == (len(plan.faces), plan.cut.points, 3)


def test_styles_have_their_lengths(grown, tpose):
    strands, head = grown
    top = tpose[:, 2].max()
    lowest = {
        style: np.mean(
            [
                np.quantile(laid[..., 2], 0.02)
                for (name, _), (_, laid) in strands.items()
                if name == style
            ]
        )
        for style in groom.CUTS
    }
    chin = head.landmarks[31:43, 2].mean() - 0.8 * head.unit_m
    assert lowest["long"] < lowest["medium"] < lowest["bob"] < lowest["short"]
    assert abs(lowest["bob"] - chin) < 0.06, "a bob ends about the chin"
    assert lowest["bun"] > chin - 0.05 and lowest["ponytail"] < chin
    afro = strands["afro", 0][1].reshape(-1, 3)
    assert 0.03 < afro[:, 2].max() - top < 0.10


def test_hair_goes_with_the_head(grown, model, tpose):
    """A rigid turn about the vertical keeps gravity, so the whole head of hair turns along."""
    strands, head = grown
    from pipeline.garments.surface import vertex_normals

    plan, laid = strands["long", 1]
    turn = rotation_z(70.0)
    skin = tpose[:, 2] > tpose[:, 2].max() - 0.6
    posed = tpose @ turn.T + [0.3, -0.2, 0.1]
    obstacles = posed[skin], vertex_normals(posed, model.faces)[skin]
    again = hair_fall.grow(plan, posed, tpose, model, head, obstacles)
    if plan.curl_m == 0:
        np.testing.assert_allclose(again, laid @ turn.T + [0.3, -0.2, 0.1], atol=2e-4)
    axes, centre = head_frame(posed, tpose, model, head)
    np.testing.assert_allclose(axes, head_frame(tpose, tpose, model, head)[0] @ turn.T, atol=1e-6)


# --- users' meshes


def test_similarity_is_found_exactly():
    rng = np.random.default_rng(0)
    points, turn = rng.normal(size=(50, 3)), rotation_z(33.0)
    scale, rotation, move = similarity(points, 1.3 * points @ turn.T + [1, 2, 3])
    assert scale == pytest.approx(1.3) and np.allclose(rotation, turn)
    np.testing.assert_allclose(move, [1, 2, 3], atol=1e-9)


def test_a_fitted_mesh_keeps_its_place_on_the_skin():
    """A shell 1 cm off a sphere stays about 1 cm off an ellipsoid that the sphere becomes."""
    rng = np.random.default_rng(1)
    sphere = rng.normal(size=(4000, 3))
    sphere *= 0.1 / np.linalg.norm(sphere, axis=1, keepdims=True)
    stretch = np.array([1.0, 1.15, 1.1])
    shell = 1.1 * sphere[:300]
    fitted = fit_mesh(shell, sphere, sphere * stretch + [0.2, 0, 1.5])
    height = np.linalg.norm((fitted - [0.2, 0, 1.5]) / stretch, axis=1) - 0.1
    assert height.min() > 0.006 and height.max() < 0.014
