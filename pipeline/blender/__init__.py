"""The only package that imports bpy; run as its own process: `python -m pipeline.blender`."""
