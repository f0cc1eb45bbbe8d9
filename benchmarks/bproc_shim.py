"""What lets BlenderProc 2.8.0 (written for Blender 4.2) run in bpy 5.0: names, and nothing else.

Blender 5.0 moved the compositor from `scene.node_tree` to `scene.compositing_node_group`, and
renamed some nodes, sockets and render passes. `install()` gives scenes a `node_tree` again that
translates the old names. BlenderProc's own code is not touched: what it builds and renders is what
it would build and render in its own Blender.
"""

import bpy

_NODES = {
    "CompositorNodeMath": "ShaderNodeMath",
    "CompositorNodeSepRGBA": "CompositorNodeSeparateColor",
    "CompositorNodeCombRGBA": "CompositorNodeCombineColor",
    "CompositorNodeComposite": "NodeGroupOutput",
}
_SOCKETS = {
    "R": "Red",
    "G": "Green",
    "B": "Blue",
    "IndexOB": "Object Index",
    "DiffCol": "Diffuse Color",
}


def install() -> None:
    """Give scenes the old `node_tree`, and materials the old switch for sampling emission."""
    bpy.types.Scene.node_tree = property(_tree)
    settings = type(bpy.data.materials.new("any").cycles)
    settings.sample_as_light = property(fset=_sample_as_light)


def _sample_as_light(settings, on: bool) -> None:
    settings.emission_sampling = "AUTO" if on else "NONE"


def _tree(scene: bpy.types.Scene) -> "_Tree":
    """The scene's compositor; made on first use, as `use_nodes = True` did in Blender 4."""
    tree = scene.compositing_node_group
    if tree is None:
        tree = bpy.data.node_groups.new("compositor", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        layers = tree.nodes.new("CompositorNodeRLayers")
        layers.name = "Render Layers"
        end = tree.nodes.new("NodeGroupOutput")
        tree.links.new(layers.outputs["Image"], end.inputs["Image"])
        scene.compositing_node_group = tree
    return _Tree(tree)


class _Tree:
    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self.nodes, self.links = _Nodes(tree.nodes), tree.links


class _Nodes:
    def __init__(self, nodes: bpy.types.Nodes) -> None:
        self._nodes = nodes

    def __iter__(self):
        return (_Node(node) for node in self._nodes)

    def get(self, name: str) -> "_Node":
        return _Node(self._nodes[name])

    def remove(self, node: "_Node") -> None:
        self._nodes.remove(node._node)

    def new(self, kind: str) -> "_Node":
        node = self._nodes.new(_NODES.get(kind, kind))
        if kind == "CompositorNodeOutputFile":
            node.format.media_type, node.format.file_format = "IMAGE", "OPEN_EXR"
            node.format.color_depth = "32"  # what Blender 4 took when told OPEN_EXR
            node.file_output_items.new("RGBA", "Image")
            node.file_name = ""
        return _Node(node)


class _Node:
    """A node under its old names. File outputs have one slot, which is all that is asked for."""

    def __init__(self, node: bpy.types.Node) -> None:
        self.__dict__["_node"] = node

    def __getattr__(self, name: str):
        node = self._node
        if name in ("inputs", "outputs"):
            return _Sockets(getattr(node, name), node.bl_idname == "CompositorNodeOutputFile")
        if name == "file_slots":
            return _Slots(node)
        if name == "bl_idname" and node.bl_idname == "NodeGroupOutput":
            return "CompositorNodeComposite"
        return getattr(node, name)

    def __setattr__(self, name: str, value) -> None:
        setattr(self._node, "directory" if name == "base_path" else name, value)


class _Slots:
    def __init__(self, node: bpy.types.Node) -> None:
        self._node = node

    def values(self) -> list["_Slot"]:
        return [_Slot(self._node)]


class _Slot:
    """`slot.path = prefix`: the beginning of the file names."""

    def __init__(self, node: bpy.types.Node) -> None:
        self.__dict__["_node"] = node

    def __setattr__(self, _name: str, prefix: str) -> None:
        self._node.file_output_items[0].name = prefix


class _Sockets:
    def __init__(self, sockets, of_file: bool) -> None:
        self._sockets, self._of_file = sockets, of_file

    def __getitem__(self, key: str | int):
        if self._of_file:
            return self._sockets[0]
        return self._sockets[_SOCKETS.get(key, key)]
