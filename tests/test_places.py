"""Where scenes are: the sun, room for everybody, walkable floors, and panoramas that are none."""

import struct

import numpy as np
import pytest

from pipeline import assets, panoramas
from pipeline.compose.place import CAMERA_GAP_M, Occupied, choose_place
from pipeline.compose.sun import sample_sun, sun_at
from pipeline.config_place import PlaceSection, SunSection
from pipeline.conventions import rotation_z
from pipeline.errors import GenbError, SceneRejected

ROW = """[[asset]]
id = "{id}"
path = "{path}"
licence = "x"
source = "x"
obtained = "x"
redistributable = true
commercial_use = true
"""


@pytest.fixture
def own_assets(tmp_path, monkeypatch):
    """Write a manifest of the user's: table(kind, rows)."""
    monkeypatch.setenv("GENB_ASSETS", str(tmp_path))

    def table(kind: str, text: str):
        (tmp_path / f"{kind}.toml").write_text(text)
        assets.manifest.cache_clear()
        return tmp_path

    yield table
    assets.manifest.cache_clear()


def test_the_sun_at_known_moments():
    """Equinox and solstices have closed forms; Zurich on 21 June at noon is 66 degrees high."""
    assert sun_at(0.0, 81, 12.0).elevation_deg == pytest.approx(90, abs=0.5)
    assert sun_at(0.0, 81, 6.0).elevation_deg == pytest.approx(0, abs=0.5)
    noon = sun_at(47.4, 172, 12.0)
    assert noon.elevation_deg == pytest.approx(90 - 47.4 + 23.44, abs=0.1)
    assert noon.azimuth_deg == pytest.approx(180, abs=0.1)
    assert sun_at(-33.9, 172, 12.0).azimuth_deg % 360 == pytest.approx(0, abs=0.1)
    morning, evening = sun_at(47.4, 81, 9.0), sun_at(47.4, 81, 15.0)
    assert 90 < morning.azimuth_deg < 180 < evening.azimuth_deg < 270
    assert morning.elevation_deg == pytest.approx(evening.elevation_deg)
    assert sun_at(70.0, 355, 12.0).elevation_deg < 0  # polar night


def test_drawn_suns_stand_above_the_horizon_asked_for():
    rng = np.random.default_rng(0)
    section = SunSection(min_elevation_deg=20.0)
    assert min(sample_sun(rng, section).elevation_deg for _ in range(200)) >= 20.0
    polar = SunSection(latitude_deg=(80, 80), day_of_year=(355, 355), min_elevation_deg=10.0)
    assert sample_sun(rng, polar).elevation_deg < 0  # the highest there is, not an endless search


def crowd(seed: int, spread_m: float = 1.5, camera_m: float = 5.0) -> Occupied:
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-spread_m, spread_m, (40, 2)) + rng.uniform(-5, 5, 2)
    angle = rng.uniform(0, 2 * np.pi)
    eye = centres.mean(axis=0) + camera_m * np.array([np.cos(angle), np.sin(angle)])
    return Occupied(centres, rng.uniform(0.05, 0.3, 40), eye[None], 2.1)


@pytest.mark.parametrize("kind", ["room", "plaza", "field"])
def test_a_built_place_leaves_room_for_everybody(kind):
    for seed in range(20):
        taken = crowd(seed)
        place, notes = choose_place(
            np.random.default_rng(seed), PlaceSection(kinds={kind: 1.0}), taken
        )
        assert place.kind == kind and not notes
        turn = rotation_z(place.yaw_deg)[:2, :2]
        half = np.array(place.size_m[:2]) / 2
        people = np.abs((taken.centres - [place.x_m, place.y_m]) @ turn) + taken.radii[:, None]
        eyes = np.abs((taken.eyes - [place.x_m, place.y_m]) @ turn) + CAMERA_GAP_M
        assert (people <= half + 1e-3).all() and (eyes <= half + 1e-3).all()
        if kind == "room":
            assert place.size_m[2] >= taken.top_m + 0.3 - 1e-9
        else:
            assert place.sun_elevation_deg >= SunSection().min_elevation_deg


def test_a_telephoto_turns_a_room_into_a_plaza_and_says_so():
    taken = crowd(1, camera_m=40.0)
    place, notes = choose_place(np.random.default_rng(1), PlaceSection(kinds={"room": 1.0}), taken)
    assert place.kind == "plaza" and "would be" in notes[0]


L_SHAPE = "walkable = [[0, 0], [12, 0], [12, 5], [5, 5], [5, 12], [0, 12]]\n"


def test_people_and_camera_stay_on_the_walkable_floor(own_assets):
    """An L of 5 m wide arms: nobody in the missing corner, and no corner in the way."""
    folder = own_assets("place", ROW.format(id="hall", path="hall.glb") + L_SHAPE)
    (folder / "hall.glb").write_bytes(b"")
    section = PlaceSection(kinds={"file": 1.0}, files=["hall"])
    turned = set()
    for seed in range(15):
        taken = crowd(seed, spread_m=0.8, camera_m=3.5)
        place, _ = choose_place(np.random.default_rng(seed), section, taken)
        turned.add(round(place.yaw_deg))
        T = np.linalg.inv(place.T_world_place())
        for points, radii in ((taken.centres, taken.radii), (taken.eyes, [CAMERA_GAP_M])):
            local = points @ T[:2, :2].T + T[:2, 3]
            for (x, y), r in zip(local, radii, strict=True):
                long_arm = r <= x <= 12 - r and r <= y <= 5 - r
                tall_arm = r <= x <= 5 - r and r <= y <= 12 - r
                corner = r <= x <= 5 - r and r <= y <= 5 - r
                near_bend = x <= 5 and y <= 5 and np.hypot(5 - x, 5 - y) >= r
                assert long_arm or tall_arm or corner or near_bend
        # The line of sight to everybody crosses no wall of the L.
        eye = taken.eyes[0] @ T[:2, :2].T + T[:2, 3]
        for person in taken.centres @ T[:2, :2].T + T[:2, 3]:
            line = eye + np.linspace(0, 1, 60)[:, None] * (person - eye)
            assert not ((line > 5.05).all(axis=1)).any()
    assert len(turned) > 10


