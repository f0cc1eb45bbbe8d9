"""Materials from the pictures of a texture folder: on a garment's own texture coordinates, or
repeated over the cloth coordinates of a garment that we cut."""

from pathlib import Path

import bpy

from pipeline.blender.drawing import CLOTH_UV, cloth_point
from pipeline.blender.nodes import Graph, new_material
from pipeline.blender.texture_folders import Pictures

OWN_UV = "own"
"""UV map of the texture coordinates that a garment brought along."""

_ROUGHNESS, _SPECULAR, _RELIEF = 0.85, 0.25, 1.0


def picture_material(pictures: Pictures, group: str, uv_map: str) -> bpy.types.Material:
    """Material of one group of a garment's faces.

    uv_map: `CLOTH_UV`, which is in metres and is divided by the picture's size, or the name of
    another map (`OWN_UV`, a body's), which the pictures are made for.
    """
    material, graph, principled = new_material(f"pictures_{pictures.name}_{group}")
    if uv_map != CLOTH_UV:
        uv = graph.add("UVMap", uv_map=uv_map).outputs[0]
    else:
        uv = cloth_point(graph)
        scale = [1 / (pictures.tile_m or 1.0)] * 3
        uv = graph.add("VectorMath", {0: uv, 1: scale}, operation="MULTIPLY").outputs[0]
    files = pictures.of(group)
    graph.set(principled, "Base Color", _image(graph, files["diffuse"], uv, "sRGB"))
    graph.set(principled, "Specular IOR Level", _SPECULAR)
    graph.set(principled, "Roughness", _ROUGHNESS)
    for slot, socket in (
        ("roughness", "Roughness"),
        ("metallic", "Metallic"),
        ("opacity", "Alpha"),
    ):
        if slot in files:
            graph.set(principled, socket, _image(graph, files[slot], uv, "Non-Color"))
    if "normal" in files:
        colour = _image(graph, files["normal"], uv, "Non-Color")
        bent = graph.add("NormalMap", {"Color": colour, "Strength": _RELIEF}, uv_map=uv_map)
        graph.set(principled, "Normal", bent.outputs[0])
    return material


def _image(graph: Graph, path: Path, uv, colour_space: str) -> bpy.types.NodeSocket:
    image = bpy.data.images.load(str(path), check_existing=True)
    image.colorspace_settings.name = colour_space
    image.alpha_mode = "CHANNEL_PACKED"
    return graph.add("TexImage", {"Vector": uv}, image=image, extension="REPEAT").outputs["Color"]
