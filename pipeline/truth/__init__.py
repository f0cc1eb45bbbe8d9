"""Labels from parameters, and the audit that decides whether they may be believed.

`frame` writes both for one frame; `labels`, `visibility` and `dense` compute labels in numpy,
`silhouette` draws bodies a second time without Blender, and `audit` compares the two.
"""
