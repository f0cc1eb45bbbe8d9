"""The licensed SMPL files that a user brings: models, transfer matrices, key-point matrices.

Most are pickles, some full of objects of packages that nobody installs any more (chumpy). They are
read by an unpickler that knows numpy arrays, scipy and torch matrices, and plain stand-ins for the
two chumpy classes; a file that names anything else is refused before it can run it.
"""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import scipy.sparse

from pipeline.errors import GenbError

VERTEX_COUNT = 6890
"""Vertices of an SMPL mesh."""

_SPARSE = {f"{form}_{kind}" for form in ("csc", "csr", "coo") for kind in ("matrix", "array")}
_BROKEN = (
    *(pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError),
    *(TypeError, ValueError, OverflowError, MemoryError, OSError, zipfile.BadZipFile),
)


class _Kept:
    """Stands in for a chumpy object: its state, and none of its code."""

    def __setstate__(self, state: object) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            self.__dict__.update(part or {})


class _Number(_Kept):
    """chumpy.ch.Ch: an array `x`."""


class _Choice(_Kept):
    """chumpy.reordering.Select: the entries `idxs` of an array `a`, shaped `preferred_shape`."""


def _plain_object(cls: type, base: type, state: object) -> object:
    """copyreg._reconstructor, with which old pickle protocols make objects, for matrices and
    stand-ins only."""
    makes = (_Number, _Choice, *(getattr(scipy.sparse, name) for name in _SPARSE))
    if cls not in makes or base is not object:
        raise pickle.UnpicklingError(f"an object of {cls!r} made from {base!r}")
    return object.__new__(cls)


def _torch_storage(data: bytes) -> object:
    """torch.storage._load_from_bytes, with torch's own restricted reader."""
    import torch

    return torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")


class _Restricted(pickle.Unpickler):
    """Finds only the globals that arrays are made of."""

    def __init__(self, file: io.BufferedReader, path: Path):
        # latin1: what numpy asks for to read arrays that Python 2 wrote.
        super().__init__(file, encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str) -> object:
        found = _known_global(module, name)
        if found is None:
            raise GenbError(
                f"{self._path} is refused: its pickle wants {module}.{name}, which is not one of "
                "the array types that such a file is made of, so reading it could run anything. "
                "Fetch the file from its authors again, or store its arrays with numpy.savez."
            )
        return found

    def persistent_load(self, pid: object) -> object:
        raise pickle.UnpicklingError("it refers to data outside the file (written by torch.save?)")


def _known_global(module: str, name: str) -> object | None:
    """What a pickle may call, or None. Python 2's names arrive as they are in the file."""
    module = {"copy_reg": "copyreg", "__builtin__": "builtins"}.get(module, module)
    if module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        return {"_reconstruct": np.core.multiarray._reconstruct, "scalar": _scalar}.get(name)
    if module in ("numpy.core.numeric", "numpy._core.numeric"):
        return np.core.numeric._frombuffer if name == "_frombuffer" else None
    if module == "numpy":
        return {"ndarray": np.ndarray, "dtype": np.dtype}.get(name)
    if module.split(".")[:2] == ["scipy", "sparse"] and name in _SPARSE:
        return getattr(scipy.sparse, name)
    if module.split(".")[0] == "torch":
        return _torch_global(module, name)
    return {
        ("chumpy.ch", "Ch"): _Number,
        ("chumpy.reordering", "Select"): _Choice,
        ("copyreg", "_reconstructor"): _plain_object,
        ("builtins", "object"): object,
        ("builtins", "set"): set,
        ("collections", "OrderedDict"): dict,
        ("_codecs", "encode"): _latin1,
    }.get((module, name))


def _scalar(kind: np.dtype, data: object = b"") -> object:
    """numpy's scalar maker, without the object kind, which would unpickle its data anew."""
    if kind.hasobject:
        raise pickle.UnpicklingError("a numpy scalar of Python objects")
    return np.frombuffer(data, kind)[0]


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """_codecs.encode, for bytes that Python 3 stored for Python 2; no other codec."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"a text in the codec {encoding!r}")
    return text.encode("latin1")


def _torch_global(module: str, name: str) -> object | None:
    """What plain pickles of torch tensors, dense or sparse, are made of."""
    if (module, name) == ("torch.storage", "_load_from_bytes"):
        return _torch_storage
    if (module, name) in (
        ("torch._utils", "_rebuild_tensor_v2"),
        ("torch._utils", "_rebuild_sparse_tensor"),
        ("torch.serialization", "_get_layout"),
        ("torch", "Size"),
    ):
        import importlib

        return getattr(importlib.import_module(module), name)
    return None


def read_pickle(path: Path) -> object:
    """The content of a pickle of arrays. Raises GenbError, see the module's head."""
    path = Path(path)
    try:
        with open(path, "rb") as file:
            return _Restricted(file, path).load()
    except FileNotFoundError:
        raise GenbError(
            f"{path} is missing. Put the file there, or name its folder with --assets DIR or "
            "GENB_ASSETS (docs/smpl.md says where it comes from)."
        ) from None
    except _BROKEN as error:
        raise GenbError(
            f"{path} cannot be read as a pickle of arrays ({type(error).__name__}: {error}). Copy "
            "the original file once more, or store its arrays with numpy.savez as "
            f"{path.with_suffix('.npz').name}."
        ) from error


