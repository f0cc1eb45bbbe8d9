"""The garment doctor on a real simulation that is broken on purpose, one fault at a time."""

import re
import struct
import tomllib

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from pipeline.body.frames import SUBJECT_FROM_BODY
from pipeline.cli import main
from pipeline.garments import alembic, npz
from pipeline.garments.cachefile import GarmentCache, sidecar
from pipeline.garments.caches import GarmentSequence
from pipeline.garments.doctor.examine import examine
from pipeline.garments.doctor.faults import write_options
from pipeline.garments.doctor.penetration import measure
from pipeline.garments.doctor.wearing import Wearing, wear
from pipeline.garments.dressing import dress, wearer
from pipeline.garments.inside import inside
from pipeline.garments.outfits import garment
from pipeline.garments.patterns import read_template
from pipeline.garments.placing import bring
from pipeline.scene import MotionSpec, SubjectSpec
from pipeline.storage import write_json

FPS, FRAMES = 25.0, 12
BETAS = [0.4, -0.6, 0.5, 0.0]
MOTION = MotionSpec(name="kick", seed=1, frames=FRAMES, fps=FPS)
WHO = ["--motion", "kick", "--seed", "1", "--body", ",".join(map(str, BETAS))]
WHO += ["--frames", str(FRAMES), "--fps", str(FPS)]
Y_UP = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])
"""Turns a Z-up point into the Y-up system of most programs: x, z, -y."""


@pytest.fixture(scope="module")
def wearing(default_config, body_dir, tmp_path_factory) -> Wearing:
    from pipeline.stages import Plan

    garments = default_config.garments.model_copy(update={"ease_in_frames": 8})
    config = default_config.model_copy(update={"garments": garments})
    subject = SubjectSpec(
        subject="test",
        gender="neutral",
        sex="female",
        age_years=30,
        ancestry=(0.2, 0.2, 0.6),
        betas=BETAS,
        motion=MOTION,
        outfit=[],
    )
    return wear(Plan(config, 0, tmp_path_factory.mktemp("plan")), subject)


def _dressed(wearing, body_dir, default_config, kind):
    """Clip (T, N, 3) f64, 100 lead-in frames before it, and faces of a simulated garment."""
    template = read_template(body_dir / "smplx" / "SMPLX_NEUTRAL.npz")
    distance_m = default_config.garments.collision_distance_mm / 1000
    who = wearer(template, wearing.motion, distance_m)
    made, everything = dress(who, garment(kind), [], default_config.garments)
    before = everything[: who.first]
    lead = before[np.linspace(0, len(before) - 1, 100).round().astype(int)]
    return made.vertices.astype(float), lead.astype(float), made.faces


@pytest.fixture(scope="module")
def shirt(wearing, body_dir, default_config):
    return _dressed(wearing, body_dir, default_config, "tshirt")


@pytest.fixture(scope="module")
def skirt(wearing, body_dir, default_config):
    return _dressed(wearing, body_dir, default_config, "skirt")


def _npz(path, vertices, faces):
    npz.write(path, GarmentSequence(vertices.astype(np.float32), faces))
    return path


def _pc2(path, vertices, faces, mesh=None):
    """A point cache, with its mesh beside it."""
    count, points, _ = vertices.shape
    header = struct.pack("<12siiffi", b"POINTCACHE2\0", 1, points, 0.0, 1.0, count)
    path.write_bytes(header + vertices.astype("<f4").tobytes())
    _obj(path.with_suffix(".obj"), [("garment", vertices[0] if mesh is None else mesh, faces)])
    return path


def _obj(path, meshes):
    """meshes: (name, vertices, faces) of each."""
    rows, first = [], 1
    for name, vertices, faces in meshes:
        rows.append(f"o {name}")
        rows += ["v {:.7g} {:.7g} {:.7g}".format(*point) for point in vertices.tolist()]
        rows += ["f {} {} {}".format(*face) for face in (faces + first).tolist()]
        first += len(vertices)
    path.write_text("\n".join(rows) + "\n")


def _check(capsys, path, *more):
    """Exit code, names of the faults, and everything that was printed."""
    with pytest.raises(SystemExit) as end:
        main(["garment", "check", str(path), *WHO, *more])
    out = capsys.readouterr().out
    return end.value.code, re.findall(r"^FAULT ([a-z ]+):", out, re.M), out


