"""Built-in, licence-free motions and motion files of four formats (numpy and scipy only).

Everything here lives in the body-model frame: Y up, the person faces +Z at the start, metres.
`library.make_motion` invents a motion, `files.read_motion` reads one; `clips.perform` gives a
subject's clip from either, and `catalogue` lists what a configuration offers.
"""
