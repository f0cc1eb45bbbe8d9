"""The finished dataset: WebDataset tars, their index, the dataset card and Croissant metadata.

`write` packs scenes into a tar, `records` remembers which tars are complete, `read` opens tars
again, and `finish` writes everything that describes the dataset as a whole.
"""
