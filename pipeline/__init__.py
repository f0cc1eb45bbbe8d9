"""Gen-B builder: synthetic training data for 3D human pose and shape (HPS).

Each sub-package is one stage of the chain; `pipeline.stages` names them in order.
"""
