"""Did the picture move away from its labels? Measured on every final image, per person.

`measure` puts the measures together and `limits` judges them. One module per measure: `flow`,
`outline`, `change`, `keypoints`, `depth`; `tools` finds and loads what the last two need.
"""

from pipeline.diffusion.drift.limits import faults
from pipeline.diffusion.drift.measure import Drift, PersonDrift, measure_drift
from pipeline.diffusion.drift.tools import Tools, check_tools, load_tools

__all__ = [
    "Drift",
    "PersonDrift",
    "Tools",
    "check_tools",
    "faults",
    "load_tools",
    "measure_drift",
]
