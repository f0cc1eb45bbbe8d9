"""Configuration tables of the camera: rigs, framings, movements."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config_sections import Range, Section, Unit


class CameraRig(Section):
    """One way of placing the camera; a scene draws one by weight.

    The camera stands `distance_m` from the middle of the stage at `height_m` and looks at it; the
    view is then turned by `yaw_deg` (to the left), tilted by `pitch_deg` from the horizontal
    (up is positive) and rolled (clockwise). `hfov_deg` lists horizontal fields of view, one of
    which is drawn; `hfov_range_deg`, if given, is drawn from uniformly instead.
    """

    name: str
    weight: Annotated[float, Field(gt=0)] = 1.0
    hfov_deg: list[Annotated[float, Field(ge=1, le=150)]] = []
    hfov_range_deg: Range | None = None
    distance_m: Range
    height_m: Range
    pitch_deg: Range
    yaw_deg: Range = (0.0, 0.0)
    roll_deg: Range = (-3.0, 3.0)

    @model_validator(mode="after")
    def _has_lens(self):
        if bool(self.hfov_deg) == bool(self.hfov_range_deg):
            raise ValueError("give hfov_deg (a list) or hfov_range_deg, one of them")
        if not (self.pitch_deg[0] > -89 and self.pitch_deg[1] < 89):
            raise ValueError("pitch_deg must stay within -89 and 89 degrees")
        return self


class Lens(Section):
    """Focal lengths on the configured sensor; the field of view between its ends is drawn uniformly
    (as BEDLAM2 does: millimetres would make nearly everything a telephoto)."""

    focal_mm: Range
    weight: Annotated[float, Field(gt=0)] = 1.0

    @model_validator(mode="after")
    def _possible(self):
        if self.focal_mm[0] < 4 or self.focal_mm[1] > 1200:
            raise ValueError("focal_mm lies within 4 and 1200 mm")
        return self


class MovementSection(Section):
    """How the camera moves in scenes of several frames; each scene draws one of `kinds` by weight.

    static; follow: it goes along with the people's middle; orbit: it circles what it looks at;
    dolly: it comes nearer or goes away on the level; zoom: its focal length grows or shrinks by a
    factor per second. Directions are drawn. A share `handheld_share` of the scenes, of any kind,
    shakes with standard deviations `shake_deg` and `shake_m`. Without rigs, a movement that would
    lose somebody from the picture is made smaller; with rigs, one that would touch somebody.
    """

    kinds: dict[
        Literal["static", "follow", "orbit", "dolly", "zoom"], Annotated[float, Field(ge=0)]
    ] = {"static": 1.0}
    orbit_deg_s: Range = (5.0, 25.0)
    dolly_m_s: Range = (0.1, 0.6)
    zoom_per_s: Range = (1.05, 1.4)
    handheld_share: Unit = 0.0
    shake_deg: Annotated[float, Field(ge=0, le=5)] = 0.35
    shake_m: Annotated[float, Field(ge=0, le=0.2)] = 0.008

    @model_validator(mode="after")
    def _possible(self):
        if not sum(self.kinds.values()) > 0:
            raise ValueError("kinds needs a movement with a weight above 0")
        if self.orbit_deg_s[0] < 0 or self.dolly_m_s[0] < 0 or self.zoom_per_s[0] < 1:
            raise ValueError("orbit and dolly start at 0, zoom_per_s at 1; directions are drawn")
        return self


class OpticsSection(Section):
    """What a real lens and shutter blur; labels are those of the shutter's centre, in focus or not.

    A share `depth_of_field_share` of the scenes is focused on somebody's head with an f-number of
    `f_number` (small ones blur more); a share `motion_blur_share` is exposed for `shutter_s`
    seconds. Both are drawn on a logarithmic scale, as a photographer's dials are marked.
    """

    depth_of_field_share: Unit = 0.0
    f_number: Range = (1.8, 8.0)
    motion_blur_share: Unit = 0.0
    shutter_s: Range = (0.004, 0.02)

    @model_validator(mode="after")
    def _possible(self):
        if self.f_number[0] < 0.5:
            raise ValueError("f_number starts at 0.5: no lens is faster")
        if self.shutter_s[0] <= 0 or self.shutter_s[1] > 0.5:
            raise ValueError("shutter_s lies above 0 and up to 0.5 seconds")
        return self


class CameraSection(Section):
    """One full perspective camera per image.

    Without `rigs` the camera walks back until everybody is in the picture (`vfov_deg` or one of
    `lenses`, `height_m`, `roll_deg`, `framing_margin`), or what one of `framings`, drawn by weight,
    shows of them: everybody whole, one of them from the hips up, or the head and shoulders of one.
    With rigs it stands where a rig says, and people may be cut off. A share `portrait_share` of the
    scenes is taken with the camera turned upright: width and height change places, the lens stays,
    and the picture is stored upright.
    """

    width: Annotated[int, Field(ge=64, le=8192, multiple_of=8)] = 512
    height: Annotated[int, Field(ge=64, le=8192, multiple_of=8)] = 512
    portrait_share: Unit = 0.0
    vfov_deg: Range = (24.0, 62.0)
    lenses: list[Lens] = []
    height_m: Range = (0.7, 2.1)
    roll_deg: Range = (-3.0, 3.0)
    framing_margin: Range = (0.06, 0.28)
    framings: dict[
        Literal["full_body", "upper_body", "close_up"], Annotated[float, Field(ge=0)]
    ] = {"full_body": 1.0}
    sensor_width_mm: Annotated[float, Field(gt=0)] = 36.0
    rigs: list[CameraRig] = []
    movement: MovementSection = MovementSection()
    optics: OpticsSection = OpticsSection()

    @model_validator(mode="after")
    def _possible(self):
        if not (self.vfov_deg[0] >= 5 and self.vfov_deg[1] <= 120):
            raise ValueError("vfov_deg must lie within 5 and 120 degrees")
        if self.height_m[0] <= 0.1:
            raise ValueError("height_m must stay above 0.1 m (the ground is at 0)")
        if not sum(self.framings.values()) > 0:
            raise ValueError("framings needs one with a weight above 0")
        return self
