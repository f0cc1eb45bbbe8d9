"""Pickles: written so that equal content gives equal bytes, read so that nothing in them can run.

Python's pickler stores object identities (two equal texts or one text twice give other bytes) and
names private functions of the installed numpy and pandas. The writer here does neither: protocol 4
and public names only, so Python 3.8 with any numpy and pandas reads the files. The reader knows
numbers, texts, lists, dicts, numpy arrays and the one table of this writer; it calls nothing that a
file names.
"""

import io
import pickle
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pipeline.errors import GenbError
from pipeline.storage import atomic_file

_KINDS = "biufUSO"
_NUMBERS = (
    *(np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
    *(np.float16, np.float32, np.float64),
)
_DTYPE = re.compile(rf"[<>|=]?([{_KINDS}])(\d*)")
_BROKEN = (
    *(pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError),
    *(TypeError, ValueError, OverflowError, MemoryError, RecursionError),
)
"""What damaged or hostile pickles raise when they are opened."""


@dataclass(frozen=True)
class Table:
    """A pandas.DataFrame of objects, without pandas: column name -> cells, in order.

    Where pandas is installed, `pandas.read_pickle` returns the DataFrame, each column of dtype
    object.
    """

    columns: dict[str, list]

    def __post_init__(self):
        if len({len(cells) for cells in self.columns.values()}) > 1:
            raise ValueError("columns of a table must be equally long")

    @property
    def rows(self) -> list[dict]:
        """Its rows as dicts."""
        names = list(self.columns)
        return [
            dict(zip(names, cells, strict=True))
            for cells in zip(*self.columns.values(), strict=True)
        ]


def pickle_bytes(value: object) -> bytes:
    """The pickle of None, numbers, texts, bytes, lists, tuples, dicts, arrays and tables.

    Raises TypeError for anything else.
    """
    buffer = io.BytesIO()
    _dump(value, buffer)
    return buffer.getvalue()


def write_pickle(path: Path, value: object) -> None:
    """Write such a pickle atomically. Raises TypeError, GenbError."""
    with atomic_file(path) as partial, open(partial, "wb") as file:
        _dump(value, file)


def load_pickle(data: bytes, where: str | Path) -> object:
    """The content of a pickle of numbers, texts, containers, numpy arrays and tables.

    where: named in errors. Raises GenbError when the pickle is damaged or wants anything else;
    nothing of it is executed then.
    """
    try:
        return _plain(_Reader(io.BytesIO(data), where).load())
    except _BROKEN as error:
        raise GenbError(
            f"{where} cannot be read as a pickle of arrays ({type(error).__name__}: {error}); it "
            "is cut short or damaged. Delete it and run the same export again."
        ) from error


def read_pickle(path: Path) -> object:
    """`load_pickle` of a file. Raises GenbError, also when it is missing."""
    path = Path(path)
    if not path.is_file():
        raise GenbError(f"{path} is missing. Run `genb export` to make it.")
    return load_pickle(path.read_bytes(), path)


def _dump(value: object, file: BinaryIO) -> None:
    file.write(pickle.PROTO + bytes([4]))
    _Writer(file).write(value)
    file.write(pickle.STOP)


class _Writer:
    """Emits pickle's opcodes for a value; nothing is memoised, so identities play no part."""

    def __init__(self, file: BinaryIO):
        self._put = file.write

    def write(self, value: object) -> None:
        writer = self._WRITERS.get(type(value))
        if writer is None and isinstance(value, _NUMBERS):
            writer = _Writer._scalar
        if writer is None:
            raise TypeError(f"a {type(value).__name__} has no place in an exported pickle")
        writer(self, value)

    def _nothing(self, value: None) -> None:
        self._put(pickle.NONE)

    def _bool(self, value: bool) -> None:
        self._put(pickle.NEWTRUE if value else pickle.NEWFALSE)

    def _int(self, value: int) -> None:
        number = pickle.encode_long(value)
        self._put(pickle.LONG1 + bytes([len(number)]) + number)

    def _float(self, value: float) -> None:
        self._put(pickle.BINFLOAT + struct.pack(">d", value))

    def _text(self, value: str) -> None:
        data = value.encode()
        self._put(pickle.BINUNICODE + struct.pack("<I", len(data)) + data)

    def _bytes(self, value: bytes) -> None:
        self._put(pickle.BINBYTES8 + struct.pack("<Q", len(value)))
        self._put(value)

    def _list(self, value: list) -> None:
        self._put(pickle.EMPTY_LIST + pickle.MARK)
        for one in value:
            self.write(one)
        self._put(pickle.APPENDS)

    def _tuple(self, value: tuple) -> None:
        self._put(pickle.MARK)
        for one in value:
            self.write(one)
        self._put(pickle.TUPLE)

    def _dict(self, value: dict) -> None:
        self._put(pickle.EMPTY_DICT + pickle.MARK)
        for name, one in value.items():
            self.write(name)
            self.write(one)
        self._put(pickle.SETITEMS)

    def _call(self, module: str, name: str, *arguments: object) -> None:
        self._text(module)
        self._text(name)
        self._put(pickle.STACK_GLOBAL)
        self._tuple(arguments)
        self._put(pickle.REDUCE)

    def _scalar(self, value: np.generic) -> None:
        name = value.dtype.name
        # numpy.bool means nothing to numpy 1.24 to 1.26.
        self._call("numpy", "bool_" if name == "bool" else name, value.item())

    def _array(self, value: np.ndarray) -> None:
        kind = value.dtype
        if kind.kind not in _KINDS:
            raise TypeError(f"an array of {kind} has no place in an exported pickle")
        kind = kind.newbyteorder("<")
        data = value.ravel().tolist() if kind.kind == "O" else value.astype(kind).tobytes()
        # numpy.ndarray and numpy.dtype are public and have not moved since numpy 1.0; what numpy's
        # own pickles name (numpy.core.multiarray) has.
        self._call("numpy", "ndarray", (0,), "b")
        self._put(pickle.MARK)
        self.write(1)
        self.write(value.shape)
        self._call("numpy", "dtype", kind.str)
        self.write(False)
        self.write(data)
        self._put(pickle.TUPLE + pickle.BUILD)

    def _table(self, value: Table) -> None:
        # pandas.DataFrame(data, index, columns, dtype): the reader's own pandas builds it.
        self._call("pandas", "DataFrame", value.columns, None, list(value.columns), "object")

    _WRITERS = {
        type(None): _nothing,
        bool: _bool,
        int: _int,
        float: _float,
        str: _text,
        bytes: _bytes,
        list: _list,
        tuple: _tuple,
        dict: _dict,
        np.ndarray: _array,
        Table: _table,
    }


class _Dtype:
    """Stands in for numpy.dtype: takes simple types, refuses records and what else may hide."""

    def __init__(self, code: str, align: bool = False, copy: bool = False):
        if not (isinstance(code, str) and _DTYPE.fullmatch(code)):
            raise pickle.UnpicklingError(f"an array of {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        _, order, *structure = state[:5]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in structure):
            raise pickle.UnpicklingError("an array of records")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """Stands in for numpy.ndarray until the content is complete."""

    def __init__(self, *_: object):
        self.array = np.empty(0)

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, column_major, data = state
        order = "F" if column_major else "C"
        self.array = _filled(kind.dtype, data).reshape(shape, order=order)


def _filled(kind: np.dtype, data: object) -> np.ndarray:
    """A writable array (n,) of a simple type from its bytes, or of objects from their list."""
    if kind.kind != "O":
        return np.frombuffer(bytearray(data), kind)
    array = np.empty(len(data), object)
    for k, one in enumerate(data):
        array[k] = one
    return array


def _from_buffer(data: bytes, kind: _Dtype, shape: tuple, order: str) -> _Array:
    """How protocol 5 stores arrays."""
    made = _Array()
    made.array = _filled(kind.dtype, data).reshape(shape, order=order)
    return made


def _scalar(kind: _Dtype, data: bytes) -> np.generic:
    if kind.dtype.kind == "O":
        raise pickle.UnpicklingError("a numpy scalar of Python objects")
    return np.frombuffer(data, kind.dtype)[0]


class _Frame:
    """Stands in for pandas.DataFrame, as this writer calls it."""

    def __init__(self, data: dict, index: None, columns: list, dtype: str):
        self.table = Table({name: data[name] for name in columns})

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a DataFrame with the insides of a pandas version")


_KNOWN = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("pandas", "DataFrame"): _Frame,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
    **{("numpy", kind.__name__): kind for kind in _NUMBERS},
    ("numpy", "bool"): np.bool_,
}
"""Everything a pickle may name, and what it gets for it."""


class _Reader(pickle.Unpickler):
    def __init__(self, file: BinaryIO, where: str | Path):
        super().__init__(file)
        self._where = where

    def find_class(self, module: str, name: str) -> object:
        known = _KNOWN.get((module, name))
        if known is None:
            raise GenbError(
                f"{self._where} is refused: its pickle wants {module}.{name}, and reading it could "
                "run anything. Files of `genb export` hold numbers, texts and arrays only: fetch "
                "the file from its source again, or make it anew with genb export."
            )
        return known


def _plain(value: object) -> object:
    """The value with arrays in the place of their stand-ins."""
    if isinstance(value, _Array):
        array = value.array
        if array.dtype == object:
            for k in np.ndindex(array.shape):
                array[k] = _plain(array[k])
        return array
    if isinstance(value, _Dtype):
        return value.dtype
    if isinstance(value, _Frame):
        return Table(_plain(value.table.columns))
    if isinstance(value, dict):
        return {_plain(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(one) for one in value)
    return value
