"""Prove a finished dataset from its files alone: nothing but what a user downloads is opened.

Every fault becomes one line; the checks go on, so that one damaged sample does not hide another.
`folder` walks the shards, `sample` lists the checks of a sample, and `frame` is what they look at:
bodies are evaluated again from their parameters and drawn again without Blender.
"""

from pathlib import Path

from pipeline.verify.folder import Report, verify_report
from pipeline.verify.sample import sample_faults

__all__ = ["Report", "sample_faults", "verify", "verify_report"]


def verify(out: Path) -> list[str]:
    """All faults of the dataset in `out`; an empty list when it is sound."""
    return verify_report(out).faults
