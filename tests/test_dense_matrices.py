"""Dense key-points by a user's matrix: the points, the refusals, the stage key."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from made_scenes import made_dataset, make_plan, project_plainly, write_upstream
from made_smpl import SMPL_VERTICES, chosen_vertices, pick_matrix
from pydantic import ValidationError

from pipeline.assets import manifest
from pipeline.config import Config
from pipeline.config_sections import ShardSection
from pipeline.diffusion.__main__ import run as run_rerender
from pipeline.errors import GenbError
from pipeline.jobs import Job
from pipeline.shards.__main__ import run as run_shards
from pipeline.shards.card import commercial_use
from pipeline.shards.licences import asset_rows
from pipeline.shards.read import read_samples
from pipeline.shards.records import shard_path
from pipeline.truth.__main__ import run as run_truth
from pipeline.truth.dense_matrices import read_dense_matrices
from pipeline.truth.schema import VISIBILITY, array_faults, dense_arrays

FLOAT32_PX = 2e-3
"""float32 of vertices up to 6 m and of the stored pixels, as in test_truth_labels."""


@pytest.fixture(scope="module")
def made(body_dir, tmp_path_factory):
    return made_dataset(body_dir, tmp_path_factory.getbasetemp() / "made")


@pytest.fixture
def assets(tmp_path, monkeypatch):
    monkeypatch.setenv("GENB_ASSETS", str(tmp_path))
    manifest.cache_clear()
    yield tmp_path
    manifest.cache_clear()


def blends(count: int, columns: int, seed: int = 5) -> scipy.sparse.csr_matrix:
    """Random affine combinations of three columns in each of `count` rows."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet([1, 1, 1], size=count).astype(np.float32)
    weights /= weights.sum(axis=1, keepdims=True)
    column = np.stack([rng.choice(columns, 3, replace=False) for _ in range(count)])
    row = np.repeat(np.arange(count), 3)
    return scipy.sparse.csr_matrix((weights.ravel(), (row, column.ravel())), (count, columns))


def section(**matrices) -> ShardSection:
    named = {size.lstrip("n"): entry for size, entry in matrices.items()}
    return ShardSection(dense_keypoints=[138, 437], dense_matrices=named)


def test_every_form_of_file_gives_the_same_matrix(assets):
    matrix = blends(437, 900)
    rows, columns = matrix.nonzero()
    (assets / "csr.pkl").write_bytes(pickle.dumps(matrix))
    (assets / "csc.pkl").write_bytes(pickle.dumps(matrix.tocsc(), protocol=2))
    (assets / "dense.pkl").write_bytes(pickle.dumps(matrix.toarray()))
    (assets / "dict.pkl").write_bytes(pickle.dumps({"matrix": matrix.toarray()}))
    scipy.sparse.save_npz(assets / "saved.npz", matrix)
    np.savez(assets / "plain.npz", matrix=matrix.toarray())
    import torch

    sparse = torch.sparse_coo_tensor(
        np.stack([rows, columns]), torch.from_numpy(matrix.data), matrix.shape
    )
    (assets / "torch_sparse.pkl").write_bytes(pickle.dumps(sparse))
    (assets / "torch_dense.pkl").write_bytes(pickle.dumps(torch.from_numpy(matrix.toarray())))
    files = sorted(assets.iterdir())
    assert len(files) == 8
    for file in files:
        read = read_dense_matrices(section(n437=file.name), 900)
        assert list(read) == [437]
        assert np.array_equal(read[437].toarray(), matrix.toarray().astype(np.float64)), file.name


def test_a_matrix_for_smpl_goes_by_way_of_the_transfer_matrix(assets, model):
    matrix = blends(138, SMPL_VERTICES)
    (assets / "downsample_mat.pkl").write_bytes(pickle.dumps(matrix))
    (assets / "smplx2smpl.pkl").write_bytes(pickle.dumps({"matrix": pick_matrix(model)}))
    entry = {"path": "downsample_mat.pkl", "via": "smplx2smpl.pkl"}
    read = read_dense_matrices(section(n138=entry), len(model.v_template))[138]
    vertices = model.v_template.astype(np.float64)
    expected = matrix.toarray() @ vertices[chosen_vertices(model)]
    assert np.abs(read @ vertices - expected).max() < 1e-12
    with pytest.raises(GenbError, match=r"138 x 6890, but a set of 138 points needs 138 x \d+"):
        read_dense_matrices(section(n138="downsample_mat.pkl"), len(model.v_template))


def test_wrong_files_are_refused_with_both_shapes_and_the_next_step(assets):
    (assets / "short.pkl").write_bytes(pickle.dumps(blends(400, 900)))
    with pytest.raises(GenbError, match="is 400 x 900, but a set of 437 points needs 437 x 900"):
        read_dense_matrices(section(n437="short.pkl"), 900)
    (assets / "wide.pkl").write_bytes(pickle.dumps(blends(437, 10475)))
    with pytest.raises(GenbError, match="437 x 10475.*needs 437 x 900.*--config smplx"):
        read_dense_matrices(section(n437="wide.pkl"), 900)
    sums = blends(437, 900)
    sums.data[7] += 5e-4
    (assets / "sums.pkl").write_bytes(pickle.dumps(sums))
    with pytest.raises(GenbError, match="sums to 1 only within 0.0005"):
        read_dense_matrices(section(n437="sums.pkl"), 900)
    np.savez(assets / "named.npz", other=np.eye(3))
    with pytest.raises(GenbError, match="no array named matrix or mtx; it holds other"):
        read_dense_matrices(section(n437="named.npz"), 900)
    (assets / "cut.pkl").write_bytes(pickle.dumps(blends(437, 900))[:-40])
    with pytest.raises(GenbError, match="cannot be read as a pickle"):
        read_dense_matrices(section(n437="cut.pkl"), 900)
    with pytest.raises(GenbError, match="missing"):
        read_dense_matrices(section(n437="nowhere.pkl"), 900)


