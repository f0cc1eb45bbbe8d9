"""Simple architecture out of rectangles: walls with holes, boxes, and one mesh from all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import bpy
import numpy as np

from pipeline.blender.people import new_mesh, set_materials, set_uv

Hole = tuple[float, float, float, float]
"""left, bottom, right, top on a wall, m."""


@dataclass
class Blocks:
    """Rectangles by material slot. Corners are (4, 3) m, anticlockwise where they are seen from."""

    corners: list[np.ndarray] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)

    def rectangle(self, origin, across, up, slot: int) -> None:
        """The parallelogram of two edges (3,) from a corner (3,)."""
        origin, across, up = (np.asarray(v, float) for v in (origin, across, up))
        self.corners.append(np.stack([origin, origin + across, origin + across + up, origin + up]))
        self.slots.append(slot)

    def box(self, low, high, slot: int) -> None:
        """An upright box between two corners (3,) m."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        x, y, z = np.diag(high - low)
        for origin, a, b in (
            *((low, x, z), (low + y, z, x), (low, z, y), (low + x, y, z)),
            *((low, y, x), (low + z, x, y)),
        ):
            self.rectangle(origin, a, b, slot)

    def turned_box(self, frame: np.ndarray, low, high, slot: int) -> None:
        """A box in a frame (3, 4): columns are three unit axes and the origin."""
        other = Blocks()
        other.box(low, high, slot)
        self.include(other, frame)

    def include(self, other: "Blocks", frame: np.ndarray) -> None:
        """Another collection's rectangles, given in a frame (3, 4) as for `turned_box`."""
        self.corners += [c @ frame[:, :3].T + frame[:, 3] for c in other.corners]
        self.slots += other.slots

    def wall(
        self,
        origin,
        across,
        height_m: float,
        holes: Sequence[Hole],
        slot: int,
        reveal: np.ndarray | None = None,
        reveal_slot: int = 0,
    ) -> None:
        """An upright wall with rectangular holes; reveal (3,): the depth of their sides."""
        origin, across = np.asarray(origin, float), np.asarray(across, float)
        width = np.linalg.norm(across)
        along, up = across / width, np.array([0.0, 0.0, 1.0])
        xs = sorted({0.0, width, *(x for hole in holes for x in hole[::2])})
        zs = sorted({0.0, height_m, *(z for hole in holes for z in hole[1::2])})
        for x0, x1 in zip(xs, xs[1:], strict=False):
            for z0, z1 in zip(zs, zs[1:], strict=False):
                middle = (x0 + x1) / 2, (z0 + z1) / 2
                if not any(h[0] < middle[0] < h[2] and h[1] < middle[1] < h[3] for h in holes):
                    start = origin + x0 * along + z0 * up
                    self.rectangle(start, (x1 - x0) * along, (z1 - z0) * up, slot)
        if reveal is None:
            return
        for left, bottom, right, top in holes:
            low = origin + left * along + bottom * up
            high = origin + right * along + top * up
            wide, tall = (right - left) * along, (top - bottom) * up
            for start, edge in ((low, wide), (low, tall), (high, -wide), (high, -tall)):
                self.rectangle(start, edge, reveal, reveal_slot)

    def build(
        self, name: str, materials: Sequence[bpy.types.Material], T_world_place: np.ndarray
    ) -> bpy.types.Object:
        """One object in the scene, from the place's frame into the world; UVMap is in metres."""
        points = np.concatenate(self.corners)
        points = points @ T_world_place[:3, :3].T + T_world_place[:3, 3]
        faces = np.arange(len(points)).reshape(-1, 4)
        thing = new_mesh(name, points, faces, smooth=False)
        uv = [
            [
                [0, 0],
                [np.linalg.norm(b - a), 0],
                [np.linalg.norm(b - a), np.linalg.norm(c - b)],
                [0, np.linalg.norm(c - b)],
            ]
            for a, b, c, _ in self.corners
        ]
        set_uv(thing, np.array(uv))
        set_materials(thing, materials, np.array(self.slots))
        return thing
