"""One scene from a configuration and a seed; scene i is the same however many are asked for."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.compose.casting import cast_of_scene, seat_of
from pipeline.compose.filming import film
from pipeline.compose.framing import sample_rig_camera, turned_upright
from pipeline.compose.layout import Candidate, Place, View, place_people
from pipeline.compose.look import sample_appearance, sample_light
from pipeline.compose.place import choose_place, occupied
from pipeline.compose.posed import Posed, candidate
from pipeline.compose.splits import split_of_scene
from pipeline.config import Config
from pipeline.errors import SceneRejected
from pipeline.motion.kinematics import JOINT
from pipeline.scene import CameraSpec, PersonSpec, SceneSpec, SubjectSpec
from pipeline.seeding import Stream, generator
from pipeline.storage import write_json

Member = Callable[[int], SubjectSpec | None]

_NOSE, _HEAD = 55, JOINT["head"]
_LOOKS_AHEAD_DEG = 50.0
"""People whose head is turned farther away from the camera do not look into it."""


def compose_scene(config: Config, seed: int, scene: int, member: Member, posed: Posed) -> SceneSpec:
    """SceneSpec of scene number `scene`: cast, places, camera, light and looks.

    `member(index)` is the subject in a part, or None when no candidate could be dressed;
    `posed(subject)` is its moving body. Raises SceneRejected when fewer people than
    `scene.people` allows can be shown.
    """
    section = config.scene
    config = _held(config, seed, scene)
    wanted = [(index, member(index)) for index in cast_of_scene(config, seed, scene)]
    cast = [subject for _, subject in wanted if subject]
    if len(cast) < section.people[0]:
        raise SceneRejected(
            f"only {len(cast)} member(s) of its cast could be dressed, at least "
            f"{section.people[0]} are wanted (see cast failures)"
        )
    rng = generator(seed, Stream.LAYOUT, scene)
    first_frames = [seat_of(rng, s.motion.frames, section.span) for s in cast]
    candidates = [
        candidate(posed, subject, first, section.frames, section.frame_step)
        for subject, first in zip(cast, first_frames, strict=True)
    ]
    azimuth_deg = float(rng.uniform(0.0, 360.0))
    camera = None
    if config.camera.rigs:
        rng_of_rig = generator(seed, Stream.CAMERA, scene)
        camera = sample_rig_camera(rng_of_rig, config.camera, azimuth_deg)
    places, notes = place_people(rng, section, candidates, View(azimuth_deg, camera))
    notes += [f"cast member {i} could not be dressed" for i, subject in wanted if not subject]
    spheres, radii = _all_spheres(candidates, places)
    shot = film(config, seed, scene, spheres, radii, azimuth_deg, camera)
    camera = shot.camera
    people = [
        _person(config, seed, scene, k, cast[k], first_frames[k], candidates[k], place, camera)
        for k, place in enumerate(places)
    ]
    cameras = shot.path or [camera]
    place, place_notes = choose_place(
        generator(seed, Stream.PLACE, scene), config.place, occupied(spheres, radii, cameras)
    )
    return SceneSpec(
        scene=scene,
        seed=seed,
        frames=section.frames,
        frame_step=section.frame_step,
        people=people,
        camera=camera,
        camera_path=shot.path,
        movement=shot.movement,
        framing=shot.framing,
        split=split_of_scene(config, seed, scene),
        shutter_s=shot.shutter_s,
        light=sample_light(generator(seed, Stream.LIGHT, scene), config.light),
        place=place,
        notes=[*notes, *shot.notes, *place_notes],
    )


def _held(config: Config, seed: int, scene: int) -> Config:
    """The configuration with the camera as it is held for this scene, level or upright."""
    share = config.camera.portrait_share
    if not share or generator(seed, Stream.OPTICS, scene, 1).random() >= share:
        return config
    return config.model_copy(update={"camera": turned_upright(config.camera)})


def _person(
    config: Config,
    seed: int,
    scene: int,
    k: int,
    subject: SubjectSpec,
    first_frame: int,
    body: Candidate,
    place: Place,
    camera: CameraSpec,
) -> PersonSpec:
    rng = generator(seed, Stream.APPEARANCE, scene, k)
    expression = rng.normal(0.0, config.body.expression_std, 10).clip(-2.0, 2.0)
    looks = generator(seed, Stream.GAZE, scene, k).random() < config.body.gaze_at_camera_share
    return PersonSpec(
        subject=subject,
        first_frame=first_frame,
        position_m=place.position_m,
        yaw_deg=place.yaw_deg,
        gaze_m=camera.eye_m if looks and _faces_camera(body, place, camera) else None,
        expression=[round(float(e), 4) for e in expression],
        appearance=sample_appearance(rng, subject, config.look),
    )


def _faces_camera(body: Candidate, place: Place, camera: CameraSpec) -> bool:
    """Whether the head points roughly at the camera in the scene's first frame."""
    joints = place.apply(body.joints[0])
    nose = joints[_NOSE] - joints[_HEAD]
    nose[2] = 0.0  # the nose lies below the head joint's forward axis by the head's shape
    sight = np.array(camera.eye_m) - joints[_HEAD]
    cosine = nose @ sight / (np.linalg.norm(nose) * np.linalg.norm(sight))
    return bool(cosine > np.cos(np.radians(_LOOKS_AHEAD_DEG)))


def _all_spheres(candidates: list[Candidate], places: list[Place]) -> tuple[np.ndarray, np.ndarray]:
    """World spheres (S, P, N, 3) m and radii (P, N) m around everybody in every clip frame."""
    placed = list(zip(candidates, places, strict=False))
    centres = [place.apply(one.spheres) for one, place in placed]
    return np.stack(centres, axis=1), np.stack([one.radii for one, _ in placed])


def write_scene(spec: SceneSpec, path: Path) -> None:
    """Write a scene file that a person can read and edit."""
    write_json(path, spec.model_dump(mode="json"))
