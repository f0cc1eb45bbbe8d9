"""Texture folders: names, choice, faults; and that a picture's colours land where its UV say."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import assets
from pipeline.blender import texture_folders
from pipeline.blender.texture_folders import choose_look, read_look, slot_of
from pipeline.config import Config, LookSection
from pipeline.errors import GenbError
from pipeline.look_assets import check_look, fingerprint

QUADRANTS = {"red": (200, 20, 20), "green": (20, 170, 20), "blue": (20, 20, 210), "grey": (90,) * 3}
"""Bottom left, bottom right, top left, top right of the picture, in UV order."""


def picture(path: Path, colour=(120, 80, 40), size=(32, 32)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def quadrants(path: Path, size: int = 64) -> Path:
    """UV (0, 0) is the bottom left corner of a picture."""
    half = size // 2
    pixels = np.zeros((size, size, 3), np.uint8)
    pixels[half:, :half], pixels[half:, half:] = QUADRANTS["red"], QUADRANTS["green"]
    pixels[:half, :half], pixels[:half, half:] = QUADRANTS["blue"], QUADRANTS["grey"]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("Fabric_1_diffuse", "diffuse"),
        ("jacket_BaseColor", "diffuse"),
        ("it_4001_texture_03", "diffuse"),
        ("denim-albedo-2k", "diffuse"),
        ("T_Shirt_col", "diffuse"),
        ("cloth_Normal", "normal"),
        ("cloth_nrm_4k", "normal"),
        ("clothNormalMap", "normal"),
        ("normal_shirt_roughness", "roughness"),
        ("Rough", "roughness"),
        ("zip_Metallic", "metallic"),
        ("lace_alpha", "opacity"),
        ("lace-opacity", "opacity"),
        ("cloth_AO", "unused"),
        ("cloth_displacement", "unused"),
        ("collar", "diffuse"),
    ],
)
def test_a_pictures_use_is_told_by_the_last_word_that_says_so(name, slot):
    assert slot_of(name) == slot


def test_materials_get_the_pictures_that_carry_their_name(tmp_path):
    for name in ("Fabric_1_diffuse", "Fabric_10_diffuse", "diffuse", "fabric_1_normal", "rough"):
        picture(tmp_path / f"{name}.png")
    look = read_look(tmp_path, ("Fabric_1", "Fabric_10", "Zip"))
    names = {group: {k: p.stem for k, p in look.of(group).items()} for group in look.files}
    names["Zip"] = {k: p.stem for k, p in look.of("Zip").items()}
    assert names["Fabric_1"] == {
        "diffuse": "Fabric_1_diffuse",
        "normal": "fabric_1_normal",
        "roughness": "rough",
    }
    assert names["Fabric_10"]["diffuse"] == "Fabric_10_diffuse"
    assert names["Zip"] == {"diffuse": "diffuse", "roughness": "rough"}


def test_a_lone_picture_is_the_diffuse_one(tmp_path):
    picture(tmp_path / "whatever.jpg")
    (tmp_path / "readme.txt").write_text("not a picture")
    assert list(read_look(tmp_path).of("")) == ["diffuse"]


def test_the_seed_chooses_the_look_and_all_looks_come_up(tmp_path):
    for number in range(1, 5):
        picture(tmp_path / f"texture_{number:02d}" / "diffuse.png")
    chosen = [choose_look(tmp_path, seed).name for seed in range(60)]
    assert chosen == [choose_look(tmp_path, seed).name for seed in range(60)]
    # 60 draws of 4: the chance that one is missing is below 4 * 0.75^60 = 1.3e-7.
    assert set(chosen) == {f"texture_{number:02d}" for number in range(1, 5)}


def test_faults_name_the_file_and_what_to_do(tmp_path):
    with pytest.raises(GenbError, match=r"none does not exist.*texture_01"):
        texture_folders.check_folder(tmp_path / "none")
    with pytest.raises(GenbError, match="holds no look"):
        texture_folders.check_folder(tmp_path)
    look = tmp_path / "texture_01"
    picture(look / "normal.png")
    with pytest.raises(GenbError, match="texture_01 has no diffuse picture"):
        texture_folders.check_folder(tmp_path)
    (look / "diffuse.png").write_bytes(b"this is text")
    with pytest.raises(GenbError, match="diffuse.png is not a picture that can be read"):
        texture_folders.check_folder(tmp_path)
    whole = picture(tmp_path / "whole.png", size=(256, 256)).read_bytes()
    (look / "diffuse.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GenbError, match="diffuse.png is not a picture that can be read"):
        texture_folders.check_folder(tmp_path)
    picture(look / "diffuse.png", size=(2, 300))
    with pytest.raises(GenbError, match="2 x 300 pixels"):
        texture_folders.check_folder(tmp_path)
    picture(look / "diffuse.png")
    texture_folders.check_folder(tmp_path)
    picture(look / "shirt_albedo.png")
    with pytest.raises(GenbError, match=r"diffuse.png and shirt_albedo.png are both the diffuse"):
        read_look(look)
    picture(tmp_path / "texture_02" / "Zip_diffuse.png")
    with pytest.raises(GenbError, match="no diffuse picture for material 'Sleeve'"):
        read_look(tmp_path / "texture_02", ("Zip", "Sleeve"))


def look_config(**look) -> Config:
    return Config.model_validate({"look": look})


def test_configured_folders_are_checked_and_part_of_the_stage_key(tmp_path, monkeypatch):
    monkeypatch.setenv("GENB_ASSETS", str(tmp_path))
    monkeypatch.setenv("GENB_CACHE", str(tmp_path / "cache"))
    assets.manifest.cache_clear()
    try:
        config = look_config(fabric_folders=["denim"])
        with pytest.raises(GenbError, match="denim does not exist"):
            check_look(config)
        path = picture(tmp_path / "denim" / "texture_01" / "diffuse.png")
        check_look(config)
        before = fingerprint(config, shoes=False)
        picture(path, colour=(1, 2, 3))
        assert before.keys() == fingerprint(config, shoes=False).keys()
        assert before != fingerprint(config, shoes=False)
        row = (
            '[[asset]]\nid = "mine"\npath = "denim"\nlicence = "x"\nsource = "x"\nobtained = "x"\n'
        )
        (tmp_path / "texture.toml").write_text(
            row + "redistributable = true\ncommercial_use = false\n"
        )
        assets.manifest.cache_clear()
        check_look(look_config(fabric_folders=[{"folder": "mine", "tile_m": 0.2}]))
        with pytest.raises(GenbError, match="unknown garment kind 'coat'"):
            check_look(look_config(fabric_folders=[{"folder": "mine", "kinds": ["coat"]}]))
    finally:
        assets.manifest.cache_clear()


bpy = pytest.importorskip("bpy", reason="Blender's Python module is not installed")


def plane(width_m: float = 0.6, height_m: float = 0.6, steps: int = 9):
    """A flat cloth that faces -Y: vertices (N, 3), faces, corner UV 0..1 (M, 3, 2)."""
    x, z = np.meshgrid(np.linspace(-0.5, 0.5, steps), np.linspace(-0.5, 0.5, steps))
    vertices = np.stack([x.ravel() * width_m, 0 * x.ravel(), z.ravel() * height_m], axis=1)
    a = (np.arange(steps - 1)[:, None] * steps + np.arange(steps - 1)).ravel()
    faces = np.concatenate(
        [np.stack([a, a + 1, a + steps], 1), np.stack([a + 1, a + steps + 1, a + steps], 1)]
    )
    uv = np.stack([x.ravel() + 0.5, z.ravel() + 0.5], axis=1)
    return vertices.astype(np.float32), faces.astype(np.int32), uv[faces].astype(np.float32)


SIZE_PX, VIEW_M = 96, 0.8


def rendered(worn) -> np.ndarray:
    """(H, W, 3) linear colours of a garment in even white light, orthographic from -Y.

    A white diffuse surface is 1 everywhere: what comes back is the albedo, but for the sheen.
    """
    from pipeline.blender import passes, session
    from pipeline.blender.clothing import Clothing

    scene = session.reset()
    Clothing([worn], 0, 1, np.random.default_rng(0))
    scene.world = bpy.data.worlds.new("even")
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (1, 1, 1, 1)
    camera = bpy.data.cameras.new("camera")
    camera.type, camera.ortho_scale = "ORTHO", VIEW_M
    thing = bpy.data.objects.new("camera", camera)
    thing.location, thing.rotation_euler = (0, -2, 0), (np.pi / 2, 0, 0)
    scene.collection.objects.link(thing)
    scene.camera = thing
    scene.render.resolution_x = scene.render.resolution_y = SIZE_PX
    scene.cycles.samples, scene.cycles.device = 16, "CPU"
    scene.cycles.max_bounces = 0
    with passes.captured() as channels, session.quiet():
        bpy.ops.render.render()
    return channels["Combined"][..., :3]


def colour_at(image: np.ndarray, x_m: float, z_m: float) -> str:
    """Name of the quadrant whose colour is nearest in chromaticity, 5 x 5 pixels around a point."""
    column = round((x_m / VIEW_M + 0.5) * SIZE_PX)
    row = round((0.5 - z_m / VIEW_M) * SIZE_PX)
    seen = image[row - 2 : row + 3, column - 2 : column + 3].mean(axis=(0, 1))
    seen = seen - 0.6 * seen.min()
    linear = {name: (np.array(c) / 255) ** 2.2 for name, c in QUADRANTS.items()}
    distance = {name: np.linalg.norm(seen / seen.sum() - c / c.sum()) for name, c in linear.items()}
    return min(distance, key=distance.get)


def cloth(**more):
    from pipeline.blender.wardrobe import Worn
    from pipeline.conventions import PARTS

    vertices, faces, uv = plane()
    own = {"corner_uv": uv} if more.pop("own_uv", True) else {}
    kind, part = more.pop("kind", "skirt"), PARTS["lower"]
    return Worn(kind, part, vertices[None], faces, vertices, 3, pixel_m=0.02, **own, **more)


def test_a_garments_own_uv_put_every_quadrant_in_its_place(tmp_path):
    quadrants(tmp_path / "texture_01" / "diffuse.png")
    image = rendered(cloth(pictures=choose_look(tmp_path, 0)))
    # The middles of the quarters of a 0.6 m cloth; the picture is seen upright, not mirrored.
    assert colour_at(image, -0.15, -0.15) == "red"
    assert colour_at(image, 0.15, -0.15) == "green"
    assert colour_at(image, -0.15, 0.15) == "blue"
    assert colour_at(image, 0.15, 0.15) == "grey"


def test_each_material_group_wears_its_own_picture(tmp_path):
    look = tmp_path / "texture_01"
    picture(look / "Left_diffuse.png", QUADRANTS["red"])
    picture(look / "Right_diffuse.png", QUADRANTS["blue"])
    vertices, faces, _ = plane()
    group = (vertices[faces][..., 0].mean(axis=1) > 0).astype(np.int32)
    groups = ("Left", "Right")
    worn = cloth(pictures=choose_look(tmp_path, 0, groups), groups=groups, face_group=group)
    image = rendered(worn)
    assert colour_at(image, -0.15, 0.1) == "red" and colour_at(image, 0.15, 0.1) == "blue"


def test_opacity_makes_holes(tmp_path):
    picture(tmp_path / "texture_01" / "diffuse.png", (0, 0, 0))
    picture(tmp_path / "texture_01" / "opacity.png", (0, 0, 0))
    through = rendered(cloth(pictures=choose_look(tmp_path, 0)))[48, 48]
    assert through.min() > 0.95, "the white world is seen through the cloth"
    picture(tmp_path / "texture_01" / "opacity.png", (255, 255, 255))
    assert rendered(cloth(pictures=choose_look(tmp_path, 0)))[48, 48].max() < 0.3


def test_tiles_have_their_true_size_on_a_garment_that_we_cut(tmp_path):
    """Along a line upwards the colour repeats with the tile, and halves with half the tile."""
    half = np.zeros((64, 64, 3), np.uint8)
    half[:32] = 255
    (tmp_path / "texture_01").mkdir()
    Image.fromarray(half).save(tmp_path / "texture_01" / "diffuse.png")
    counts = []
    for tile_m in (0.2, 0.1):
        look = choose_look(tmp_path, 0, tile_m=tile_m)
        image = rendered(cloth(own_uv=False, pictures=look, kind="dress"))
        inside = round(0.55 / VIEW_M * SIZE_PX)
        start = (SIZE_PX - inside) // 2
        column = image[start : start + inside, SIZE_PX // 2].mean(axis=1)
        bright = column > (column.min() + column.max()) / 2
        counts.append(int((bright[1:] != bright[:-1]).sum()))
    # 0.55 m of cloth hold 5.5 edges of a 0.2 m tile and 11 of a 0.1 m tile.
    assert counts[0] in (5, 6) and counts[1] in (10, 11, 12)


def test_a_garment_wears_its_own_textures_or_a_fabric_that_suits_it(tmp_path):
    from pipeline.blender.wardrobe import _pictures

    picture(tmp_path / "texture_01" / "diffuse.png")
    row = {"kind": "skirt", "layer": "lower", "file": "00_skirt.abc", "textures": str(tmp_path)}
    look = LookSection()
    assert _pictures(row, 5, (), look, own_uv=True).tile_m is None
    with pytest.raises(GenbError, match=r"00_skirt.abc.*no texture coordinates"):
        _pictures(row, 5, (), look, own_uv=False)
    plain = {**row, "textures": ""}
    assert _pictures(plain, 5, (), look, own_uv=False) is None
    folder = {"folder": str(tmp_path), "kinds": ["skirt"], "tile_m": 0.3}
    every = LookSection(fabric_folders=[folder], fabric_share=1.0)
    assert _pictures(plain, 5, (), every, own_uv=False).tile_m == 0.3
    assert _pictures({**plain, "kind": "tshirt"}, 5, (), every, own_uv=False) is None
    half = LookSection(fabric_folders=[folder], fabric_share=0.5)
    worn = [_pictures(plain, seed, (), half, own_uv=False) is not None for seed in range(200)]
    # Binomial: 100 +- 7; five deviations.
    assert abs(sum(worn) - 100) < 36


def test_hems_go_on_with_the_texture_of_the_edge():
    from pipeline.blender.hems import plan_hem

    _, faces, uv = plane(steps=4)
    hem = plan_hem(faces, 16)
    extended = hem.repeat_corners(uv)
    assert extended.shape == (len(hem.faces), 3, 2)
    at = np.full((16 + 2 * len(hem.border), 2), np.nan)
    at[faces.ravel()] = uv.reshape(-1, 2)
    at[16:] = np.concatenate([at[hem.border], at[hem.border]])
    np.testing.assert_allclose(extended, at[hem.faces], atol=1e-7)
    assert (hem.repeat_faces(np.arange(len(faces)))[len(faces) :] < len(faces)).all()


def test_users_skins_go_to_whom_they_suit(tmp_path):
    from types import SimpleNamespace

    from pipeline.blender.wardrobe import choose_skin

    def person(sex, tone, seed=1):
        appearance = SimpleNamespace(skin_tone=tone, seed=seed)
        return SimpleNamespace(subject=SimpleNamespace(sex=sex), appearance=appearance)

    for name in ("pale", "dark"):
        for look in ("texture_01", "texture_02"):
            picture(tmp_path / name / look / "diffuse.png")
    folders = [
        {"folder": str(tmp_path / "pale"), "sex": "female", "skin_tone": (0.0, 0.5)},
        {"folder": str(tmp_path / "dark"), "skin_tone": (0.5, 1.0)},
    ]
    section = LookSection(skin_folders=folders)
    assert choose_skin(person("male", 0.2), section) is None
    chosen = {
        choose_skin(person("female", 0.2, seed), section).of("")["diffuse"] for seed in range(30)
    }
    assert {path.parent.name for path in chosen} == {"texture_01", "texture_02"}
    assert {path.parent.parent.name for path in chosen} == {"pale"}
    assert choose_skin(person("male", 0.9), section).of("")["diffuse"].parents[1].name == "dark"
    half = LookSection(skin_folders=folders, skin_share=0.5)
    worn = [choose_skin(person("male", 0.9, seed), half) is not None for seed in range(200)]
    # Binomial: 100 +- 7; five deviations.
    assert abs(sum(worn) - 100) < 36
    assert choose_skin(person("male", 0.9), LookSection()) is None


def test_a_skin_texture_is_seen_on_the_body(body_dir, tmp_path):
    """A green skin makes green people, through the body's own texture map."""
    from blender_stage import config as stage_config
    from blender_stage import make_stage

    from pipeline.blender.scene_render import render_scene
    from pipeline.body.modelfile import model_path, read_model_file
    from pipeline.config import Config
    from pipeline.contracts import RenderPasses
    from pipeline.conventions import PARTS

    folder = tmp_path / "skins" / "texture_01"
    folder.mkdir(parents=True)
    Image.new("RGB", (16, 16), (40, 160, 60)).save(folder / "diffuse.png")
    model = read_model_file(model_path(body_dir, "neutral"))
    config = stage_config(samples=8).model_dump()
    config["look"]["skin_folders"] = [{"folder": str(folder.parent)}]
    (tmp_path / "out").mkdir()
    stage = make_stage(model, styles=("bald", "bald"), size=64)
    render_scene(stage, Config.model_validate(config), tmp_path / "out")
    skin = RenderPasses.load(tmp_path / "out" / "frame_0000.npz").part == PARTS["skin"]
    shown = np.asarray(Image.open(tmp_path / "out" / "frame_0000.png")).astype(float)[skin]
    red, green, blue = shown.mean(axis=0)
    assert green > 1.3 * red and green > 1.2 * blue
