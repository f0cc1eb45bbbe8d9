"""What the `dress` stage writes for each garment: an Alembic cache, its rest shape, and its row in
`dress.json` (docs/clothing.md)."""

from pathlib import Path

import numpy as np

from pipeline.garments import alembic
from pipeline.garments.caches import GarmentSequence
from pipeline.garments.dressing import Dressed, Shoes
from pipeline.garments.settle import Contact
from pipeline.scene import GarmentSpec
from pipeline.storage import write_npz


def write_made(
    garment: Dressed, mesh: GarmentSequence | None, fps: float, folder: Path, stem: str
) -> dict:
    """A simulated garment. mesh: what a user modelled, for its texture coordinates, or None."""
    sequence = GarmentSequence(garment.vertices, garment.faces)
    if mesh is not None:
        sequence = GarmentSequence(
            garment.vertices, garment.faces, mesh.corner_uv, mesh.face_group, mesh.group_names
        )
    row = _write(sequence, garment.rest, {}, fps, folder, stem)
    return {
        **_named(garment.spec),
        **row,
        **_fit(garment.contact),
        "held": garment.held,
        "retried": garment.retried,
        "source": "user mesh" if mesh is not None else "tailor",
    }


def write_brought(
    spec: GarmentSpec,
    sequence: GarmentSequence,
    contact: Contact,
    fps: float,
    folder: Path,
    stem: str,
) -> dict:
    """A user's simulation, brought to the clip."""
    row = _write(sequence, sequence.vertices[0], {}, fps, folder, stem)
    return {**_named(spec), **row, **_fit(contact), "source": "user simulation"}


def write_shoes(shoes: Shoes, fps: float, folder: Path, stem: str) -> dict:
    """A pair of shoes."""
    sequence = GarmentSequence(shoes.vertices, shoes.faces)
    row = _write(sequence, shoes.rest, {"sole": shoes.sole}, fps, folder, stem)
    return {"kind": "shoes", "layer": "shoes", **row, **_fit(shoes.contact)}


def _write(
    sequence: GarmentSequence,
    rest: np.ndarray,
    extra: dict[str, np.ndarray],
    fps: float,
    folder: Path,
    stem: str,
) -> dict:
    alembic.write(folder / f"{stem}.abc", sequence, fps)
    arrays = {"rest": rest, "faces": sequence.faces, **extra}
    for name in ("corner_uv", "face_group"):
        if getattr(sequence, name) is not None:
            arrays[name] = getattr(sequence, name)
    write_npz(folder / f"{stem}.npz", arrays)
    row = {
        "file": f"{stem}.abc",
        "rest": f"{stem}.npz",
        "fps": fps,
        "frames": len(sequence.vertices),
        "vertices": sequence.vertices.shape[1],
    }
    return {**row, "groups": list(sequence.group_names)} if sequence.group_names else row


def _named(spec: GarmentSpec) -> dict:
    named = {"kind": spec.kind, "layer": spec.layer}
    textures = spec.cache.textures if spec.cache else ""
    return {**named, "textures": textures} if textures else named


def _fit(contact: Contact) -> dict:
    return {
        "inside_share_max": round(float(contact.inside_share.max()), 6),
        "pinched_share_max": round(float(contact.pinched_share.max()), 6),
        "deepest_mm": round(float(contact.deepest_mm.max()), 3),
    }
