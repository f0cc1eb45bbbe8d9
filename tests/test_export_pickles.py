"""Pickles: plain Python reads what we write, equal content is equal bytes, nothing read can run."""

import io
import os
import pickle
import pickletools
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pytest

from pipeline.errors import GenbError
from pipeline.exports.pickles import Table, load_pickle, pickle_bytes, read_pickle, write_pickle

CONTENT = {
    "nothing": None,
    "flags": [True, False, np.bool_(True)],
    "numbers": (0, -1, 255, 70000, 2**40, -(2**70), 0.1, -0.0, np.inf),
    "text": "é·neutral",
    "bytes": b"\x00\xff",
    "empty": [[], (), {}, ""],
    "scalar": [np.float64(0.1), np.float32(0.1), np.int32(-7), np.uint8(200)],
    "array": np.arange(12, dtype=np.float32).reshape(3, 4),
    "column major": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "names": np.array(["m", "female"]),
    "mask": np.eye(3, dtype=bool),
    "none of them": np.zeros((0, 3)),
    "a number": np.array(1.5),
    "fitting_loss": np.array({"reprojection_loss": 3.0}, dtype=object),
}


def same(a, b) -> bool:
    """Equal in type and value, arrays in dtype and shape too."""
    if isinstance(a, Table):
        return isinstance(b, Table) and same(a.columns, b.columns)
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[name], b[name]) for name in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray) and a.dtype == object:
        return a.shape == b.shape and same(a.ravel().tolist(), b.ravel().tolist())
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
    return a == b


def test_plain_pickle_reads_what_is_written():
    assert same(pickle.loads(pickle_bytes(CONTENT)), CONTENT)


def test_the_restricted_reader_reads_what_is_written():
    assert same(load_pickle(pickle_bytes(CONTENT), "here"), CONTENT)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_the_restricted_reader_reads_pickles_of_plain_python(protocol):
    if protocol == 2:  # stores bytes by way of _codecs.encode, which stays refused
        content = {"x": [1, 2.5, "é"], "flags": (True, None)}
    else:
        content = CONTENT
    assert same(load_pickle(pickle.dumps(content, protocol), "here"), content)


def test_both_names_of_numpys_core_are_known():
    old = pickle.dumps([np.arange(3.0), np.float64(2)], 4)
    new = old.replace(b"\x8c\x15numpy.core.multiarray", b"\x8c\x16numpy._core.multiarray")
    new = new.replace(b"\x8c\x10numpy.core.numeric", b"\x8c\x11numpy._core.numeric")
    # The frame's length grew with the names.
    grown = len(new) - len(old)
    new = new[:3] + (int.from_bytes(new[3:11], "little") + grown).to_bytes(8, "little") + new[11:]
    assert grown
    for stored in (old, new):
        array, number = load_pickle(stored, "here")
        assert np.array_equal(array, [0, 1, 2]) and number == 2


def test_only_public_names_of_protocol_4_are_written():
    data = pickle_bytes([CONTENT, Table({"a": [1]})])
    operations = list(pickletools.genops(data))
    assert operations[0][0].name == "PROTO" and operations[0][1] == 4
    assert max(operation.proto for operation, *_ in operations) == 4
    texts = [value for _, value, _ in operations if isinstance(value, str)]
    modules = {text for text in texts if text.partition(".")[0] in ("numpy", "pandas", "builtins")}
    assert modules == {"numpy", "pandas"}


def test_equal_content_gives_equal_bytes_whatever_is_the_same_object():
    text, array = "neutral", np.arange(3.0)
    shared = [text, text, array, array]
    apart = ["neu" + text[3:], "".join(["neut", "ral"]), np.arange(3.0), array.copy()]
    assert pickle_bytes(shared) == pickle_bytes(apart)
    # What Python's own pickler does, and why this writer exists.
    assert pickle.dumps(shared, 4) != pickle.dumps(apart, 4)


def test_byte_order_and_memory_order_do_not_reach_the_file():
    array = np.arange(6.0).reshape(2, 3)
    for other in (array.astype(">f8"), np.asfortranarray(array), np.repeat(array, 2, 0)[::2]):
        assert pickle_bytes(other) == pickle_bytes(array)


def test_arrays_come_back_writable():
    for loaded in (pickle.loads, lambda data: load_pickle(data, "here")):
        array = loaded(pickle_bytes({"cam_ext": np.eye(4)}))["cam_ext"]
        array[:3, 3] += 1  # what BEDLAM's and CameraHMR's loaders do
        assert array[0, 3] == 1


@pytest.mark.parametrize(
    "value", [{1, 2}, Decimal(1), np.datetime64("2020"), 1j, np.zeros(2, "c8")], ids=str
)
def test_what_has_no_place_is_refused_when_written(value):
    with pytest.raises(TypeError, match="no place"):
        pickle_bytes([value])


