"""What a scene's camera does once the people stand: whom it frames, and how it moves.

A framing shows everybody whole, one of them from the hips up, or one head and shoulders. One that
would leave somebody entirely out of the picture, or put the lens too close to somebody, gives way
to the next wider one.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.compose.footprint import SPHERE_JOINTS
from pipeline.compose.framing import keeps_away, keeps_in_picture, sample_camera, shows_somebody
from pipeline.compose.movement import follow_shift, largest_that_fits, sample_movement
from pipeline.config import Config
from pipeline.conventions import transform
from pipeline.motion.kinematics import JOINT
from pipeline.scene import CameraSpec
from pipeline.seeding import Stream, generator

_HEAD = ("neck", "head", "left_collar", "right_collar")
_LEGS = tuple(
    f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle", "foot")
)
_NEAREST_FOCUS_M = 0.2
_WIDER = {"close_up": "upper_body", "upper_body": "full_body"}


@dataclass(frozen=True)
class Shot:
    """A scene's camera. camera: of its first frame. path: one per rendered frame when it moves,
    else empty. movement, framing: their kinds. shutter_s: of every exposure, 0 when nothing blurs.
    notes: what had to be changed."""

    camera: CameraSpec
    path: list[CameraSpec] = field(default_factory=list)
    movement: str = "static"
    framing: str = "rig"
    shutter_s: float = 0.0
    notes: list[str] = field(default_factory=list)


def film(
    config: Config,
    seed: int,
    scene: int,
    spheres: np.ndarray,
    radii: np.ndarray,
    azimuth_deg: float,
    rig: CameraSpec | None,
) -> Shot:
    """The camera of a scene whose people are placed, with its lens and shutter.

    spheres: (S, P, N, 3) m, world, around P people in every clip frame; radii: (P, N) m.
    azimuth_deg: direction from the people to the camera. rig: the camera that was placed first.
    """
    shot = _move(config, seed, scene, spheres, radii, azimuth_deg, rig)
    return _through_a_lens(config, seed, scene, spheres, shot)


def _through_a_lens(config: Config, seed: int, scene: int, spheres, shot: Shot) -> Shot:
    """The shot with a drawn f-number, focused on one head, and a drawn shutter."""
    optics = config.camera.optics
    rng = generator(seed, Stream.OPTICS, scene)
    focused, blurred = rng.random(2) < (optics.depth_of_field_share, optics.motion_blur_share)
    f_number, shutter_s = np.exp(rng.uniform(*np.log([optics.f_number, optics.shutter_s]).T))
    if blurred:
        shot = replace(shot, shutter_s=round(float(shutter_s), 6))
    if not focused:
        return shot
    head = list(SPHERE_JOINTS).index(JOINT["head"])
    step = config.scene.frame_step
    heads = spheres[::step, :, head]
    views = shot.path or [shot.camera]
    depths = [transform(c.T_cam_world(), h)[:, 2] for c, h in zip(views, heads, strict=False)]
    # Of those in front of the lens, one is drawn; the camera keeps to that head.
    ahead = np.flatnonzero(np.min(depths, axis=0) > _NEAREST_FOCUS_M)
    if not len(ahead):
        return replace(shot, notes=[*shot.notes, "nobody to focus on: everything is sharp"])
    who = int(rng.choice(ahead))
    views = [
        camera.model_copy(
            update={"f_number": round(float(f_number), 2), "focus_m": round(float(d[who]), 3)}
        )
        for camera, d in zip(views, depths, strict=False)
    ]
    return replace(shot, camera=views[0], path=views if shot.path else [])


def _move(config: Config, seed: int, scene: int, spheres, radii, azimuth_deg: float, rig) -> Shot:
    """The camera by its framing or rig, and its movement; see `film`."""
    movement = sample_movement(generator(seed, Stream.MOVEMENT, scene), config.camera)
    shift = follow_shift(movement, spheres[:, :, 0])
    camera, framing, framed, notes = rig, "rig", np.zeros(radii.shape, bool), []
    if camera is None:
        rng = generator(seed, Stream.CAMERA, scene)
        wanted = _drawn(config, seed, scene, radii.shape)
        camera, framing, framed = _frame(
            rng, config, spheres - shift[:, None, None], radii, azimuth_deg, *wanted
        )
        if framing != wanted[0]:
            notes.append(f"framed as {framing}, because {wanted[0]} would lose or touch somebody")
    if len(spheres) == 1 or movement.name == "static":
        return Shot(camera, framing=framing, notes=notes)
    flat, flat_radii = spheres.reshape(len(spheres), -1, 3), radii.ravel()

    def fits(path: list[CameraSpec]) -> bool:
        if not keeps_away(path, flat, flat_radii):
            return False
        if framing == "rig":
            return True
        shown = keeps_in_picture(path, spheres[:, framed], radii[framed])
        return shown and shows_somebody(path, spheres, radii)

    path, share = largest_that_fits(camera, movement, shift, config.cast.fps, fits)
    if not path:
        notes.append(f"the camera stands still: no {movement.name} suits everybody")
        return Shot(camera, framing=framing, notes=notes)
    if share < 1:
        notes.append(f"the camera's movement ({movement.name}) was made {share:.0%} as large")
    path = path[:: config.scene.frame_step]
    return Shot(path[0], path, movement.smaller(share).name, framing, notes=notes)


def _drawn(config: Config, seed: int, scene: int, shape: tuple[int, int]) -> tuple[str, int]:
    """A framing by weight, and the person whom it shows unless it shows everybody."""
    rng = generator(seed, Stream.FRAMING, scene)
    names = sorted(config.camera.framings)
    weights = np.array([config.camera.framings[name] for name in names])
    name = names[int(rng.choice(len(names), p=weights / weights.sum()))]
    return name, int(rng.integers(shape[0]))


def _frame(rng, config: Config, spheres, radii, azimuth_deg: float, name: str, person: int):
    """(camera, framing, framed (P, N)) of the first framing from `name` on that suits everybody,
    of `person` or else of the next one."""
    flat, flat_radii = spheres.reshape(len(spheres), -1, 3), radii.ravel()
    while True:
        for k in range(len(radii) if name != "full_body" else 1):
            framed = _framed(name, (person + k) % len(radii), radii.shape)
            chosen = spheres[:, framed]
            again = np.tile(radii[framed], len(chosen))
            camera = sample_camera(rng, config.camera, chosen.reshape(-1, 3), again, azimuth_deg)
            path = [camera] * len(spheres)
            suits = shows_somebody(path, spheres, radii) and keeps_away(path, flat, flat_radii)
            if suits or name == "full_body":
                return camera, name, framed
        name = _WIDER[name]


def _framed(name: str, person: int, shape: tuple[int, int]) -> np.ndarray:
    """Which spheres (P, N) bool a framing has to show."""
    joints = {"close_up": _HEAD, "upper_body": [j for j in JOINT if j not in _LEGS]}
    mine = np.isin(SPHERE_JOINTS, [JOINT[j] for j in joints.get(name, JOINT)])
    framed = np.tile(mine, (shape[0], 1))
    if name != "full_body":
        framed[np.arange(shape[0]) != person] = False
    return framed
