"""One scene from a configuration and a seed; scene i is the same however many are asked for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.compose.casting import cast_of_scene, seat_of
from pipeline.compose.footprint import body_spheres
from pipeline.compose.framing import sample_camera
from pipeline.compose.layout import Candidate, place_people
from pipeline.compose.look import sample_appearance, sample_light
from pipeline.compose.population import Population
from pipeline.config import Config
from pipeline.conventions import rotation_z
from pipeline.errors import SceneRejected
from pipeline.motion.kinematics import forward_kinematics
from pipeline.motion.library import make_motion
from pipeline.scene import PersonSpec, SceneSpec, SubjectSpec
from pipeline.seeding import Stream, generator

Member = Callable[[int], SubjectSpec | None]


def compose_scene(
    config: Config, population: Population, seed: int, scene: int, member: Member
) -> SceneSpec:
    """SceneSpec of scene number `scene`: cast, places, camera, light and looks.

    `member(index)` is the subject in a part, or None when no candidate could be dressed. Raises
    SceneRejected when nobody of the scene's cast could.
    """
    wanted = [(index, member(index)) for index in cast_of_scene(config, seed, scene)]
    cast = [subject for _, subject in wanted if subject]
    if not cast:
        raise SceneRejected("no member of its cast could be dressed (see cast failures)")
    layout_rng = generator(seed, Stream.LAYOUT, scene)
    first_frames = [seat_of(layout_rng, s.motion.frames, config.scene.frames) for s in cast]
    candidates = [
        candidate(population, subject, first, config.scene.frames)
        for subject, first in zip(cast, first_frames, strict=True)
    ]
    azimuth_deg = float(layout_rng.uniform(0.0, 360.0))
    places, notes = place_people(layout_rng, config.scene, candidates, azimuth_deg)
    notes += [f"cast member {i} could not be dressed" for i, subject in wanted if not subject]
    people = []
    for k, place in enumerate(places):
        rng = generator(seed, Stream.APPEARANCE, scene, k)
        expression = rng.normal(0.0, config.body.expression_std, 10).clip(-2.0, 2.0)
        people.append(
            PersonSpec(
                subject=cast[k],
                first_frame=first_frames[k],
                position_m=place.position_m,
                yaw_deg=place.yaw_deg,
                expression=[round(float(e), 4) for e in expression],
                appearance=sample_appearance(rng, cast[k]),
            )
        )
    spheres, radii = _all_spheres(candidates, places)
    return SceneSpec(
        scene=scene,
        seed=seed,
        frames=config.scene.frames,
        people=people,
        camera=sample_camera(
            generator(seed, Stream.CAMERA, scene), config.camera, spheres, radii, azimuth_deg
        ),
        light=sample_light(generator(seed, Stream.LIGHT, scene), config.light),
        notes=notes,
    )


def candidate(
    population: Population, subject: SubjectSpec, first_frame: int, frames: int
) -> Candidate:
    """A subject's joints over the scene's frames, first pelvis over the origin, feet near 0."""
    skeleton = population.skeleton(subject.gender)
    rest = skeleton.rest_joints(np.array(subject.betas))
    spec = subject.motion
    rng = generator(spec.seed, Stream.MOTION)
    motion = make_motion(spec.name, rng, spec.fps, spec.frames, rest)
    joints = forward_kinematics(motion.pose, motion.transl, rest, skeleton.parents)
    joints = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1)
    # The true stature needs the mesh; head joint to foot joint spans 0.87 of it.
    stature_m = float(np.ptp(rest[:, 1]) / 0.87)
    joints[..., :2] -= joints[0, 0, :2].copy()
    joints[..., 2] += 0.045 * stature_m - joints[..., 2].min()
    return Candidate(joints[first_frame : first_frame + frames], stature_m)


def _all_spheres(candidates, places) -> tuple[np.ndarray, np.ndarray]:
    centres, radii = [], []
    for one, place in zip(candidates, places, strict=False):
        local, radius = body_spheres(one.joints, one.stature_m)
        world = local @ rotation_z(place.yaw_deg).T + np.array([*place.position_m, 0.0])
        centres.append(world.reshape(-1, 3))
        radii.append(np.tile(radius, len(local)))
    return np.concatenate(centres), np.concatenate(radii)


def write_scene(spec: SceneSpec, path: Path) -> None:
    """Write a scene file that a person can read and edit."""
    from pipeline.storage import write_json

    write_json(path, spec.model_dump(mode="json"))