def _cured(capsys, path, wearing, good, names, exact=True):
    """The doctor finds exactly `names`; with its lines the file gives the good garment."""
    code, found, out = _check(capsys, path, "--apply")
    assert found == names, out
    assert code == 0 and f"{path}: no fault" in out.split("Checked again")[1]
    # The options beside the file are what the dress stage reads.
    back = bring(GarmentCache(path=str(path)), wearing.motion, FPS)
    after = measure(back.vertices, wearing.motion.clip, wearing.faces)
    assert after.share.max() <= 0.005
    if exact:
        # Coordinates of 7 digits, up to 100 times as large: well below a millimetre.
        np.testing.assert_allclose(back.vertices, good, atol=1e-3)
    return back


def test_good_garments_have_no_fault(capsys, tmp_path, wearing, shirt, skirt):
    for name, (clip, _, faces) in {"shirt": shirt, "skirt": skirt}.items():
        path = _npz(tmp_path / f"{name}.npz", clip, faces)
        code, found, out = _check(capsys, path)
        assert (code, found) == (0, []), out
        assert not sidecar(path).exists()


def test_a_tight_shirt_that_grazes_the_skin_has_no_fault(tmp_path, wearing, shirt):
    clip, _, faces = shirt
    grazing = clip - [0.0, 0.004, 0.004]
    found = examine(GarmentCache(path="x"), _npz(tmp_path / "a.npz", grazing, faces), wearing)
    assert found.before[1].share.max() > 0.01
    assert found.faults == ()


@pytest.mark.parametrize("unit, metres", [("cm", 0.01), ("mm", 0.001), ("in", 0.0254)])
def test_units(capsys, tmp_path, wearing, shirt, unit, metres):
    clip, _, faces = shirt
    path = _npz(tmp_path / "a.npz", clip / metres, faces)
    _cured(capsys, path, wearing, clip, ["unit"])
    assert tomllib.loads(sidecar(path).read_text()) == {"unit": unit}


def test_y_up_by_rotation(capsys, tmp_path, wearing, shirt):
    clip, _, faces = shirt
    path = _npz(tmp_path / "a.npz", clip @ Y_UP.T, faces)
    back = _cured(capsys, path, wearing, clip, ["axes"])
    assert tomllib.loads(sidecar(path).read_text()) == {"up": "y", "forward": "z"}
    np.testing.assert_array_equal(back.faces, faces)


def test_two_columns_exchanged(capsys, tmp_path, wearing, shirt):
    """A mirror image, seen through the asymmetric motion; its faces come back as they were."""
    clip, _, faces = shirt
    path = _npz(tmp_path / "a.npz", clip[..., [0, 2, 1]], faces)
    back = _cured(capsys, path, wearing, clip, ["axes"])
    options = tomllib.loads(sidecar(path).read_text())
    assert options == {"up": "y", "forward": "-z", "mirrored": True, "flip_faces": True}
    np.testing.assert_array_equal(np.sort(back.faces, axis=1), np.sort(faces, axis=1))
    np.testing.assert_allclose(_areas(back.vertices[0], back.faces), _areas(clip[0], faces), 1e-2)


def _areas(vertices, faces):
    """Twice the signed area of the garment's shadow from each side, m2."""
    a, b, c = (vertices[faces[:, k]].astype(float) for k in range(3))
    return (np.cross(b - a, c - a) * (a + b + c)).sum()


@pytest.mark.parametrize(
    "turn", [[[0, 0, 1], [1, 0, 0], [0, 1, 0]], [[-1, 0, 0], [0, 1, 0], [0, 0, -1]]]
)
def test_other_rotations(capsys, tmp_path, wearing, shirt, turn):
    clip, _, faces = shirt
    path = _npz(tmp_path / "a.npz", clip @ np.array(turn, float).T, faces)
    _cured(capsys, path, wearing, clip, ["axes"])


def test_lead_in(capsys, tmp_path, wearing, shirt):
    clip, lead, faces = shirt
    path = _npz(tmp_path / "a.npz", np.concatenate([lead, clip]), faces)
    _cured(capsys, path, wearing, clip, ["start"])
    assert tomllib.loads(sidecar(path).read_text()) == {"start_frame": 100}


