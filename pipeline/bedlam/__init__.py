"""Scenes of BEDLAM: read into SceneSpecs, and written from ours, both ways exact.

Unreal's left-handed centimetres exist in this package only; see `docs/bedlam.md`.
"""