class _Call:
    def __init__(self, function, *arguments):
        self._made = function, arguments

    def __reduce__(self):
        return self._made


def _f2py():
    import numpy.f2py

    return numpy.f2py.compile


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch {mark}",), r"posix\.system"),
        (eval, ("open('{mark}', 'w')",), r"builtins\.eval"),
        (exec, ("open('{mark}', 'w')",), r"builtins\.exec"),
        (getattr, (1, "real"), r"builtins\.getattr"),
        (__import__, ("os",), r"builtins\.__import__"),
        (subprocess.call, (["touch", "{mark}"],), r"subprocess\.call"),
        (np.load, ("{mark}",), r"numpy\.load"),
        (_f2py, ("x",), r"numpy\.f2py"),
    ],
)
def test_a_pickle_that_wants_to_run_something_is_refused_and_not_run(
    function, arguments, name, tmp_path
):
    mark = tmp_path / "mark"
    function = function() if function is _f2py else function

    def filled(a):
        return a.format(mark=mark) if isinstance(a, str) else a

    arguments = [
        [filled(a) for a in argument] if isinstance(argument, list) else filled(argument)
        for argument in arguments
    ]
    path = tmp_path / "fit.pkl"
    path.write_bytes(pickle.dumps({"betas": _Call(function, *arguments)}))
    with pytest.raises(GenbError, match=name) as refusal:
        read_pickle(path)
    assert str(path) in str(refusal.value) and "genb export" in str(refusal.value)
    assert not mark.exists()


def test_the_dangerous_pickle_would_have_run(tmp_path):
    """The test above is worth something: plain pickle runs the same bytes."""
    mark = tmp_path / "mark"
    pickle.loads(pickle.dumps(_Call(os.system, f"touch {mark}")))
    assert mark.exists()


def test_arrays_with_hidden_structure_are_refused():
    records = np.zeros(2, [("a", "O"), ("b", "f4")])
    with pytest.raises(GenbError, match="cannot be read"):
        load_pickle(pickle.dumps(records, 4), "here")


def test_a_pandas_pickle_of_other_hands_is_refused():
    import pandas

    with pytest.raises(GenbError, match="pandas"):
        load_pickle(pickle.dumps(pandas.DataFrame({"a": [1]})), "here")


def test_every_cut_of_a_file_is_refused(tmp_path):
    data = pickle_bytes({"a": np.arange(4.0), "t": Table({"x": [[1], ["b"]]})})
    path = tmp_path / "cut.pkl"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(GenbError, match=r"cut\.pkl"):
            read_pickle(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(GenbError, match=r"gone\.pkl is missing"):
        read_pickle(tmp_path / "gone.pkl")


def test_a_table_is_a_dataframe_of_objects_to_pandas(tmp_path):
    import pandas

    columns = {
        "X": [[1.0, 2.0], [3.0]],
        "same length": [[1, 2], [3, 4]],
        "imgPath": ["a.png", "b.png"],
        "camX": [0.5, 1.0],
        "joints": [[np.zeros((127, 2)), np.ones((127, 2))], [np.ones((127, 2))]],
    }
    path = tmp_path / "train_0.pkl"
    write_pickle(path, Table(columns))
    frame = pandas.read_pickle(path)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == list(columns)
    assert all(kind == object for kind in frame.dtypes)  # noqa: E721, numpy's object dtype
    for row, cells in enumerate(zip(*columns.values(), strict=True)):
        assert same(list(frame.iloc[row]), list(cells))
    assert same(read_pickle(path), Table(columns))


def test_reading_a_table_needs_no_pandas(tmp_path):
    path = tmp_path / "train_0.pkl"
    write_pickle(path, Table({"imgPath": ["a.png"]}))
    program = (
        "import sys; from pathlib import Path; from pipeline.exports.pickles import read_pickle; "
        f"print(read_pickle(Path({str(path)!r})).rows, 'pandas' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert told.stdout.strip() == "[{'imgPath': 'a.png'}] False", told.stderr


def test_rows_of_a_table():
    table = Table({"a": [1, 2], "b": [[3], []]})
    assert table.rows == [{"a": 1, "b": [3]}, {"a": 2, "b": []}]
    with pytest.raises(ValueError, match="equally long"):
        Table({"a": [1], "b": []})


def test_an_interrupted_write_leaves_nothing(tmp_path):
    path = tmp_path / "fit.pkl"
    with pytest.raises(TypeError):
        write_pickle(path, [np.zeros(10), {1}])
    assert list(tmp_path.iterdir()) == []


def test_streams_and_bytes_agree(tmp_path):
    write_pickle(tmp_path / "a.pkl", CONTENT)
    assert (tmp_path / "a.pkl").read_bytes() == pickle_bytes(CONTENT)
    assert same(pickle.load(io.BytesIO(pickle_bytes(CONTENT))), CONTENT)
