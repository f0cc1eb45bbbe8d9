"""SMPL parameters for formats that want them, where the user's licensed SMPL is at hand."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.dataset import Frame
from pipeline.errors import GenbError
from pipeline.exports.formats import ExportOptions


@dataclass
class SmplBodies:
    """Neutral SMPL bodies fitted to the people of a frame; `why_not` says why there are none.

    fitted, residual_mm: how many bodies were fitted, and the mean distances of their vertices.
    """

    options: ExportOptions
    why_not: str = ""
    residual_mm: list[float] = field(default_factory=list)
    _converter: object = None
    _last: tuple = (None, None)

    def fit(self, frame: Frame, vertices: np.ndarray | None = None):
        """`SmplFit` of all people of a frame, or None without SMPL.

        vertices: (P, V, 3) m in the frame that the result is wanted in; the camera's by default.
        """
        if self.why_not:
            return None
        # Appearances of a frame follow each other and have the same bodies.
        same = frame.facts["scene"], frame.facts["frame"], frame.labels["pose_cam"].tobytes()
        if self._last[0] != same:
            try:
                self._last = same, self._fitted(frame.vertices if vertices is None else vertices)
            except GenbError as refusal:
                if self.residual_mm:  # half of the rows would be SMPL's and half not
                    raise
                self.why_not = str(refusal)
                return None
        return self._last[1]

    def _fitted(self, vertices: np.ndarray):
        if self._converter is None:
            from pipeline.smpl.convert import SmplConverter

            self._converter = SmplConverter(self.options.assets_dir)
        fit = self._converter.convert(vertices, "neutral")
        self.residual_mm += fit.residual_mm.tolist()
        return fit

    def note(self, without: str) -> str:
        """What the user has to know. without: what the files hold when there is no SMPL."""
        if self.why_not:
            return f"No SMPL bodies: {without} ({self.why_not})"
        if not self.residual_mm:
            return "No SMPL body was fitted."
        return (
            f"SMPL fitted to {len(self.residual_mm)} bodies: vertices are off by "
            f"{np.mean(self.residual_mm):.1f} mm on average, by {np.max(self.residual_mm):.1f} mm "
            "on the worst body."
        )
