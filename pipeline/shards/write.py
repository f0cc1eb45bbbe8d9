"""Scenes into one WebDataset tar: the same scenes give the same bytes.

Extensions are chosen so that plain `webdataset` and Hugging Face `datasets` decode every member
without custom code: .npy for exact depth and normals, 8-bit PNG for ids (a 16-bit PNG is clipped
by webdataset's PIL decoder).
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.contracts import RenderPasses, SceneBodies
from pipeline.conventions import transform
from pipeline.errors import GenbError
from pipeline.jobs import load_scene, rejection
from pipeline.scene import SceneSpec, frame_name, picture_name
from pipeline.shards.records import checksum_path, record_path, shard_path
from pipeline.shards.sample import member_checksums, sample_json, sample_key
from pipeline.shards.tars import shard_tar, write_checksum
from pipeline.stages import Plan
from pipeline.storage import (
    canonical_json,
    npz_bytes,
    read_json,
    read_npz,
    write_json,
)
from pipeline.truth.dense import dense_indices, dense_labels
from pipeline.truth.dense_matrices import read_dense_matrices
from pipeline.truth.frame import body_models


def write_shard(plan: Plan, index: int, scenes: list[int], path: Path) -> dict:
    """Write the tar of `scenes` to `path`; returns {'samples': [keys], 'rejected': [...]}.

    Rejected scenes are left out of the tar and listed with stage and reason.
    """
    samples, rejected = [], []
    with shard_tar(path) as add:
        for scene in sorted(scenes):
            reason = rejection(plan.scene_dir("rerender", scene))
            if reason:
                rejected.append({"scene": scene, **reason})
                continue
            for key, members in _samples(plan, scene, index):
                samples.append(key)
                add(key, members)
    return {"samples": samples, "rejected": rejected}


def publish_shard(plan: Plan, index: int, scenes: list[int]) -> dict:
    """Write a shard, its checksum file and, last, its completion record; returns the record."""
    tar, record = shard_path(plan, index), record_path(plan, index)
    # Without its checksum a shard counts as incomplete, so a kill between the steps is seen.
    for stale in (record, checksum_path(tar)):
        stale.unlink(missing_ok=True)
    content = write_shard(plan, index, scenes, tar)
    digest = write_checksum(tar)
    content |= {
        "shard": tar.name,
        "scenes": sorted(scenes),
        "sha256": digest,
        "bytes": tar.stat().st_size,
        "fingerprint": plan.key("shards"),
    }
    write_json(record, content)
    return content


def _samples(plan: Plan, scene: int, shard: int):
    """Yield (key, {extension: bytes}) of every appearance of every frame of a scene."""
    spec = load_scene(plan, scene)
    bodies = SceneBodies.load(plan.scene_dir("bodies", scene) / "bodies.npz")
    # One set of vertex numbers for everybody: all genders share one topology.
    model = body_models(plan, spec)[0]
    matrices = read_dense_matrices(plan.config.shards, len(model.v_template))
    chosen = [n for n in plan.config.shards.dense_keypoints if n not in matrices]
    dense = dense_indices(model, chosen), matrices
    tar = shard_path(plan, shard).name
    for frame in range(spec.frames):
        facts = read_json(plan.scene_dir("truth", scene) / f"{frame_name(frame)}.json")
        shared = _shared_members(plan, spec, bodies, frame, dense)
        for appearance in range(plan.config.diffusion.appearances):
            key = sample_key(scene, frame, appearance)
            picture = plan.scene_dir("rerender", scene) / picture_name(frame, appearance)
            record = read_json(picture.with_suffix(".json"))
            jpeg = _jpeg(picture.with_suffix(".png"), plan.config.shards.jpeg_quality)
            members = {**shared, "rgb.jpg": jpeg}
            told = sample_json(key, tar, facts, record) | {"members": member_checksums(members)}
            yield key, members | {"json": canonical_json(told).encode()}


def _shared_members(plan: Plan, spec: SceneSpec, bodies, frame: int, dense) -> dict[str, bytes]:
    """What is the same in every appearance of a frame: the render, its passes and the labels."""
    name = frame_name(frame)
    render, truth = (plan.scene_dir(stage, spec.scene) for stage in ("render", "truth"))
    passes = RenderPasses.load(render / f"{name}.npz")
    labels = read_npz(truth / f"{name}.npz")
    vertices_cam = transform(labels["T_cam_world"], bodies.vertices[frame])
    indices, matrices = dense
    labels |= dense_labels(vertices_cam, labels["K"], indices, passes, matrices)
    members = {
        "cg.png": png_bytes(_picture(render / f"{name}.png")),
        "mask.png": png_bytes(_ids(passes.instance, spec)),
        "part.png": png_bytes(passes.part),
        "npz": npz_bytes(labels),
    }
    if plan.config.shards.geometry:
        members["depth.npy"] = _npy(passes.depth)
        members["normal.npy"] = _npy(passes.normal)
        members["geometry.npz"] = npz_bytes(
            {name: getattr(passes, name) for name in ("amodal", "body_face", "body_bary")}
        )
        if plan.config.scene.frames > 1:
            members["flow.npy"] = _npy(_flow(passes))
    return members


def _flow(passes: RenderPasses) -> np.ndarray:
    """Flow (H, W, 2) f32; inf in a scene's last frame, which goes nowhere."""
    if passes.flow.size:
        return passes.flow
    return np.full((*passes.depth.shape, 2), np.inf, np.float32)


def _picture(path: Path) -> np.ndarray:
    try:
        return np.asarray(Image.open(path).convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise GenbError(
            f"{path} is missing or is not an image ({error}). Delete its folder and run the same "
            "command again to make it anew."
        ) from error


def _jpeg(path: Path, quality: int) -> bytes:
    buffer = io.BytesIO()
    # 4:4:4: chroma subsampling would smear colours across the silhouettes that the masks mark.
    Image.fromarray(_picture(path)).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def png_bytes(pixels: np.ndarray) -> bytes:
    """PNG of (H, W) or (H, W, 3) uint8, without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _ids(instance: np.ndarray, spec: SceneSpec) -> np.ndarray:
    if instance.max() > 255:
        raise GenbError(
            f"scene {spec.scene} has an instance id of {instance.max()}; masks are 8-bit. Use at "
            "most 255 people per image."
        )
    return instance.astype(np.uint8)


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()
