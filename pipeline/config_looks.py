"""The table [look]: what clothes, shoes and hair look like, with every default and range."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config_sections import Range, Section, Unit

HairStyle = Literal[
    *("bald", "buzz", "short", "bob", "medium", "long", "ponytail", "bun", "curly", "afro")
]
_Share = Annotated[float, Field(ge=0)]


class HairSection(Section):
    """Shares of hair styles, by sex and age (boys and girls are under 13, older men over 55)."""

    woman: dict[HairStyle, _Share] = {
        "long": 0.24,
        "medium": 0.18,
        "bob": 0.14,
        "ponytail": 0.14,
        "bun": 0.12,
        "curly": 0.08,
        "short": 0.08,
        "afro": 0.02,
    }
    man: dict[HairStyle, _Share] = {
        "short": 0.58,
        "buzz": 0.16,
        "medium": 0.08,
        "curly": 0.06,
        "bald": 0.06,
        "bun": 0.03,
        "afro": 0.03,
    }
    older_man: dict[HairStyle, _Share] = {
        "short": 0.62,
        "buzz": 0.14,
        "bald": 0.24,
    }
    girl: dict[HairStyle, _Share] = {
        "long": 0.30,
        "ponytail": 0.26,
        "medium": 0.18,
        "bob": 0.14,
        "bun": 0.06,
        "curly": 0.06,
    }
    boy: dict[HairStyle, _Share] = {
        "short": 0.76,
        "buzz": 0.10,
        "curly": 0.08,
        "medium": 0.06,
    }

    @model_validator(mode="after")
    def _some(self):
        empty = [name for name, shares in self if not sum(shares.values())]
        if empty:
            raise ValueError(f"{', '.join(empty)}: at least one style needs a share above 0")
        return self


class FabricFolder(Section):
    """A folder of tileable pictures that garments may be made of; its name alone is enough.

    folder: an id of $GENB_ASSETS/texture.toml, or a path (absolute, or below $GENB_ASSETS) with one
    subfolder per look (texture_01, ...). kinds: garments that may wear it, empty for all. tile_m:
    how long one picture is on the cloth.
    """

    folder: str
    kinds: list[str] = []
    tile_m: Annotated[float, Field(gt=0, le=5)] = 0.4

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value):
        return {"folder": value} if isinstance(value, str) else value


class SkinFolder(Section):
    """A folder of skin textures for the body model's own texture map; its name alone is enough.

    folder: an id of $GENB_ASSETS/texture.toml, or a path, with one subfolder per skin (texture_01,
    ...) of diffuse and, if there are any, normal and roughness pictures. sex, skin_tone: whom they
    suit.
    """

    folder: str
    sex: Literal["any", "female", "male"] = "any"
    skin_tone: Range = (0.0, 1.0)

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value):
        return {"folder": value} if isinstance(value, str) else value


class LookSection(Section):
    """What clothes, shoes and hair look like (docs/looks.md).

    shoes: shares of kinds (sneaker, high_top, boot, loafer, flat, sandal, barefoot, or ids of
    $GENB_ASSETS/shoes.toml); a kind that does not suit somebody's age, sex or clothes is left out
    for them. fabric_folders: your own fabrics; `fabric_share` of the garments that one of them
    suits wear it, the others have procedural fabrics. hair_meshes: ids of $GENB_ASSETS/hair.toml;
    `hair_mesh_share` of all people wear one. skin_folders: your own skins; `skin_share` of the
    people whom one suits have it, the others have procedural skin.
    """

    shoes: dict[str, _Share] = {
        "sneaker": 0.50,
        "high_top": 0.12,
        "boot": 0.14,
        "loafer": 0.10,
        "flat": 0.08,
        "sandal": 0.06,
        "barefoot": 0.0,
    }
    hair: HairSection = HairSection()
    fabric_folders: list[FabricFolder] = []
    fabric_share: Unit = 0.5
    hair_meshes: list[str] = []
    hair_mesh_share: Unit = 0.5
    skin_folders: list[SkinFolder] = []
    skin_share: Unit = 1.0

    @model_validator(mode="after")
    def _some_shoes(self):
        if not sum(self.shoes.values()):
            raise ValueError("shoes: at least one kind needs a share above 0")
        return self
