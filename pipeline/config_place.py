"""Configuration tables of where a scene is: panoramas, procedural places, scene files."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config_sections import Range, Section


class SunSection(Section):
    """When and where the procedural sky is: the sun stands where it really would.

    latitude_deg: north is positive. day_of_year: 1 is January 1st. hour: solar time, 12 is the
    sun's highest. Moments with the sun below `min_elevation_deg` are drawn again.
    """

    latitude_deg: Range = (-55.0, 60.0)
    day_of_year: Range = (1.0, 365.0)
    hour: Range = (7.0, 18.0)
    min_elevation_deg: Annotated[float, Field(ge=0, le=60)] = 8.0

    @model_validator(mode="after")
    def _possible(self):
        if self.latitude_deg[0] < -90 or self.latitude_deg[1] > 90:
            raise ValueError("latitude_deg lies within -90 and 90")
        if self.hour[0] < 0 or self.hour[1] > 24:
            raise ValueError("hour lies within 0 and 24")
        return self


class PlaceSection(Section):
    """Where people stand; each scene draws one of `kinds` by weight.

    panorama: before an HDRI of `light.hdris`, on its own floor; field: open ground under a
    procedural sun and sky; plaza: between buildings under the same; room: indoors, daylight of an
    HDRI through the windows; file: in one of `files`, ids of place.toml (docs/places.md). Rooms
    and plazas are built around the people and the camera; in a file both stay on what its manifest
    declares walkable.
    """

    kinds: dict[
        Literal["panorama", "field", "plaza", "room", "file"], Annotated[float, Field(ge=0)]
    ] = {"panorama": 1.0}
    files: list[str] = []
    sun: SunSection = SunSection()

    @model_validator(mode="after")
    def _possible(self):
        if not sum(self.kinds.values()) > 0:
            raise ValueError("kinds needs a place with a weight above 0")
        if self.kinds.get("file", 0) > 0 and not self.files:
            raise ValueError("kinds asks for files, but files is empty: name ids of place.toml")
        return self
