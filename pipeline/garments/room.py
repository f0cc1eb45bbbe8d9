"""Room for cloth between body parts: the collider of a simulation, without self-contact.

Real limbs rub against trunks and thighs against thighs. A cloth solver cannot lay cloth between two
skins that touch or overlap; it tears it. So the *collider* gives way there, half from either side,
until cloth fits through. The body itself stays as it is: labels and pictures never see this.
"""

import numpy as np

from pipeline.garments.contact import Layer
from pipeline.garments.surface import neighbour_mean, vertex_normals

_LONGEST_M = 0.020
"""Furthest that a skin gives way."""
_SPREADS = 4


def make_room(body: np.ndarray, faces: np.ndarray, rows: np.ndarray, gap_m: float) -> np.ndarray:
    """Vertices `rows` of a moving body, (F, K, 3) float32, with facing parts about `gap_m` apart.

    body: (F, V, 3) m, a closed surface with faces (M, 3).
    """
    average = neighbour_mean(faces, body.shape[1])
    moved = np.empty((len(body), len(rows), 3), np.float32)
    for k, frame in enumerate(body.astype(np.float64)):
        normals = vertex_normals(frame, faces)
        yielding = np.zeros(len(frame))
        room = Layer(frame, faces).room(rows, normals[rows])
        yielding[rows] = np.clip((gap_m - room) / 2, 0, _LONGEST_M)
        for _ in range(_SPREADS):
            yielding = np.maximum(yielding, average @ yielding)
        yielding = average @ yielding
        moved[k] = (frame - normals * yielding[:, None])[rows]
    return moved
