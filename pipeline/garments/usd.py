"""USD (.usd, .usda, .usdc, .usdz) through the `pxr` library that comes with Blender.

Points are read as they stand, under the transforms above them. `metersPerUnit` and `upAxis` of a
file are not applied, because many programs leave them at their defaults: the options say it.
"""

import sys
import zipfile
import zlib
from pathlib import Path

import bpy
import numpy as np

from pipeline.garments.caches import RawCache, broken
from pipeline.garments.scenemesh import SceneMesh, fan, joined

_UV_TYPES = ("texCoord2f[]", "texCoord2d[]", "texCoord2h[]", "float2[]")


def read(path: Path, fps: float) -> RawCache:
    """Read a stage at `fps` samples per second, from its first time sample to its last.

    Without `timeCodesPerSecond` in the file, one time code is one sample. Meshes come in the order
    of their names. Raises GenbError when the file is damaged or holds no mesh.
    """
    _check_package(path)
    _import_pxr()
    from pxr import Tf, Usd, UsdGeom

    try:
        stage = Usd.Stage.Open(str(path))
        _bake_skeletons(stage)
        everything = stage.Traverse(Usd.TraverseInstanceProxies())
        prims = [prim for prim in everything if prim.IsA(UsdGeom.Mesh)]
        if not prims:
            raise broken(path, "it holds no mesh")
        prims.sort(key=lambda prim: (prim.GetName(), str(prim.GetPath())))
        codes = _time_codes(stage, prims, fps)
        frames = [_world_vertices(prims, code) for code in codes]
        meshes = [_scene_mesh(prim, codes[0], path) for prim in prims]
    except Tf.ErrorException as error:
        raise broken(path, f"it is truncated or no USD file{_told(error)}") from error
    return joined(meshes, frames, round(codes[0], 3))


def _told(error) -> str:
    """USD's own words, which are no text when they quote a damaged file."""
    try:
        return f" ({' '.join(str(error).split())[-300:]})"
    except UnicodeDecodeError:
        return ""


def _check_package(path: Path) -> None:
    """Refuse a damaged .usdz, which is a zip that USD reads without its directory."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return
    try:
        with zipfile.ZipFile(path) as package:
            damaged = package.testzip()
    except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error) as error:
        raise broken(path, f"it is truncated or damaged ({error})") from error
    if damaged:
        raise broken(path, f"{damaged} in it is damaged")


def _import_pxr() -> None:
    """Make Blender's own `pxr` importable, and nothing else that lies beside it."""
    if "pxr" not in sys.modules:
        before = list(sys.path)
        bpy.utils.expose_bundled_modules()
        import pxr  # noqa: F401

        sys.path[:] = before


def _bake_skeletons(stage) -> None:
    """Turn skeletons and blend shapes (Blender's form of shape keys) into points per frame.

    The result lies in a layer of its own in memory; the file stays as it is.
    """
    from pxr import Gf, Usd, UsdSkel

    roots = [prim for prim in stage.Traverse() if prim.IsA(UsdSkel.Root)]
    if roots:
        layer = stage.GetSessionLayer()
        layer.timeCodesPerSecond = stage.GetTimeCodesPerSecond()
        stage.SetEditTarget(Usd.EditTarget(layer))
        for prim in roots:
            UsdSkel.BakeSkinning(UsdSkel.Root(prim), Gf.Interval.GetFullInterval())


def _time_codes(stage, prims, fps: float) -> list[float]:
    """Time codes to read at: the first sample of points or transforms, and so on to the last."""
    from pxr import UsdGeom

    times = set()
    for prim in prims:
        times.update(UsdGeom.Mesh(prim).GetPointsAttr().GetTimeSamples())
        while prim:
            if prim.IsA(UsdGeom.Xformable):
                times.update(UsdGeom.Xformable(prim).GetTimeSamples())
            prim = prim.GetParent()
    if not times:
        return [float(stage.GetStartTimeCode())]
    authored = stage.HasAuthoredMetadata("timeCodesPerSecond") or stage.HasAuthoredMetadata(
        "framesPerSecond"
    )
    step = stage.GetTimeCodesPerSecond() / fps if authored else 1.0
    first, last = min(times), max(times)
    return [first + k * step for k in range(int(np.floor((last - first) / step + 1e-3)) + 1)]


