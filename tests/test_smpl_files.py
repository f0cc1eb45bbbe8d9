"""The user's licensed files: official forms are read, and everything else is refused."""

import os
import pickle
import sys
from types import ModuleType

import numpy as np
import pytest
import scipy.sparse
from made_smpl import (
    SMPL_VERTICES,
    chosen_vertices,
    pick_matrix,
    smpl_arrays,
    write_smpl_assets,
)

from pipeline.errors import GenbError
from pipeline.smpl.convert import SmplConverter
from pipeline.smpl.files import read_arrays, read_matrix, read_pickle
from pipeline.smpl.model import read_smpl_model


@pytest.fixture(scope="module")
def arrays(model):
    return smpl_arrays(model)


def _fake_chumpy() -> dict[str, ModuleType]:
    """Modules with classes named as chumpy's, to write pickles that name them."""
    modules = {name: ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering")}
    for module, name in (("chumpy.ch", "Ch"), ("chumpy.reordering", "Select")):
        setattr(modules[module], name, type(name, (), {"__module__": module}))
    return modules


def _object(cls: type, **state):
    one = cls()
    one.__dict__.update(state)
    return one


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_official_pickles_with_chumpy_objects_are_read_without_chumpy(
    arrays, model, tmp_path, monkeypatch, protocol
):
    fakes = _fake_chumpy()
    number, choice = fakes["chumpy.ch"].Ch, fakes["chumpy.reordering"].Select
    shapes = arrays["shapedirs"]
    # A choice of 10 out of 12 columns, as in the neutral file.
    more = np.concatenate([shapes, np.ones((SMPL_VERTICES, 3, 2))], axis=2)
    numbers = np.arange(more.size).reshape(more.shape)[:, :, :10]
    official = arrays | {
        "v_template": _object(number, x=arrays["v_template"]),
        "weights": _object(number, x=arrays["weights"], _dirty_vars=set()),
        "shapedirs": _object(
            choice, a=_object(number, x=more), idxs=numbers.ravel(), preferred_shape=shapes.shape
        ),
        "bs_style": "lbs",
        "J": _object(number),
    }
    path = tmp_path / "SMPL_NEUTRAL.pkl"
    with monkeypatch.context() as patch:
        for name, module in fakes.items():
            patch.setitem(sys.modules, name, module)
        path.write_bytes(pickle.dumps(official, protocol=protocol))
    assert not {"chumpy", "chumpy.ch"} & set(sys.modules)
    if protocol < 2:
        assert b"copy_reg" in path.read_bytes()
    read = read_smpl_model(path)
    assert not {"chumpy", "chumpy.ch"} & set(sys.modules)
    assert np.array_equal(read.template, arrays["v_template"])
    assert np.array_equal(read.shape, shapes)
    assert np.array_equal(read.weights, arrays["weights"])
    assert np.abs(read.joints_template - arrays["J_regressor"] @ read.template).max() < 1e-12


def test_old_names_of_scipy_and_numpy_are_known(tmp_path):
    matrix = scipy.sparse.csc_matrix(np.eye(4)[:, [1, 0, 3, 2]])
    data = pickle.dumps(matrix, protocol=2)
    for old, new in ((b"scipy.sparse._csc", b"scipy.sparse.csc"), (b"numpy._core", b"numpy.core")):
        data = data.replace(old, new)
    assert b"scipy.sparse.csc\n" in data
    (tmp_path / "old.pkl").write_bytes(data)
    assert np.array_equal(read_matrix(tmp_path / "old.pkl").toarray(), matrix.toarray())


def test_npz_models_are_read_and_pickled_members_are_not(arrays, tmp_path):
    plain = {k: v for k, v in arrays.items() if k != "J_regressor"}
    plain["J_regressor"] = arrays["J_regressor"].toarray()
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", part2num=np.array({"head": 1}, object), **plain)
    assert "part2num" not in read_arrays(tmp_path / "SMPL_NEUTRAL.npz")
    read = read_smpl_model(tmp_path / "SMPL_NEUTRAL.npz")
    assert np.array_equal(read.correctives, arrays["posedirs"])


class _Runs:
    """What a hostile pickle does: calls something when it is read."""

    def __init__(self, call, *arguments):
        self._call = call, arguments

    def __reduce__(self):
        return self._call


@pytest.mark.parametrize(
    "hostile, named",
    [
        (lambda path: _Runs(os.system, f"touch {path}"), "system"),
        (lambda path: _Runs(eval, f"open({str(path)!r}, 'w')"), "builtins.eval"),
        (lambda path: _Runs(getattr, {}, "keys"), "builtins.getattr"),
        (lambda path: _Runs(np.load, str(path)), "load"),
        (lambda path: {"matrix": _Runs(scipy.sparse.load_npz, str(path))}, "load_npz"),
    ],
)
def test_hostile_pickles_are_refused_before_they_run(tmp_path, hostile, named):
    touched = tmp_path / "touched"
    (tmp_path / "smplx2smpl.pkl").write_bytes(pickle.dumps(hostile(touched)))
    with pytest.raises(GenbError, match=f"smplx2smpl.pkl is refused: its pickle wants .*{named}"):
        read_pickle(tmp_path / "smplx2smpl.pkl")
    assert not touched.exists()


def test_hostile_data_inside_known_types_is_refused(tmp_path):
    touched = tmp_path / "touched"
    inner = pickle.dumps(_Runs(os.system, f"touch {touched}"))
    scalar = np.core.multiarray.scalar
    import torch

    for name, content in (
        ("scalar", _Runs(scalar, np.dtype(object), inner)),
        ("storage", _Runs(torch.storage._load_from_bytes, inner)),
    ):
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(content))
        with pytest.raises(GenbError, match="cannot be read as a pickle of arrays"):
            read_pickle(tmp_path / f"{name}.pkl")
    assert not touched.exists()


