"""Other label formats from a finished dataset, without rendering anything again.

One module per format, each of which writes AND reads it; `formats` lists them.
"""
