"""A body model anyone may use, in the SMPL-X file format, generated from CC0 MakeHuman data."""
