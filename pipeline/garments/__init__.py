"""Clothing: patterns cut on the body's own T-pose template, cloth simulation, and cache files.

`outfits` (numpy) decides what people wear, `patterns` and `tailor` (scipy) make the garments,
`simulate` (Blender) moves them, `caches` reads a moving garment back from a file of any registered
format. `python -m pipeline.garments job.json` is the `dress` stage.
"""
