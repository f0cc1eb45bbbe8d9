"""Two people for tests of rendering, without any stage before it."""

import numpy as np

from pipeline.assets import find_file
from pipeline.blender.place import Surroundings
from pipeline.blender.scene_render import Stage
from pipeline.blender.wardrobe import Worn
from pipeline.config import Config
from pipeline.contracts import SceneBodies
from pipeline.conventions import PARTS, rotation_z
from pipeline.scene import SceneSpec

SIZE = 128
STEP_M = np.array([[0.04, -0.03, 0.02], [-0.05, 0.0, 0.0]])
SUBJECT_FROM_BODY = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)


def make_stage(
    model, hdri="city", styles=("long", "short"), size=SIZE, frames=1, velocity_m_s=None, **scene
):
    """Two people in T-pose, one turned, one in a tube skirt; the arms leave the picture.

    With `frames`, each is STEP_M further from frame to frame. With `velocity_m_s` (2, 3), that is
    how the shutter sees them move. `scene` overrides the SceneSpec.
    """
    subject = model.v_template @ SUBJECT_FROM_BODY.T
    subject = subject - [0, 0, subject[:, 2].min()]
    transforms = []
    for x, y, yaw in ((-0.35, 0.0, 10.0), (0.45, 0.6, -25.0)):
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = rotation_z(yaw), (x, y, 0.0)
        transforms.append(T)
    placed = np.stack([subject @ T[:3, :3].T + T[:3, 3] for T in transforms])
    steps = np.arange(frames)[:, None, None] * STEP_M
    vertices = (placed + steps[:, :, None]).astype(np.float32)
    velocity = np.zeros((0, *placed.shape), np.float32)
    if velocity_m_s is not None:
        speeds = np.asarray(velocity_m_s, np.float32)[None, :, None]
        velocity = np.broadcast_to(speeds, vertices.shape).copy()
    look = {"skin_tone": 0.4, "iris": "brown", "hair_colour": "brown", "shoe_seed": 3, "seed": 4}
    clip = {"name": "idle", "seed": 0, "frames": 1, "fps": 25.0}
    person = {"gender": "neutral", "age_years": 30, "ancestry": [0, 0, 1], "betas": [0.0]}
    people = [
        {
            "subject": {**person, "subject": f"s{k}", "sex": sex, "motion": clip, "outfit": []},
            "first_frame": 0,
            "position_m": [0, 0],
            "yaw_deg": 0,
            "expression": [0.0] * 10,
            "appearance": {**look, "hair_style": styles[k], "garment_seeds": []},
        }
        for k, sex in enumerate(("female", "male"))
    ]
    spec = SceneSpec.model_validate(
        {
            "scene": 3,
            "seed": 11,
            "frames": frames,
            "people": people,
            "camera": {
                "width": size,
                "height": size,
                "vfov_deg": 36,
                "eye_m": [0.1, -3.6, 1.3],
                "target_m": [0, 0, 0.95],
            },
            "light": {"hdri": hdri, "rotation_deg": 30, "strength": 1.0, "exposure_stops": 0.0},
            **scene,
        }
    )
    joints = np.zeros((frames, 2, 127, 3), np.float32)
    joints[:] = [[[T[0, 3], T[1, 3], 1.5]] for T in transforms]  # places are metered at the heads
    bodies = SceneBodies(
        vertices=vertices,
        joints=joints,
        pose_world=np.zeros((frames, 2, 165)),
        transl_world=np.zeros((frames, 2, 3)),
        betas=np.zeros((2, 1)),
        expression=np.zeros((2, 10)),
        tpose=np.stack([subject, subject]).astype(np.float32),
        T_world_subject=np.tile(np.stack(transforms), (frames, 1, 1, 1)),
        ground_gap_mm=np.zeros((frames, 2), np.float32),
        airborne=np.zeros((frames, 2), bool),
        self_penetration_mm=np.zeros((frames, 2), np.float32),
        velocity=velocity,
    )
    wardrobe = [[_tube(transforms[0], steps[:, 0], velocity_m_s)], []]
    return Stage(spec, bodies, wardrobe, [model, model], Surroundings(find_file("hdri", hdri)))


def _tube(T, steps, velocity_m_s):
    """An open cylinder around the hips, as a skirt."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    rings = [
        np.column_stack([0.27 * np.cos(angle), 0.24 * np.sin(angle), np.full(40, z)])
        for z in np.linspace(1.0, 0.55, 8)
    ]
    rest = np.concatenate(rings)
    a = np.arange(7)[:, None] * 40 + np.arange(40)
    b = np.arange(7)[:, None] * 40 + (np.arange(40) + 1) % 40
    faces = np.concatenate(
        [
            np.stack([a, a + 40, b], -1).reshape(-1, 3),
            np.stack([b, a + 40, b + 40], -1).reshape(-1, 3),
        ]
    )
    moving = (rest @ T[:3, :3].T + T[:3, 3] + steps[:, None]).astype(np.float32)
    speeds = None
    if velocity_m_s is not None:
        speeds = np.broadcast_to(np.float32(velocity_m_s[0]), moving.shape).copy()
    return Worn(
        "skirt", PARTS["lower"], moving, faces, rest.astype(np.float32), seed=5, velocity=speeds
    )


def config(threads=2, **render):
    sections = {"render": {"samples": 2, **render}, "execution": {"threads": threads}}
    return Config.model_validate(sections)