def test_offset(capsys, tmp_path, wearing, shirt):
    clip, _, faces = shirt
    path = _npz(tmp_path / "a.npz", clip + [0.3, 0.0, 0.0], faces)
    _cured(capsys, path, wearing, clip, ["offset"])


@pytest.mark.parametrize("space", ["pelvis", "root"])
def test_spaces(capsys, tmp_path, wearing, skirt, space):
    from pipeline.garments.placing import space_frames

    clip, _, faces = skirt
    frames = space_frames(space, wearing.motion)
    own = np.einsum("tji,tnj->tni", frames[:, :3, :3], clip - frames[:, None, :3, 3])
    path = _npz(tmp_path / "a.npz", own, faces)
    _cured(capsys, path, wearing, clip, ["space"])
    assert tomllib.loads(sidecar(path).read_text()) == {"space": space}


def test_frame_rate(capsys, tmp_path, wearing, shirt):
    """Twice as many samples as clip frames, without any sign of it in the file."""
    clip, _, faces = shirt
    between = (clip[:-1] + clip[1:]) / 2
    twice = np.empty((2 * FRAMES - 1, *clip.shape[1:]))
    twice[::2], twice[1::2] = clip, between
    path = _npz(tmp_path / "a.npz", twice, faces)
    _cured(capsys, path, wearing, clip, ["fps"])
    assert tomllib.loads(sidecar(path).read_text()) == {"fps": 50.0}


def test_faces_inside_out(capsys, tmp_path, wearing, shirt):
    clip, _, faces = shirt
    path = _npz(tmp_path / "a.npz", clip, faces[:, ::-1])
    back = _cured(capsys, path, wearing, clip, ["faces"])
    np.testing.assert_array_equal(back.faces, faces)


def test_clo_export(capsys, tmp_path, wearing, shirt):
    """Centimetres, Y up and a lead-in at once, as CLO writes them."""
    clip, lead, faces = shirt
    path = _npz(tmp_path / "a.npz", 100 * np.concatenate([lead, clip]) @ Y_UP.T, faces)
    _cured(capsys, path, wearing, clip, ["unit", "axes", "start"])


def test_a_frame_that_is_not_finite(capsys, tmp_path, wearing, shirt):
    clip, _, faces = shirt
    holed = clip.copy()
    holed[5, 7] = np.nan
    path = _npz(tmp_path / "a.npz", holed, faces)
    back = _cured(capsys, path, wearing, clip, ["not finite"], exact=False)
    np.testing.assert_allclose(back.vertices[5], (clip[4] + clip[6]) / 2, atol=1e-6)
    np.testing.assert_allclose(np.delete(back.vertices, 5, 0), np.delete(clip, 5, 0), atol=1e-6)


def test_a_frame_of_another_topology(capsys, tmp_path, wearing, shirt):
    clip, _, faces = shirt
    folder = tmp_path / "frames"
    folder.mkdir()
    for k, points in enumerate(clip):
        fewer = faces[(faces < len(points) - 1).all(axis=1)]
        mesh = (points[:-1], fewer) if k == 5 else (points, faces)
        _obj(folder / f"coat_{k:03d}.obj", [("garment", *mesh)])
    back = _cured(capsys, folder, wearing, clip, ["topology"], exact=False)
    np.testing.assert_allclose(np.delete(back.vertices, 5, 0), np.delete(clip, 5, 0), atol=1e-6)


def test_truncated_files(capsys, tmp_path, wearing, shirt):
    """A point cache still has whole frames; of archives nothing can be read."""
    clip, _, faces = shirt
    longer = np.concatenate([clip, clip[-3:]])
    path = _pc2(tmp_path / "a.pc2", longer, faces)
    path.write_bytes(path.read_bytes()[: -10 * clip.shape[1]])
    _cured(capsys, path, wearing, clip, ["damaged"])

    archives = [_npz(tmp_path / "a.npz", clip, faces), tmp_path / "a.abc"]
    alembic.write(archives[1], GarmentSequence(clip.astype(np.float32), faces), FPS)
    for path in archives:
        path.write_bytes(path.read_bytes()[:-1000])
        code, found, out = _check(capsys, path, "--apply")
        assert (code, found) == (1, ["unreadable"])
        assert "no option corrects this" in out and "Export it again" in out
        assert not sidecar(path).exists()