def test_a_floor_too_small_rejects_the_scene_with_its_figures(own_assets):
    folder = own_assets(
        "place",
        ROW.format(id="closet", path="c.glb") + "walkable = [[0, 0], [2, 0], [2, 2], [0, 2]]\n",
    )
    (folder / "c.glb").write_bytes(b"")
    section = PlaceSection(kinds={"file": 1.0}, files=["closet"])
    with pytest.raises(SceneRejected, match=r"walkable area of 4.0 m2 has no spot.*camera_area"):
        choose_place(np.random.default_rng(0), section, crowd(0))


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        ("[]", "has 0 corners"),
        ("[[0, 0], [3, 0]]", "has 2 corners"),
        ("[[0, 0], [3, 0], [6, 0]]", "an area of 0.00 m2"),
    ],
)
def test_a_floor_without_area_is_refused_before_anything_renders(own_assets, corners, said):
    folder = own_assets("place", ROW.format(id="flat", path="f.glb") + f"walkable = {corners}\n")
    (folder / "f.glb").write_bytes(b"")
    with pytest.raises(GenbError, match=said):
        panoramas.check_place("flat")


def test_a_place_of_an_unknown_kind_of_file_is_refused(own_assets):
    folder = own_assets("place", ROW.format(id="fbx", path="f.fbx") + L_SHAPE)
    (folder / "f.fbx").write_bytes(b"")
    with pytest.raises(GenbError, match=r"Export it from your program as .glb"):
        panoramas.check_place("fbx")
    with pytest.raises(GenbError, match="unknown place asset 'offce'"):
        panoramas.check_place("offce")


def exr_header(width: int, height: int) -> bytes:
    """The beginning of an OpenEXR file of that size, and no pixels."""
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    channels = b"channels\0chlist\0" + struct.pack("<i", 1) + b"\0"
    return (
        b"\x76\x2f\x31\x01\x02\0\0\0"
        + channels
        + b"dataWindow\0box2i\0"
        + struct.pack("<i", 16)
        + window
        + b"\0"
    )


def test_sizes_are_read_from_headers(tmp_path):
    assert panoramas.panorama_size(assets.find_file("hdri", "city")) == (1024, 512)
    (tmp_path / "a.exr").write_bytes(exr_header(8192, 4096))
    assert panoramas.panorama_size(tmp_path / "a.exr") == (8192, 4096)
    (tmp_path / "b.hdr").write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 256 +X 512\n")
    assert panoramas.panorama_size(tmp_path / "b.hdr") == (512, 256)
    (tmp_path / "c.exr").write_bytes(exr_header(8192, 4096)[:30])
    with pytest.raises(GenbError, match="header cannot be read"):
        panoramas.panorama_size(tmp_path / "c.exr")
    (tmp_path / "d.hdr").write_bytes(b"#?RADIANCE\n")
    with pytest.raises(GenbError, match="no resolution line"):
        panoramas.panorama_size(tmp_path / "d.hdr")


def test_a_panorama_too_large_for_the_machine_says_what_it_needs(own_assets):
    folder = own_assets("hdri", ROW.format(id="huge", path="huge.exr"))
    (folder / "huge.exr").write_bytes(exr_header(131072, 65536))
    with pytest.raises(GenbError, match=r"131072 x 65536 pixels and needs about 343.6 GB, but"):
        panoramas.check_panorama("huge")


def test_a_picture_that_is_no_panorama_is_refused(own_assets):
    folder = own_assets("hdri", ROW.format(id="photo", path="photo.exr"))
    (folder / "photo.exr").write_bytes(exr_header(1920, 1080))
    with pytest.raises(GenbError, match="twice as wide as it is high"):
        panoramas.check_panorama("photo")


def test_a_folder_of_panoramas_is_used_without_its_faulty_ones(own_assets):
    folder = own_assets("hdri", ROW.format(id="mine", path="mine"))
    (folder / "mine").mkdir()
    whole = assets.find_file("hdri", "city").read_bytes()
    for name, content in (("a.exr", whole), ("b.exr", b"text"), ("c.exr", exr_header(100, 90))):
        (folder / "mine" / name).write_bytes(content)
    (folder / "mine" / "notes.txt").write_text("not looked at")
    assets.manifest.cache_clear()
    said = []
    names = panoramas.usable_panoramas(["mine", "studio"], said.append)
    assert names == ["mine/a", "studio"]
    assert len(said) == 2 and "b.exr" in said[0] and "twice as wide" in said[1]
    (folder / "mine" / "a.exr").unlink()
    assets.manifest.cache_clear()
    with pytest.raises(GenbError, match="holds no HDRI that can be used"):
        panoramas.usable_panoramas(["mine"])


def test_kinds_and_files_must_fit():
    with pytest.raises(ValueError, match="files is empty"):
        PlaceSection(kinds={"file": 1.0})
    with pytest.raises(ValueError, match="weight above 0"):
        PlaceSection(kinds={"room": 0.0})
