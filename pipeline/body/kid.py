"""Children of the licensed model, AGORA's way: one more beta blends towards a kid template.

The template (`smplx_kid_template.npy`, the mean infant of SMIL in SMPL-X's mesh) is moved to its
own centroid; the extra beta, the last one, adds that share of its difference to the adult mean.
0 is the adult, 1 the template. This is what the `smplx` package does for `age="kid"`.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.body.modelfile import BodyModelError, ModelFile

_NEXT_STEP = (
    "download smplx_kid_template.npy from https://agora.is.tue.mpg.de (Download, SMPL-X kid "
    "template) and name its place in body.kid_template, or set cast.children_share = 0"
)


def read_kid_template(path: Path, vertex_count: int) -> np.ndarray:
    """Kid template (V, 3) float64, metres, body-model frame, its mean at the origin.

    Raises BodyModelError when the file is missing, pickled, of another mesh or not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise _refused(path, "no kid template there")
    try:
        # Mapped, not read: a header that claims more than the file holds is refused at once, and
        # a pickle cannot be opened at all.
        array = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as fault:
        raise _refused(path, f"damaged, or not a plain .npy array ({fault})") from fault
    if array.dtype.kind != "f":
        raise _refused(path, "not an array of real numbers")
    if array.shape != (vertex_count, 3):
        raise _refused(
            path, f"its shape is {array.shape}, but the body model needs ({vertex_count}, 3)"
        )
    template = np.array(array, np.float64)
    if not np.isfinite(template).all():
        raise _refused(path, "it holds NaN or inf")
    return template - template.mean(axis=0)


def with_kid(file: ModelFile, path: Path) -> ModelFile:
    """`file` with one more shape coefficient, the last: the share of the kid template at `path`.

    Raises BodyModelError as `read_kid_template` does.
    """
    template = read_kid_template(path, len(file.v_template))
    return replace(
        file, kid_template=Path(path), kid_direction=template - file.v_template.astype(np.float64)
    )


def _refused(path: Path, why: str) -> BodyModelError:
    return BodyModelError(f"{path}: {why}; {_NEXT_STEP}")
