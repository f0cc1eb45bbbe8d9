"""Every naked body drawn again with OpenGL: silhouettes, and how much is hidden.

The rim of a drawing may differ by a pixel between graphics drivers; tolerances allow for that.
"""

from collections.abc import Iterator

import numpy as np

from pipeline.truth.audit import SMALL_PERSON_PX, naked_scene
from pipeline.truth.visibility import occlusion_share, truncation_share
from pipeline.verify.frame import CheckedFrame

_SHARE = 0.01
"""Of occlusion and truncation: what other GPUs' rims change (audit.min_silhouette_iou), or two
pixels of a person of a hundred."""


def drawing_faults(frame: CheckedFrame) -> Iterator[str]:
    """Silhouettes, amodal masks, occlusion and truncation against drawn bodies."""
    if not frame.evaluated or frame.alone is None:
        return
    audit = frame.config["audit"]
    face = frame.geometry["body_face"] if "geometry.npz" in frame.sample.members else None
    if face is not None:
        drawn = naked_scene(frame.alone)[0] > 0
        union = (drawn | (face >= 0)).sum()
        iou = float((drawn & (face >= 0)).sum() / union) if union else 1.0
        if not iou >= audit["min_silhouette_iou"]:
            yield f"body_face covers other pixels than the drawn bodies: IoU {iou:.4f}"
    for k in range(frame.count):
        for fault in (*_hidden_faults(frame, k), *_amodal_faults(frame, k)):
            yield f"person {k}: {fault}"


def _hidden_faults(frame: CheckedFrame, k: int) -> Iterator[str]:
    labels, own = frame.labels, frame.alone[k]
    size = int(np.isfinite(own).sum())
    limit = max(_SHARE, 2 / size if size else _SHARE)
    occlusion = occlusion_share(frame.mask, k, own)
    if not abs(labels["occlusion"][k] - occlusion) <= limit:
        yield f"occlusion is {labels['occlusion'][k]:.3f}, drawn again {occlusion:.3f}"
    truncation = truncation_share(
        frame.vertices[k], frame.models[k].faces, labels["box_amodal"][k], labels["K"], own.shape
    )
    if not abs(labels["truncation"][k] - truncation) <= limit:
        yield f"truncation is {labels['truncation'][k]:.3f}, drawn again {truncation:.3f}"


def _amodal_faults(frame: CheckedFrame, k: int) -> Iterator[str]:
    if "geometry.npz" not in frame.sample.members:
        return
    body = np.isfinite(frame.alone[k])
    covered = frame.geometry["amodal"][k][body].mean() if body.sum() >= SMALL_PERSON_PX else 1.0
    if not covered >= frame.config["audit"]["min_clothed_in_front"]:
        yield f"the amodal mask covers {covered:.1%} of the drawn body"
