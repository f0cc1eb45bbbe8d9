"""The licensed route: SMPLX_*.npz in $GENB_ASSETS go through the same code as the free body.

The stand-in has another vertex count, three genders and none of the extra keys of the free body.
"""

import numpy as np
import pytest

from pipeline import assets
from pipeline.body.posing import place_scene, pose_subject
from pipeline.compose.casting import sample_subject
from pipeline.compose.population import Population
from pipeline.compose.scene import compose_scene
from pipeline.config import load_config
from pipeline.contracts import SceneBodies
from pipeline.errors import GenbError
from pipeline.garments.measures import SHOE_SOLE_M
from pipeline.preflight import check_before_start
from pipeline.stages import Plan
from pipeline.storage import read_npz, write_npz

OWN_KEYS = ("face_part", "vertex_part", "mh_index")


@pytest.fixture(scope="module")
def licensed_dir(body_dir, tmp_path_factory):
    """$GENB_ASSETS with a stand-in for the licensed files: the free body without its tongue."""
    arrays = read_npz(body_dir / "smplx" / "SMPLX_NEUTRAL.npz")
    count = len(arrays["v_template"])
    dropped = np.zeros(count, bool)
    dropped[np.unique(arrays["f"][arrays["face_part"] == 5])] = True
    # The smplx package picks its surface joints by vertex number, up to 9929.
    dropped[:9930] = False
    assert dropped.any()
    keep = np.flatnonzero(~dropped)
    faces = ~dropped[arrays["f"]].any(axis=1)
    stand_in = {k: v for k, v in arrays.items() if k not in OWN_KEYS}
    for key in ("v_template", "shapedirs", "posedirs", "weights"):
        stand_in[key] = arrays[key][keep]
    stand_in["J_regressor"] = arrays["J_regressor"][:, keep]
    new_number = np.cumsum(~dropped) - 1
    stand_in["f"] = new_number[arrays["f"][faces]].astype(np.uint32)
    stand_in["ft"] = arrays["ft"][faces]
    folder = tmp_path_factory.mktemp("assets")
    for gender, scale in (("NEUTRAL", 1.0), ("MALE", 1.03), ("FEMALE", 0.97)):
        scaled = {**stand_in, "v_template": stand_in["v_template"] * np.float32(scale)}
        write_npz(folder / "smplx" / f"SMPLX_{gender}.npz", scaled)
    return folder


@pytest.fixture
def plan(licensed_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("GENB_ASSETS", str(licensed_dir))
    assets.manifest.cache_clear()
    yield Plan(load_config("smplx"), 0, tmp_path)
    assets.manifest.cache_clear()


def test_scenes_of_licensed_bodies_are_placed_exactly(plan, body_dir):
    free_body_size = len(read_npz(body_dir / "smplx" / "SMPLX_NEUTRAL.npz")["v_template"])
    check_before_start(plan, 1)
    population = Population(plan.config, plan.body_dir)

    def member(index):
        return sample_subject(plan.config, population, 0, index)

    spec = compose_scene(plan.config, population, 0, 3, member)
    assert {p.subject.gender for p in spec.people} <= {"male", "female"}
    for subject in spec.subjects():
        folder = plan.subject_dir("pose", subject)
        folder.mkdir(parents=True)
        pose_subject(plan, subject, folder)
    place_scene(plan, spec, plan.out)
    bodies = SceneBodies.load(plan.out / "bodies.npz")
    model = read_npz(plan.body_dir / "smplx" / "SMPLX_NEUTRAL.npz")
    assert bodies.vertices.shape[2] == len(model["v_template"]) < free_body_size
    # Nobody sinks below the sole of their shoes; 25 mm is the flight of a jogging step.
    lowest = bodies.vertices[..., 2].min(axis=(0, 2))
    assert (lowest > SHOE_SOLE_M - 1e-5).all() and (lowest < SHOE_SOLE_M + 0.025).all()


def test_missing_and_truncated_files_are_named_before_the_first_render(
    plan, licensed_dir, tmp_path, monkeypatch
):
    whole = (licensed_dir / "smplx" / "SMPLX_NEUTRAL.npz").read_bytes()
    broken = tmp_path / "broken"
    (broken / "smplx").mkdir(parents=True)
    monkeypatch.setenv("GENB_ASSETS", str(broken))
    with pytest.raises(GenbError, match="SMPLX_NEUTRAL.npz is missing"):
        check_before_start(plan, 1)
    (broken / "smplx" / "SMPLX_NEUTRAL.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GenbError, match="SMPLX_NEUTRAL.npz.*damaged"):
        check_before_start(plan, 1)


def test_without_files_the_error_says_where_to_get_them(monkeypatch):
    monkeypatch.delenv("GENB_ASSETS", raising=False)
    with pytest.raises(GenbError, match="smpl-x.is.tue.mpg.de"):
        assets.body_dir(load_config("smplx"))
