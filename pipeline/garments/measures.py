"""Fixed sizes of clothing that other stages must agree on (numpy only, no heavy imports)."""

SHOE_SOLE_M = 0.012
"""Thickness of every shoe sole: a body that wears shoes stands this much higher."""

EDGE_M = 0.020
"""Target edge length of garment meshes on the template, metres."""

LAYERS = ("lower", "upper", "full", "outer", "shoes")
"""Semantic layers, the same words as in `conventions.PARTS`."""
