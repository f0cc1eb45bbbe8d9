"""The licensed route: SMPLX_*.npz in $GENB_ASSETS go through the same code as the free body.

The stand-in has another vertex count, three genders and none of the extra keys of the free body;
its kid template is a smaller body with a larger head.
"""

import numpy as np
import pytest
from posed_cast import PosedCast

from pipeline import assets
from pipeline.body.lbs import NumpyEvaluator
from pipeline.body.measures import measure_bodies
from pipeline.body.model import load_body_model
from pipeline.body.modelfile import JOINT_INDEX, model_path, read_model_file
from pipeline.body.posing import move_subject, place_scene, subject_model
from pipeline.body.statures import STATURE_LIMIT_SD, child_stature_m
from pipeline.compose.population import Population
from pipeline.config import load_config
from pipeline.contracts import SceneBodies
from pipeline.errors import GenbError
from pipeline.garments.__main__ import write_dress
from pipeline.garments.caches import read_cache
from pipeline.garments.inside import inside
from pipeline.garments.measures import SHOE_SOLE_M
from pipeline.garments.outfits import garment
from pipeline.garments.patterns import read_template
from pipeline.preflight import check_before_start
from pipeline.stages import Plan
from pipeline.storage import read_json, read_npz, write_npz
from pipeline.truth.bodies import label_vertices
from pipeline.truth.frame import body_models
from pipeline.truth.labels import parameter_labels

OWN_KEYS = ("face_part", "vertex_part", "mh_index")
KID_TEMPLATE = "smplx/smplx_kid_template.npy"


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
    points = stand_in["v_template"].astype(float)
    head = stand_in["weights"][:, [JOINT_INDEX["head"], JOINT_INDEX["jaw"]]].sum(axis=1)
    neck = stand_in["J_regressor"][JOINT_INDEX["neck"]] @ points
    points = 0.42 * (points + 0.4 * head[:, None] * (points - neck))
    np.save(folder / KID_TEMPLATE, points + [0.0, 1.0, 0.0])
    return folder


def licensed_plan(out, children_share=0.0, **body):
    config = load_config("smplx")
    config = config.model_copy(
        update={
            "cast": config.cast.model_copy(update={"children_share": children_share}),
            "body": type(config.body).model_validate(config.body.model_dump() | body),
        }
    )
    return Plan(config, 0, out)


@pytest.fixture
def licensed(licensed_dir, monkeypatch):
    monkeypatch.setenv("GENB_ASSETS", str(licensed_dir))
    assets.manifest.cache_clear()
    yield licensed_dir
    assets.manifest.cache_clear()


@pytest.fixture
def plan(licensed, tmp_path):
    return licensed_plan(tmp_path)


def composed(plan, scene=3):
    """A scene whose people could be posed, and its bodies."""
    cast = PosedCast(plan.config, plan.seed, plan.out)
    spec = cast.compose(scene)
    place_scene(plan, spec, plan.out)
    return spec, SceneBodies.load(plan.out / "bodies.npz")


def test_scenes_of_licensed_bodies_are_placed_exactly(plan, body_dir):
    free_body_size = len(read_npz(body_dir / "smplx" / "SMPLX_NEUTRAL.npz")["v_template"])
    check_before_start(plan, 1)
    spec, bodies = composed(plan)
    assert {p.subject.gender for p in spec.people} <= {"male", "female"}
    model = read_npz(plan.body_dir / "smplx" / "SMPLX_NEUTRAL.npz")
    assert bodies.vertices.shape[2] == len(model["v_template"]) < free_body_size
    # Nobody sinks below the sole of their shoes; 25 mm is the flight of a jogging step.
    lowest = bodies.vertices[..., 2].min(axis=(0, 2))
    assert (lowest > SHOE_SOLE_M - 1e-5).all() and (lowest < SHOE_SOLE_M + 0.025).all()


def test_a_licensed_body_is_dressed_in_simulated_clothes(plan, body_dir, tmp_path):
    free_body_size = len(read_npz(body_dir / "smplx" / "SMPLX_NEUTRAL.npz")["v_template"])
    subject = PosedCast(plan.config, plan.seed, plan.out).member(0)
    outfit = [garment("trousers"), garment("tshirt"), garment("jacket")]
    short = subject.motion.model_copy(update={"frames": 6})
    subject = subject.model_copy(update={"outfit": outfit, "motion": short})
    motion, _ = move_subject(plan, subject)
    template = read_template(model_path(plan.body_dir, subject.gender))
    assert len(template.vertices) == motion.clip.shape[1] < free_body_size
    write_dress(subject, template, motion, plan.config.garments, tmp_path)
    rows = read_json(tmp_path / "dress.json")["garments"]
    assert [row["kind"] for row in rows] == ["trousers", "tshirt", "jacket", "shoes"]
    for row in rows:
        cloth = read_cache(tmp_path / row["file"], subject.motion.fps).vertices
        for body, worn in zip(motion.clip, cloth, strict=True):
            depth = inside(body.astype(float), template.faces, worn.astype(float), skin_m=2e-4)
            assert (depth > 0).mean() <= 0.005 and depth.max() <= 0.005


