"""SMPL parameters from SMPL-X meshes: the user's licensed files, and the fit to the vertices.

Nothing of SMPL comes with this project: the model and the transfer matrix are read from a folder
of the user's (docs/smpl.md).
"""