def _plain_array(value: object) -> object:
    """A number, array or matrix from such a file: float arrays as numpy, matrices as scipy csr.

    Anything that holds no numbers comes back as it is.
    """
    if isinstance(value, _Number):
        return _plain_array(value.x) if hasattr(value, "x") else value
    if isinstance(value, _Choice):
        chosen = np.ravel(_plain_array(value.a))[np.asarray(value.idxs).ravel()]
        shape = getattr(value, "preferred_shape", chosen.shape)
        return chosen.reshape(shape)
    if scipy.sparse.issparse(value):
        return _checked_sparse(value)
    if type(value).__module__.split(".")[0] == "torch":
        return _plain_tensor(value)
    return value


def _plain(value: object, path: Path) -> object:
    """`_plain_array`, naming the file whose parts do not fit together."""
    try:
        return _plain_array(value)
    except _BROKEN as error:
        raise GenbError(
            f"{path} holds an array that does not fit together ({error}). Copy the original file "
            "once more."
        ) from error


def _checked_sparse(value) -> scipy.sparse.csr_matrix:
    """The matrix built anew: an index beyond its shape would read foreign memory."""
    if value.format == "coo":
        parts = value.data, (value.row, value.col)
        return scipy.sparse.coo_matrix(parts, shape=value.shape).tocsr()
    form = scipy.sparse.csc_matrix if value.format == "csc" else scipy.sparse.csr_matrix
    matrix = form((value.data, value.indices, value.indptr), shape=value.shape)
    matrix.check_format(full_check=True)
    return matrix.tocsr()


def _plain_tensor(tensor) -> object:
    if not tensor.is_sparse:
        return tensor.detach().numpy()
    entries = tensor._values().numpy(), tuple(tensor._indices().numpy())
    return scipy.sparse.coo_matrix(entries, shape=tuple(tensor.shape)).tocsr()


def read_arrays(path: Path) -> dict[str, object]:
    """Arrays of a `.pkl` (a dict) or `.npz` by name. Raises GenbError."""
    path = Path(path)
    content = _read_npz(path) if path.suffix == ".npz" else read_pickle(path)
    if not isinstance(content, dict):
        raise GenbError(
            f"{path} holds a {type(content).__name__} where a dict of arrays is expected; it is "
            "another file than its name says (docs/smpl.md lists them)."
        )
    return {str(name): _plain(value, path) for name, value in content.items()}


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    """Plain arrays of an .npz; pickled members are left out."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {}
            for name in archive.files:
                try:
                    arrays[name] = archive[name]
                except ValueError:
                    continue  # a pickled member, e.g. the licensed files' part names
            return arrays
    except FileNotFoundError:
        raise GenbError(f"{path} is missing. Put the file there (docs/smpl.md).") from None
    except _BROKEN as error:
        raise GenbError(
            f"{path} cannot be read as .npz ({error}). Copy the original file once more."
        ) from error


def read_matrix(path: Path, keys: tuple[str, ...] = ("matrix", "mtx")) -> scipy.sparse.csr_matrix:
    """A matrix from a file, float64 csr.

    path: a pickle of a matrix (numpy, scipy or torch, dense or sparse) or of a dict that has it
    under one of `keys`; or an .npz of such an array, or of scipy.sparse.save_npz. Raises GenbError.
    """
    path = Path(path)
    content = _read_npz(path) if path.suffix == ".npz" else read_pickle(path)
    if isinstance(content, dict):
        if {"indices", "indptr", "data", "shape", "format"} <= set(content):
            content = _saved_sparse(path)
        else:
            named = [name for name in keys if name in content]
            if not named:
                raise GenbError(
                    f"{path} has no array named {' or '.join(keys)}; it holds "
                    f"{', '.join(sorted(map(str, content))) or 'nothing'}. Name the file of the "
                    "matrix, or store it with numpy.savez(path, matrix=...)."
                )
            content = content[named[0]]
    matrix = _plain(content, path)
    if not scipy.sparse.issparse(matrix):
        matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise GenbError(
            f"{path} holds {matrix.shape} {matrix.dtype} where a matrix of numbers is expected. "
            "Name another file."
        )
    matrix = scipy.sparse.csr_matrix(matrix, dtype=np.float64)
    if not np.isfinite(matrix.data).all():
        raise GenbError(f"{path} holds NaN or inf. Copy the original file once more.")
    return matrix


def _saved_sparse(path: Path) -> scipy.sparse.spmatrix:
    try:
        return scipy.sparse.load_npz(path)
    except _BROKEN as error:
        raise GenbError(
            f"{path}: not a sparse matrix of scipy.sparse.save_npz ({error})."
        ) from error


def find_file(folder: Path | None, names: tuple[str, ...], what: str) -> Path:
    """The first of some relative names that exists below the user's folder of assets.

    Raises GenbError that names the missing file, what it is, and the next step.
    """
    if folder is None:
        raise GenbError(
            f"{what} is needed ({names[0]}), and there is no folder of licensed files. Set "
            "GENB_ASSETS to one, or give it with --assets DIR (docs/smpl.md lists the files)."
        )
    for name in names:
        if (Path(folder) / name).is_file():
            return Path(folder) / name
    raise GenbError(
        f"{what} is missing: {Path(folder) / names[0]} (or {', '.join(names[1:])}) does not exist. "
        "Put it there, or name another folder with --assets DIR; docs/smpl.md says where it comes "
        "from."
    )