@pytest.mark.parametrize("evaluator", ["smplx", "numpy"])
def test_scenes_with_children_have_labels_that_give_every_vertex(licensed, tmp_path, evaluator):
    """Labels are evaluated by the other route (numpy, from the labels alone) and agree."""
    plan = licensed_plan(tmp_path, children_share=0.5, evaluator=evaluator)
    check_before_start(plan, 1)
    spec, bodies = composed(plan, scene=1)
    kids = [p.subject.kid for p in spec.people]
    assert any(kids) and {len(s.betas) - s.kid for s in spec.subjects()} == {10}
    models = body_models(plan, spec)
    labels = parameter_labels(spec.camera, bodies, 0, models)
    T = labels["T_cam_world"]
    rendered = bodies.vertices[0] @ T[:3, :3].T + T[:3, 3]
    # 0.05 mm: float32 coordinates some metres from the origin, on both sides.
    assert np.abs(label_vertices(labels, models) - rendered).max() < 5e-5
    if evaluator == "numpy":
        model = subject_model(plan, spec.people[0].subject)
        assert isinstance(model._evaluator, NumpyEvaluator)


def test_children_grow_with_their_age(licensed, tmp_path):
    plan = licensed_plan(tmp_path, children_share=1.0)
    population = Population(plan.config, plan.body_dir)
    rng = np.random.default_rng(1)
    kids = [population.sample_person(rng) for _ in range(300)]
    assert all(kid.kid and len(kid.betas) == 11 and 0 <= kid.betas[10] <= 1 for kid in kids)
    # AGORA: male kids use the male model, female and neutral kids the neutral one.
    assert {(k.sex, k.gender) for k in kids} == {("male", "male"), ("female", "neutral")}
    template = licensed / KID_TEMPLATE
    solved = []
    for kid in kids[:40]:
        model = load_body_model(licensed, kid.gender, 10, evaluator="numpy", kid_template=template)
        posed = model.evaluate(kid.betas, np.zeros((1, 165)), np.zeros((1, 3)))
        skin = model.faces[model.face_part == 0]
        stature = measure_bodies(posed.vertices, skin).stature_m[0]
        low, high = (
            child_stature_m(kid.sex, kid.age_years + 0.05 * sign, sign * STATURE_LIMIT_SD)
            for sign in (-1, 1)
        )
        if 0 < kid.betas[10] < 1:  # ages are rounded to 0.1, statures solved for to 0.1 mm
            assert low - 2e-4 < stature < high + 2e-4
            solved.append(stature / child_stature_m(kid.sex, kid.age_years))
    assert len(solved) > 25
    # Four standard errors of the mean of a 4.5 % spread.
    assert abs(np.mean(solved) - 1) < 4 * 0.045 / np.sqrt(len(solved))


def test_neutral_children_use_the_neutral_model(licensed, tmp_path):
    plan = licensed_plan(tmp_path, children_share=1.0, gender="neutral")
    population = Population(plan.config, plan.body_dir)
    rng = np.random.default_rng(1)
    assert {population.sample_person(rng).gender for _ in range(20)} == {"neutral"}


def test_children_younger_than_the_template_are_refused(licensed, tmp_path):
    tall = tmp_path / "tall.npy"
    model = read_model_file(model_path(licensed, "neutral"))
    np.save(tall, model.v_template * 0.7)
    plan = licensed_plan(tmp_path, children_share=0.5, kid_template=str(tall))
    with pytest.raises(GenbError, match=r"starts at 3, but the kid template.*1\.\d\d m tall.*\d y"):
        Population(plan.config, plan.body_dir)


def test_children_need_the_template(licensed, tmp_path):
    plan = licensed_plan(tmp_path, children_share=0.1, kid_template="smplx/nobody.npy")
    with pytest.raises(GenbError, match="nobody.npy is missing.*agora.is.tue.mpg.de.*share = 0"):
        Population(plan.config, plan.body_dir)


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