def test_seams_that_are_not_welded(capsys, tmp_path, wearing, shirt):
    """Two panels that share no vertex, as patterns come out of CLO."""
    clip, _, faces = shirt
    right = clip[0][faces].mean(axis=1)[:, 0] < clip[0][:, 0].mean()
    seam = np.intersect1d(faces[right], faces[~right])
    twin = np.arange(clip.shape[1])
    twin[seam] = clip.shape[1] + np.arange(len(seam))
    split = np.where(right[:, None], twin[faces], faces)
    path = _npz(tmp_path / "a.npz", np.concatenate([clip, clip[:, seam]], axis=1), split)
    back = _cured(capsys, path, wearing, clip, ["unwelded"])
    np.testing.assert_array_equal(back.faces, faces)


def test_mesh_with_another_order_of_vertices(capsys, tmp_path, shirt):
    clip, _, faces = shirt
    order = np.random.default_rng(0).permutation(clip.shape[1])
    place = np.argsort(order)
    path = _pc2(tmp_path / "a.pc2", clip, place[faces], mesh=clip[0][order])
    code, found, out = _check(capsys, path)
    assert (code, found) == (1, ["mesh order"])
    assert "keep vertex order" in out


def test_avatar_in_the_file(capsys, tmp_path, wearing, shirt):
    clip, _, faces = shirt
    folder = tmp_path / "frames"
    folder.mkdir()
    for k, points in enumerate(clip):
        body = wearing.motion.clip[k].astype(float)
        meshes = [("Avatar_01", body, wearing.faces), ("Shirt [front]", points, faces)]
        _obj(folder / f"{k:03d}.obj", meshes)
    back = _cured(capsys, folder, wearing, clip, ["avatar"])
    np.testing.assert_array_equal(back.faces, faces)


def test_too_few_frames(capsys, tmp_path, shirt):
    clip, _, faces = shirt
    code, found, out = _check(capsys, _npz(tmp_path / "a.npz", clip[:9], faces))
    assert (code, found) == (1, ["too short"])
    assert "cover 9 of the clip's 12" in out and "clip of 9 frames" in out


def test_cloth_of_another_body_fits_with_no_option(tmp_path, wearing, shirt):
    """Shrunken by a tenth, the shirt is deep in the body wherever it is put."""
    clip, _, faces = shirt
    middle = clip.mean(axis=1, keepdims=True)
    path = _npz(tmp_path / "a.npz", (clip - middle) * 0.8 + middle, faces)
    found = examine(GarmentCache(path="x"), path, wearing)
    assert {"penetration"} <= {fault.name for fault in found.faults}
    (deep,) = (fault for fault in found.faults if fault.name == "penetration")
    assert deep.options == {} and "another body" in deep.advice


def test_options_file_keeps_what_is_there(tmp_path):
    path = tmp_path / "a.npz"
    sidecar(path).write_text('settle = false\nunit = "mm"\n')
    write_options(path, {"unit": "cm", "offset_m": [0.0, 0.1, 0.0]})
    options = tomllib.loads(sidecar(path).read_text())
    assert options == {"settle": False, "unit": "cm", "offset_m": [0.0, 0.1, 0.0]}