def _world_vertices(prims, code: float) -> np.ndarray:
    """(n, 3) vertices of all meshes at a time code."""
    from pxr import UsdGeom

    transforms = UsdGeom.XformCache(code)
    rows = []
    for prim in prims:
        points = np.array(UsdGeom.Mesh(prim).GetPointsAttr().Get(code) or (), float).reshape(-1, 3)
        matrix = np.array(transforms.GetLocalToWorldTransform(prim))
        rows.append(points @ matrix[:3, :3] + matrix[3, :3])
    return np.concatenate(rows)


def _scene_mesh(prim, code: float, path: Path) -> SceneMesh:
    """Triangles, texture coordinates and materials of a mesh at a time code."""
    from pxr import UsdGeom

    mesh = UsdGeom.Mesh(prim)
    counts = np.array(mesh.GetFaceVertexCountsAttr().Get(code) or (), int)
    indices = np.array(mesh.GetFaceVertexIndicesAttr().Get(code) or (), int)
    if counts.sum() != len(indices):
        raise broken(path, f"{prim.GetPath()} has faces that do not fit their list of corners")
    places, polygon = fan(counts)
    if mesh.GetOrientationAttr().Get() == UsdGeom.Tokens.leftHanded:
        places = places[:, ::-1]
    faces = indices[places]
    material, materials = _materials(prim, len(counts), path)
    return SceneMesh(
        name=prim.GetName(),
        path=str(prim.GetPath()),
        count=len(mesh.GetPointsAttr().Get(code) or ()),
        faces=faces,
        corner_uv=_corner_uv(prim, code, faces, places, polygon, path),
        material=material[polygon],
        materials=materials,
    )


def _corner_uv(prim, code, faces, places, polygon, path: Path) -> np.ndarray | None:
    """(M, 3, 2) of the primvar `st`, or else of the first that holds texture coordinates."""
    from pxr import UsdGeom

    found = [
        primvar
        for primvar in UsdGeom.PrimvarsAPI(prim).GetPrimvarsWithValues()
        if str(primvar.GetTypeName()) in _UV_TYPES
    ]
    if not found:
        return None
    primvar = min(found, key=lambda primvar: primvar.GetPrimvarName() != "st")
    values = np.array(primvar.ComputeFlattened(code), np.float32).reshape(-1, 2)
    rows = {
        UsdGeom.Tokens.faceVarying: places,
        UsdGeom.Tokens.vertex: faces,
        UsdGeom.Tokens.varying: faces,
        UsdGeom.Tokens.uniform: np.repeat(polygon[:, None], 3, axis=1),
        UsdGeom.Tokens.constant: np.zeros_like(faces),
    }[primvar.GetInterpolation()]
    if rows.size and rows.max() >= len(values):
        raise broken(path, f"{prim.GetPath()} has too few texture coordinates ({len(values)})")
    return values[rows]


def _materials(prim, polygons: int, path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Material (polygons,) of each polygon, -1 for none, and the materials' names."""
    from pxr import UsdShade

    whole = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0]
    names = [whole.GetPath().name] if whole else []
    material = np.full(polygons, len(names) - 1)
    for subset in UsdShade.MaterialBindingAPI(prim).GetMaterialBindSubsets():
        bound = UsdShade.MaterialBindingAPI(subset.GetPrim()).GetDirectBinding().GetMaterialPath()
        members = np.array(subset.GetIndicesAttr().Get() or (), int)
        if members.size and not 0 <= members.min() <= members.max() < polygons:
            raise broken(path, f"{subset.GetPath()} names faces that do not exist")
        material[members] = len(names)
        names.append(bound.name if bound else subset.GetPrim().GetName())
    return material, tuple(names)
