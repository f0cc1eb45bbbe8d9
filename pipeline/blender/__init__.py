"""The only package that imports bpy; it runs as a process of its own (`python -m pipeline.blender`)."""
