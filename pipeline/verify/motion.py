"""Does the flow of a frame lead to where the next frame has the same points?"""

from collections.abc import Iterator

import numpy as np

from pipeline.conventions import project
from pipeline.verify.frame import CheckedFrame


def flow_faults(frame: CheckedFrame) -> Iterator[str]:
    """What a flow says by itself: none in a scene's last frame, some wherever people are."""
    if "flow.npy" not in frame.sample.members:
        return
    last = frame.facts["frame"] == frame.facts["frames"] - 1
    finite = np.isfinite(frame.flow)
    if last and finite.any():
        yield "the last frame of a scene has a flow"
    if (finite[..., 0] != finite[..., 1]).any():
        yield "flow has pixels with one number only"
    people = frame.mask > 0
    if not last and people.any() and not finite[people].any():
        yield "nobody in the picture has a flow"


def following_faults(frame: CheckedFrame, after: CheckedFrame) -> Iterator[str]:
    """Flow at bare skin against the same points of the bodies of the next frame, `after`."""
    if not frame.evaluated or not after.evaluated or frame.count != after.count:
        return
    limit_px = frame.config["audit"]["max_vertex_error_px"]
    K = after.labels["K"]
    for k in range(frame.count):
        rows, columns = frame.bare(k)
        face = frame.geometry["body_face"][rows, columns]
        known = (face >= 0) & (face < len(frame.models[k].faces))
        rows, columns = rows[known], columns[known]
        here = frame.named_points(frame.vertices[k], k, rows, columns)
        there = frame.named_points(after.vertices[k], k, rows, columns)
        ahead = (here[:, 2] > 0) & (there[:, 2] > 0)
        if not ahead.any():
            continue
        moved = project(K, there[ahead]) - project(frame.labels["K"], here[ahead])
        off_px = np.linalg.norm(frame.flow[rows[ahead], columns[ahead]] - moved, axis=1)
        if (wrong := ~(off_px <= limit_px)).any():
            yield (
                f"person {k}: flow is up to {off_px.max():.3g} px from the motion of the body "
                f"({wrong.sum()} of {len(off_px)} pixels of skin)"
            )