def test_only_listed_sets_can_be_matrices():
    with pytest.raises(ValidationError, match="not a size in dense_keypoints"):
        ShardSection(dense_keypoints=[138], dense_matrices={"437": "x.pkl"})
    with pytest.raises(ValidationError, match="not a size in dense_keypoints"):
        ShardSection(dense_matrices={"0437": "x.pkl"})
    with pytest.raises(ValidationError):
        ShardSection(dense_matrices={"437": {"path": "x.pkl", "by": "y.pkl"}})
    kept = ShardSection(dense_matrices={"437": {"path": "x.pkl", "via": "y.pkl"}, "138": "z.pkl"})
    assert ShardSection.model_validate(kept.model_dump(mode="json")) == kept
    assert kept.matrices["138"].path == "z.pkl" and kept.matrices["437"].via == "y.pkl"


def test_content_of_the_file_is_in_the_key_of_the_shards_and_of_nothing_before(assets):
    def keys() -> tuple[str, str]:
        plan = make_plan(assets / "out", shards={"dense_matrices": {"437": "m.pkl"}})
        return plan.key("shards"), plan.key("rerender")

    with pytest.raises(GenbError, match=r"m\.pkl does not exist"):
        keys()
    (assets / "m.pkl").write_bytes(pickle.dumps(blends(437, 900, seed=1)))
    first = keys()
    (assets / "m.pkl").write_bytes(pickle.dumps(blends(437, 900, seed=2)) + b" ")
    second = keys()
    assert first[0] != second[0] and first[1] == second[1]
    assert first[1] == make_plan(assets / "out").key("rerender")


def test_shards_hold_the_matrix_times_the_vertices(made, model, assets):
    """Blends are projected from Blender's own vertices through a camera of plain geometry."""
    columns = len(model.v_template)
    matrix = blends(435, columns)
    # Two more rows whose place is known by name: a vertex, and one far outside the picture.
    nose = scipy.sparse.csr_matrix(([1.0], ([0], [9120])), (1, columns))
    far = scipy.sparse.csr_matrix(([400.0, -399.0], ([0, 0], [9120, 616])), (1, columns))
    matrix = scipy.sparse.vstack([matrix, nose, far])
    (assets / "blends.pkl").write_bytes(pickle.dumps(matrix))
    sections = {"scenes_per_shard": 2, "dense_matrices": {"437": "blends.pkl"}}
    plan = make_plan(assets / "out", shards=sections, scene={"frames": 2})
    write_upstream(plan, made.specs[2], made.bodies[2], made.passes[2])
    run_truth(Job("truth", plan, scenes=(2,)))
    run_rerender(Job("rerender", plan, scenes=(2,)))
    run_shards(Job("shards", plan, scenes=(2,)))
    (sample,) = read_samples(shard_path(plan, 1))
    labels = sample.labels()
    dense = {name: labels[name] for name in labels if name.startswith("dense_")}
    assert array_faults(dense, dense_arrays([138, 437])) == []
    vertices = made.bodies[2].vertices[0, 0].astype(np.float64)
    uv, _ = project_plainly(made.specs[2], matrix.toarray() @ vertices)
    assert np.abs(dense["dense_437_2d"][0, :436] - uv[:436]).max() < FLOAT32_PX
    assert (dense["dense_437_index"] == -1).all() and (dense["dense_138_index"] >= 0).all()
    code = dense["dense_437_code"][0]
    assert code[436] == VISIBILITY["outside_image"]
    assert code[435] == labels["joints_code"][0, 55], "the nose is vertex 9120"
    other = made_labels(made)
    assert np.array_equal(dense["dense_138_2d"], other["dense_138_2d"])
    assert not np.array_equal(dense["dense_437_2d"], other["dense_437_2d"])
    config = Config.model_validate(plan.config.model_dump(mode="json"))
    assert config.shards.dense_matrices == {"437": "blends.pkl"}


def made_labels(made) -> dict[str, np.ndarray]:
    """Labels of scene 2 in the dataset without matrices."""
    (sample,) = read_samples(shard_path(made.plan, 1))
    return sample.labels()


def test_the_card_counts_a_matrix_among_the_assets(assets):
    (assets / "dense.toml").write_text(
        '[[asset]]\nid = "ours.pkl"\nlicence = "CC0-1.0"\nsource = "ours"\nobtained = "manual"\n'
        "redistributable = true\ncommercial_use = true\n"
    )
    matrices = section(
        n138={"path": "downsample_mat.pkl", "via": "smplx2smpl.pkl"}, n437="some/place/nobody.pkl"
    )
    rows = {r["id"]: r for r in asset_rows(Config(shards=matrices), [], [], [], [])}
    assert "CameraHMR" in rows["downsample_mat.pkl"]["licence"]
    assert "SMPL-X" in rows["smplx2smpl.pkl"]["licence"]
    assert "not in the manifest" in rows["nobody.pkl"]["licence"]
    for name in ("downsample_mat.pkl", "smplx2smpl.pkl", "nobody.pkl"):
        assert not rows[name]["commercial_use"] and not rows[name]["redistributable"]
        assert not commercial_use({"assets": [rows[name]]})
    free = asset_rows(Config(shards=section(n437="ours.pkl")), [], [], [], [])
    assert commercial_use({"assets": [r for r in free if r["kind"] == "dense"]})
    assert not [r for r in asset_rows(Config(), [], [], [], []) if r["kind"] == "dense"]
