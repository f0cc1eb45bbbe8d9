"""Where a BEDLAM sequence takes place in the Unreal world, and so where our world's origin is.

Unreal levels put stages hundreds of metres from their origin and at any height. Our ground is
z = 0 and float32 wants small coordinates, so a sequence's world origin is its camera root, dropped
to the ground. The same rows give the same stage, so that export undoes what import did.
"""

from dataclasses import dataclass, replace

from pipeline.bedlam.be_seq import Row
from pipeline.bedlam.unreal import UnrealPose
from pipeline.errors import GenbError

_ROOT_KEYS = ("cameraroot_x", "cameraroot_y", "cameraroot_z")


@dataclass(frozen=True)
class Stage:
    """x, y, ground: our origin in the Unreal world, cm. root: what the Group's camera hangs on."""

    x: float = 0.0
    y: float = 0.0
    ground: float = 0.0
    root: UnrealPose = UnrealPose()

    def here(self, pose: UnrealPose) -> UnrealPose:
        """A pose of the Unreal world, from this stage's origin."""
        return replace(pose, x=pose.x - self.x, y=pose.y - self.y, z=pose.z - self.ground)

    def there(self, pose: UnrealPose) -> UnrealPose:
        """A pose from this stage's origin, in the Unreal world."""
        return replace(pose, x=pose.x + self.x, y=pose.y + self.y, z=pose.z + self.ground)


def stage_of(group: Row, comments: tuple[Row, ...], where: str) -> Stage:
    """The stage of a Group row below its Comment rows.

    A camera root that is not given stands at Unreal's origin. The ground is ground_height_world
    (BEDLAM2), else z_offset of the Comment row (BEDLAM), else 0. Raises GenbError on a value that
    is no number.
    """
    x, y, z = (token_number(group, key, 0.0, where) for key in _ROOT_KEYS)
    yaw = token_number(group, "cameraroot_yaw", 0.0, where)
    ground = 0.0
    for row in comments:
        ground = token_number(row, "z_offset", ground, where)
    ground = token_number(group, "ground_height_world", ground, where)
    return Stage(x, y, ground, UnrealPose(x, y, z, yaw))


def token_number(row: Row, key: str, default: float, where: str) -> float:
    """A number of a row's comment; raises GenbError when it is none."""
    text = row.tokens.get(key)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise GenbError(f"{where}: {key}={text} in the {row.kind} row is not a number.")
    return value