def test_indices_beyond_a_matrix_are_refused(tmp_path):
    for form in ("csr", "csc", "coo"):
        matrix = scipy.sparse.eye(5, format=form)
        (matrix.row if form == "coo" else matrix.indices)[2] = 10**6
        (tmp_path / f"{form}.pkl").write_bytes(pickle.dumps(matrix))
        with pytest.raises(GenbError, match="does not fit together"):
            read_matrix(tmp_path / f"{form}.pkl")


def test_missing_files_are_named_with_the_next_step(model, tmp_path):
    with pytest.raises(GenbError, match="smplx2smpl.pkl.*GENB_ASSETS.*--assets"):
        SmplConverter(None)
    with pytest.raises(GenbError, match="transfer matrix .* is missing: .*smplx2smpl.pkl"):
        SmplConverter(tmp_path)
    (tmp_path / "smplx2smpl.pkl").write_bytes(pickle.dumps({"matrix": pick_matrix(model)}))
    with pytest.raises(GenbError, match="SMPL model file is missing: .*SMPL_NEUTRAL.pkl"):
        SmplConverter(tmp_path)
    write_smpl_assets(tmp_path, model)
    with pytest.raises(GenbError, match="female SMPL model file is missing: .*SMPL_FEMALE.pkl"):
        SmplConverter(tmp_path).convert(np.zeros((1, len(model.v_template), 3)), "female")


@pytest.mark.parametrize(
    "change, fault",
    [
        (lambda a: a.pop("posedirs"), "'posedirs' is missing"),
        (lambda a: a.update(weights=a["weights"][:, :22]), r"'weights' is \(6890, 22\)"),
        (lambda a: a.update(v_template=np.zeros((6890, 3)) + np.nan), "'v_template' holds NaN"),
        (lambda a: a["kintree_table"].__setitem__((0, 5), 1), "not SMPL's joint tree"),
        (lambda a: a.update(shapedirs=a["shapedirs"][:, :, :8]), "10 or more"),
    ],
)
def test_unfit_models_are_refused(arrays, tmp_path, change, fault):
    changed = {name: array.copy() for name, array in arrays.items()}
    change(changed)
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps(changed))
    with pytest.raises(GenbError, match=fault):
        read_smpl_model(tmp_path / "SMPL_NEUTRAL.pkl")


def test_transfer_takes_the_columns_of_the_vertices_and_refuses_other_meshes(model, tmp_path):
    folder = tmp_path / "plain"
    for assets in (folder, tmp_path):
        write_smpl_assets(assets, model)
    picks = pick_matrix(model)
    both = scipy.sparse.hstack([picks, picks[:, ::-1] * 3]).tocsr()
    (tmp_path / "smplx2smpl.pkl").unlink()
    (tmp_path / "smplx_to_smpl.pkl").write_bytes(pickle.dumps({"mtx": both}))
    mesh = np.random.default_rng(1).normal(size=(1, len(model.v_template), 3))
    with_normals, plain = SmplConverter(tmp_path), SmplConverter(folder)
    assert np.array_equal(with_normals.transfer(mesh), plain.transfer(mesh))
    assert np.array_equal(plain.transfer(mesh)[0], mesh[0, chosen_vertices(model)])
    with pytest.raises(GenbError, match="these bodies have 10475 vertices.*--config smplx"):
        plain.transfer(np.zeros((1, 10475, 3)))
    (tmp_path / "smplx_to_smpl.pkl").write_bytes(pickle.dumps({"mtx": both * 2}))
    with pytest.raises(GenbError, match="sums to 1 only within 1"):
        SmplConverter(tmp_path).transfer(mesh)
    (tmp_path / "smplx_to_smpl.pkl").write_bytes(pickle.dumps({"other": both}))
    with pytest.raises(GenbError, match="no array named matrix or mtx; it holds other"):
        SmplConverter(tmp_path).transfer(mesh)
