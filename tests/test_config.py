"""Configuration: layers, faults, keys; and the manifests behind it."""

import re
from pathlib import Path

import pytest

from pipeline import assets
from pipeline.config import CONFIG_DIR, Config, load_config
from pipeline.config_reference import document_options
from pipeline.errors import GenbError
from pipeline.stages import Plan


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("path", sorted(CONFIG_DIR.rglob("*.toml")), ids=lambda p: p.stem)
def test_every_shipped_config_loads(path):
    assert load_config(str(path)).name


def test_layers_override_each_other(tmp_path):
    text = 'extends = ["smoke"]\n[cast]\nclip_frames = 5\n'
    config = load_config(write(tmp_path, text))
    assert config.cast.clip_frames == 5
    assert config.cast.size == load_config("smoke").cast.size


def test_all_faults_are_reported_at_once_with_suggestions(tmp_path):
    text = "[camera]\nvfov_degs = [20, 40]\nheight_m = [2.0, 1.0]\n[scene]\npeople = [0, 2]\n"
    with pytest.raises(GenbError) as caught:
        load_config(write(tmp_path, text))
    message = str(caught.value)
    assert "camera.vfov_degs" in message and "did you mean 'vfov_deg'" in message
    assert "camera.height_m" in message and "2.0 > 1.0" in message
    assert "people must be at least 1" in message


def test_unknown_config_name_suggests(tmp_path):
    with pytest.raises(GenbError, match="Did you mean 'genb'"):
        load_config("gemb")
    with pytest.raises(GenbError, match="does not exist"):
        load_config(str(tmp_path / "none.toml"))


def test_broken_toml_and_circles_name_the_file(tmp_path):
    with pytest.raises(GenbError, match="not valid TOML"):
        load_config(write(tmp_path, "[camera\n"))
    (tmp_path / "a.toml").write_text('extends = ["b"]')
    (tmp_path / "b.toml").write_text('extends = ["a"]')
    with pytest.raises(GenbError, match="circle"):
        load_config(str(tmp_path / "a.toml"))


def test_options_table_in_the_readme_is_current():
    readme = (CONFIG_DIR / "README.md").read_text()
    assert document_options() in readme, "run `python -m pipeline.config_reference`"


def plan(tmp_path, **changes) -> Plan:
    config = load_config("genb")
    for dotted, value in changes.items():
        section, key = dotted.split("__")
        part = getattr(config, section).model_copy(update={key: value})
        config = config.model_copy(update={section: part})
    return Plan(config, 0, tmp_path)


def keys(p: Plan) -> dict[str, str]:
    from pipeline.stages import STAGES

    return {name: p.key(name) for name in STAGES}


@pytest.mark.parametrize(
    ("change", "kept", "changed"),
    [
        ({"diffusion__finish": False}, ["render", "truth"], ["rerender", "shards"]),
        ({"light__strength": (0.5, 0.6)}, ["pose", "dress"], ["compose", "render"]),
        ({"render__samples": 3}, ["compose", "bodies", "dress"], ["render", "truth"]),
        ({"garments__quality": 9}, ["pose"], ["dress", "render"]),
        ({"garments__shoes": False}, [], ["pose", "dress"]),
        ({"body__gaze_at_camera_share": 0.9}, ["pose", "dress"], ["compose", "render"]),
        ({"plausibility__max_float_mm": 5.0}, [], ["pose", "dress", "compose"]),
        ({"motion__mirror_share": 0.1}, ["pose", "dress"], ["cast", "compose"]),
        ({"look__shoes": {"boot": 1.0}}, ["pose", "dress"], ["cast", "compose"]),
        ({"scene__gap_m": 0.2}, ["pose", "dress", "cast"], ["compose"]),
        ({"execution__threads": 7}, ["compose", "dress", "render", "rerender", "shards"], []),
    ],
)
def test_a_change_invalidates_exactly_the_stages_that_read_it(tmp_path, change, kept, changed):
    before, after = keys(plan(tmp_path)), keys(plan(tmp_path, **change))
    assert all(before[name] == after[name] for name in kept)
    assert all(before[name] != after[name] for name in changed)


def test_every_manifest_row_says_whether_it_may_be_sold():
    kinds = [p.stem for p in assets.MANIFEST_DIR.glob("*.toml")]
    assert {"hdri", "body", "software"} <= set(kinds)
    for kind in kinds:
        for located in assets.manifest(kind).values():
            assert located.asset.licence and located.asset.source


def test_default_assets_are_free_and_present():
    for name in load_config("genb").light.hdris:
        row = assets.find("hdri", name).asset
        assert row.redistributable and row.commercial_use
        assert re.fullmatch("[0-9a-f]{64}", row.sha256)
        assert assets.find_file("hdri", name).is_file()


def test_unknown_asset_suggests():
    with pytest.raises(GenbError, match="Did you mean 'courtyard'"):
        assets.find_file("hdri", "courtyart")


def test_damaged_or_unreadable_hdri_is_named(tmp_path, monkeypatch):
    from pipeline.panoramas import check_panorama

    (tmp_path / "bad.exr").write_bytes(b"not an image")
    (tmp_path / "cut.exr").write_bytes(assets.find_file("hdri", "city").read_bytes()[:5000])
    row = '[[asset]]\nid = "{0}"\npath = "{1}.exr"\nlicence = "x"\nsource = "x"\nobtained = "x"\n'
    row += "redistributable = true\ncommercial_use = true\n"
    table = row.format("mine", "bad") + row.format("cut", "cut") + 'sha256 = "00"\n'
    (tmp_path / "hdri.toml").write_text(table)
    monkeypatch.setenv("GENB_ASSETS", str(tmp_path))
    assets.manifest.cache_clear()
    try:
        with pytest.raises(GenbError, match="not an .exr or .hdr"):
            check_panorama("mine")
        with pytest.raises(GenbError, match="checksum"):
            check_panorama("cut")
    finally:
        assets.manifest.cache_clear()


def test_execution_is_the_only_section_outside_the_keys():
    from pipeline.stages import STAGES

    read = {name.split(".")[0] for stage in STAGES.values() for name in stage.sections}
    sections = {n for n, f in Config.model_fields.items() if f.annotation is not str}
    assert sections - read == {"execution", "limits"}
