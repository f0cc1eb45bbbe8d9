"""Body models: a file in SMPL-X format goes in, posed vertices and joints come out.

`modelfile` checks the file, `model` evaluates it with the `smplx` package, `lbs` with plain numpy,
`frames` moves parameters between frames, and `free` makes such a file from CC0 data.
"""
