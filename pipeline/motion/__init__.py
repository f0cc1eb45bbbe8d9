"""Built-in, licence-free motions and import of SMPL-X/SMPL-H motion files (numpy and scipy only).

Everything here lives in the body-model frame: Y up, the person faces +Z at the start, metres.
`library.make_motion` invents a motion, `importer.read_motion` reads one; both return the same
`motion.Motion`.
"""