def test_picture_shows_both_states(capsys, tmp_path, shirt):
    clip, _, faces = shirt
    path = _npz(tmp_path / "a.npz", clip + [0.0, 0.0, 0.4], faces)
    _check(capsys, path, "--picture", str(tmp_path / "a.png"))
    picture = np.array(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    half = picture.shape[1] // 2
    blue = (picture[..., 2] > picture[..., 0] + 60).astype(float)
    before, after = blue[:, :half], blue[:, half:]
    assert before.mean() > 0.01 and after.mean() > 0.01
    # 40 cm too high: the cloth of the first picture lies above that of the second.
    tile = slice(100, 500)
    height = [np.nonzero(side[tile])[0].mean() for side in (before, after)]
    assert height[0] < height[1] - 20


def test_a_person_of_a_scene_and_options_of_the_scene(capsys, tmp_path, shirt):
    from made_scenes import make_spec

    clip, _, faces = shirt
    path = _npz(tmp_path / "a.npz", 100 * clip, faces)
    scene = make_spec(0, [{"x": 0.0, "y": 0.0, "yaw": 0.0, "seed": 1}]).model_dump(mode="json")
    person = scene["people"][0]
    cache = {"path": str(path), "up": "z"}
    person["subject"] |= {"gender": "neutral", "betas": BETAS, "kid": False}
    person["subject"]["motion"] = MOTION.model_dump()
    person["subject"]["outfit"] = [{"kind": "shirt", "layer": "upper", "cache": cache}]
    write_json(tmp_path / "scene.json", scene)
    with pytest.raises(SystemExit) as end:
        main(["garment", "check", "--scene", str(tmp_path / "scene.json"), "--apply"])
    assert end.value.code == 0
    assert "FAULT unit" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["garment", "check", "--scene", str(tmp_path / "scene.json"), "--person", "7"])
    assert end.value.code == 2 and "--person 7" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere.npz"], "does not exist"),
        ([], "name a garment file"),
        (["{file}", "--motion", "wlak"], "neither a file nor a built-in motion"),
        (["{file}", "--body", "tall"], "numbers separated by commas"),
    ],
)
def test_what_cannot_run_says_so(capsys, tmp_path, shirt, arguments, message):
    clip, _, faces = shirt
    file = _npz(tmp_path / "a.npz", clip, faces)
    with pytest.raises(SystemExit) as end:
        main(["garment", "check", *(word.format(file=file) for word in arguments)])
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_cloth_in_the_world_of_its_motion_file(capsys, tmp_path, wearing, shirt):
    """Somebody kicks far from the origin and looks elsewhere; shape and clip are the file's own."""
    clip, _, faces = shirt
    motion, place = wearing.motion, np.array([3.0, -2.0, 0.1])
    turn = Rotation.from_euler("z", 70, degrees=True).as_matrix()
    world = turn @ SUBJECT_FROM_BODY
    pose = motion.pose.astype(float)
    root = Rotation.from_matrix(world) * Rotation.from_rotvec(pose[:, :3])
    pelvis = motion.joints[0, 0] @ SUBJECT_FROM_BODY - motion.transl[0]
    np.savez(
        tmp_path / "kick.npz",
        poses=np.concatenate([root.as_rotvec(), pose[:, 3:]], axis=1),
        trans=(motion.transl + pelvis) @ world.T + place - pelvis,
        betas=np.array(BETAS),
        gender="neutral",
        mocap_frame_rate=FPS,
    )
    path = _npz(tmp_path / "a.npz", 100 * (clip @ turn.T + place), faces)
    with pytest.raises(SystemExit) as end:
        main(["garment", "check", str(path), "--motion", str(tmp_path / "kick.npz"), "--apply"])
    out = capsys.readouterr().out
    assert (end.value.code, re.findall("^FAULT ([a-z ]+):", out, re.M)) == (0, ["unit"]), out
    corrected = re.search(r"corrected: ([0-9.]+) %", out)
    assert float(corrected[1]) <= 0.5


def test_a_still_mesh_is_not_checked(capsys, tmp_path, shirt):
    clip, _, faces = shirt
    path = _npz(tmp_path / "a.npz", clip[:1], faces)
    sidecar(path).write_text('aligned = "rest"\n')
    with pytest.raises(SystemExit) as end:
        main(["garment", "check", str(path), *WHO])
    assert end.value.code == 2 and "still mesh" in capsys.readouterr().err


def _box(low, high):
    corners = np.array(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(3, -1).T
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    return corners, np.array([t for a, b, c, d in quads for t in ([a, b, c], [a, c, d])])


def test_inside_counts_an_overlap_as_inside():
    """Two boxes that overlap by 0.2 m: the nearest surface alone would call the overlap outside."""
    (one, faces), (two, _) = _box([0, 0, 0], [1, 1, 1]), _box([0.8, 0, 0], [1.8, 1, 1])
    vertices, both = np.concatenate([one, two]), np.concatenate([faces, faces + 8])
    points = np.array([[0.9, 0.5, 0.5], [0.3, 0.5, 0.5], [1.9, 0.5, 0.5], [0.5, 0.5, -0.1]])
    np.testing.assert_allclose(inside(vertices, both, points), [0.1, 0.3, 0, 0], atol=1e-9)
    assert inside(vertices, both[:, ::-1], points).max() == 0
    np.testing.assert_allclose(inside(vertices, both, points, skin_m=0.2), [0, 0.3, 0, 0])
