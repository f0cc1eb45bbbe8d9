"""One picture that shows everything known about a frame."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.body.modelfile import ModelFile
from pipeline.contracts import RenderPasses
from pipeline.errors import GenbError
from pipeline.jobs import load_scene, rejection
from pipeline.report.overlays import (
    amodal_picture,
    depth_picture,
    draw_bodies,
    draw_skeletons,
    flow_picture,
    instance_picture,
    normal_picture,
    part_picture,
    surface_picture,
)
from pipeline.scene import frame_name, picture_name
from pipeline.stages import Plan
from pipeline.storage import atomic_file, read_json, read_npz
from pipeline.truth.bodies import label_vertices
from pipeline.truth.frame import alone_depths, body_models

_COLUMNS = 5
_APPEARANCES = 5
"""At most so many appearances are shown."""
_TITLE_PX = 22
_LINE_PX = 18
_TILE_PX = 512
_PAPER, _INK, _QUIET = (18, 20, 24), (238, 238, 238), (168, 172, 180)


def contact_sheet(plan: Plan, scene: int, frame: int) -> np.ndarray:
    """(H, W, 3) uint8: render, final image, passes, skeleton, label bodies, audit figures.

    Raises GenbError when the scene was rejected or is not finished.
    """
    reason = rejection(plan.scene_dir("rerender", scene))
    if reason:
        raise GenbError(f"scene {scene} was rejected at {reason['stage']}: {reason['reason']}")
    spec, name = load_scene(plan, scene), frame_name(frame)
    folder = {stage: plan.scene_dir(stage, scene) for stage in ("render", "truth", "rerender")}
    passes = RenderPasses.load(folder["render"] / f"{name}.npz")
    labels = read_npz(folder["truth"] / f"{name}.npz")
    facts = read_json(folder["truth"] / f"{name}.json")
    record = read_json(folder["rerender"] / f"{name}.json")
    cg = _picture(folder["render"] / f"{name}.png")
    final = _picture(folder["rerender"] / f"{name}.png")
    models = body_models(plan, spec)
    bodies = label_vertices(labels, models)
    alone = alone_depths(labels["K"], bodies, [m.faces for m in models], passes.depth.shape)
    tiles = {
        "CG render": cg,
        f"final image ({_noise(record)})": final,
        "depth": depth_picture(passes.depth),
        "normals, camera frame": normal_picture(passes.normal),
        "instances": instance_picture(passes.instance),
        "parts": part_picture(passes.part),
        "amodal masks": amodal_picture(passes.amodal),
        "body surface, also under clothes": _surface(passes, models[0]),
        "joints, coloured by visibility": draw_skeletons(
            final, labels["joints_2d"], labels["joints_code"]
        ),
        "bodies from the labels (OpenGL)": draw_bodies(final, alone, labels["K"]),
    }
    for appearance in range(1, min(plan.config.diffusion.appearances, _APPEARANCES)):
        other = folder["rerender"] / picture_name(frame, appearance)
        noise = _noise(read_json(other.with_suffix(".json")))
        tiles[f"appearance {appearance} ({noise})"] = _picture(other.with_suffix(".png"))
    if passes.flow.size:
        tiles["flow to the next frame"] = flow_picture(passes.flow)
    return _lay_out(tiles, _caption(facts, record))


def _surface(passes: RenderPasses, model: ModelFile) -> np.ndarray:
    """The correspondence by texture coordinates, or by T-pose height where a model has none."""
    if model.vt is not None:
        corner_uv = model.vt[model.ft]
    else:
        flat = model.v_template[:, :2]
        flat = (flat - flat.min(axis=0)) / np.ptp(flat, axis=0)
        corner_uv = flat[model.faces]
    return surface_picture(passes.body_face, passes.body_bary, corner_uv)


def write_contact_sheet(plan: Plan, scene: int, frame: int, path: Path) -> None:
    """Write the contact sheet of a frame as PNG."""
    sheet = contact_sheet(plan, scene, frame)
    with atomic_file(path) as partial:
        Image.fromarray(sheet).save(partial, "PNG")


def _picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def _noise(record: dict) -> str:
    if not record["steps_run"]:
        return "noise level 0"
    if record["decision"] == "passthrough":
        return f"render kept, noise {record['steps_run']}/{record['steps']} drifted"
    told = f"{record['strategy']} noise {record['steps_run']}/{record['steps']}"
    repaired = len(record["treated"])
    return f"{told}, {repaired} repaired" if repaired else told


def _lay_out(tiles: dict[str, np.ndarray], lines: list[tuple[str, tuple]]) -> np.ndarray:
    scaled = {title: _shrink(tile) for title, tile in tiles.items()}
    height, width = next(iter(scaled.values())).shape[:2]
    rows = -(-len(scaled) // _COLUMNS)
    cell = height + _TITLE_PX
    size = (_COLUMNS * width, rows * cell + _LINE_PX * len(lines) + 12)
    page = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(14)
    for i, (title, tile) in enumerate(scaled.items()):
        x, y = (i % _COLUMNS) * width, (i // _COLUMNS) * cell
        draw.text((x + 6, y + 3), title, _INK, font)
        page.paste(Image.fromarray(tile), (x, y + _TITLE_PX))
    for i, (text, colour) in enumerate(lines):
        draw.text((6, rows * cell + 6 + i * _LINE_PX), text, colour, font)
    return np.asarray(page)


def _shrink(tile: np.ndarray) -> np.ndarray:
    height, width = tile.shape[:2]
    scale = _TILE_PX / max(height, width)
    if scale >= 1:
        return tile
    size = (round(width * scale), round(height * scale))
    return np.asarray(Image.fromarray(tile).resize(size, Image.Resampling.LANCZOS))


def _caption(facts: dict, record: dict) -> list[tuple[str, tuple]]:
    audit, camera, light = facts["audit"], facts["camera"], facts["light"]
    lines = [
        f"scene {facts['scene']}, frame {facts['frame']}: vertical field of view "
        f"{camera['vfov_deg']:.1f} deg, eye at {camera['eye_m'][2]:.2f} m, "
        f"{light['place']} {light['hdri']}",
        f"audit: silhouettes {audit['silhouette_iou']:.4f} IoU, vertices "
        f"{audit['vertex_error_px']:.1e} px, depth {audit['depth_median_mm']:.3f} mm median "
        f"{audit['depth_p99_mm']:.3f} mm p99, joints in mask {audit['joints_in_mask']:.1%}, "
        f"interpenetration {audit['interpenetration_mm']:.1f} mm",
    ]
    drift = record["drift"]
    if drift["mean_px"] is not None:
        lines.append(
            f"drift: {drift['mean_px']:.2f} px mean over people, {record['decision']}"
            + (f" ({record['reason']})" if record["reason"] else "")
        )
    people = [
        f"person {p['person']}: {p['sex']}, {p['age_years']:.0f} years, {p['stature_m']:.2f} m, "
        f"{p['action']}, {p['garments'] or 'no garments'}, {p['distance_m']:.1f} m away, "
        f"{p['occlusion']:.0%} occluded, {p['truncation']:.0%} outside"
        for p in facts["people"]
    ]
    return [(line, _INK) for line in lines] + [(line, _QUIET) for line in people]
