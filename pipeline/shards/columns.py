"""The columns of index.parquet: one table for its writer, its readers and its documentation.

Every column has one type, one unit and one sentence, which the file carries as metadata of its
fields; `docs/searching.md` lists the same table (`python -m pipeline.shards.columns` rewrites it).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.diffusion.noise import REGIONS
from pipeline.errors import GenbError
from pipeline.truth.facts import SHOWN_BETAS

if TYPE_CHECKING:
    import pyarrow

DOCUMENT = Path(__file__).parents[2] / "docs" / "searching.md"
_OPENING, _CLOSING = "<!-- generated:columns", "<!-- end generated -->"


@dataclass(frozen=True)
class Column:
    """kind: str, int, float or bool (int64 and double in the file); unit: "" where it has none."""

    kind: type
    meaning: str
    unit: str = ""


def _text(meaning: str) -> Column:
    return Column(str, meaning)


def _count(meaning: str, unit: str = "") -> Column:
    return Column(int, meaning, unit)


def _number(meaning: str, unit: str = "") -> Column:
    return Column(float, meaning, unit)


def _share(meaning: str) -> Column:
    return Column(float, meaning, "0 to 1")


def _yes(meaning: str) -> Column:
    return Column(bool, meaning)


def _drift(moved: str, changed: str) -> dict[str, Column]:
    """Figures of the pixels of `moved` and of `changed`, from the render to the picture."""
    return {
        "drift_mean_px": _number(f"mean motion of {moved} from render to picture", "px"),
        "drift_p90_px": _number(f"90th percentile of the motion of {moved}", "px"),
        "drift_used_share": _share(f"share of {moved} that could be followed"),
        "change": _number(f"mean 1 - MS-SSIM of {changed}"),
        "colour_change": _number(f"mean colour change of {changed}", "CIE 1976 delta E"),
    }


_DRIFT_OF_ALL = _drift("all people's pixels", "all pixels")

COLUMN_GROUPS: dict[str, dict[str, Column]] = {
    "Picture": {
        "shard": _text("file name of the tar that holds the sample"),
        "key": _text("key of the sample, SSSSSS_FFFF of scene and frame; _aN of appearance N"),
        "scene": _count("number of the scene"),
        "frame": _count("number of the frame in its scene"),
        "appearance": _count("which picture of the frame, 0 is the first"),
        "split": _text("train, val or test; the same for all of a scene"),
        "people_count": _count("people in the frame, seen or not"),
    },
    "Person": {
        "person": _count("number in the picture; mask.png has it plus 1"),
        "subject": _text("identity: the same body, in whatever scene"),
        "gender": _text("body model: neutral, female or male"),
        "sex": _text("female or male"),
        "age_years": _number("age", "years"),
        "stature_m": _number("height of the body as it stands in T-pose", "m"),
        "mass_kg": _number("mass from the body's volume", "kg"),
        "bmi": _number("body mass index", "kg/m2"),
        "hair": _text("style, or the id of a mesh of the user"),
        "skin_tone": _share("skin tone, 0 the lightest"),
        **{f"beta_{i}": _number(f"shape coefficient {i}") for i in range(SHOWN_BETAS)},
    },
    "Motion": {
        "motion": _text("name of the motion"),
        "motion_source": _text("library, or the format of the file it came from"),
        "action": _text("what the person does, in words"),
        "airborne": _yes("nothing of the body is meant to touch the ground"),
        "looks_at_camera": _yes("the eyes are turned to the lens"),
        "foot_float_mm": _number("gap below the lowest vertex; 0 while airborne", "mm"),
        "foot_sink_mm": _number("depth of the lowest vertex in the ground", "mm"),
        "self_penetration_mm": _number("deepest vertex of the body in another part of it", "mm"),
    },
    "Clothes": {
        "garments": _text("kinds of garments, joined by +"),
        "garment_source": _text("tailor or files"),
        "garments_inside": _share("largest share of a garment inside the body, over the clip"),
        "garments_pinched": _share("largest share of a garment caught between body parts"),
        "garments_held": _yes("some garment was drawn to its place on the skin"),
        "shoes": _text("kind of shoes, or barefoot"),
    },
    "In the picture": {
        "distance_m": _number("from the camera to the pelvis", "m"),
        "yaw_deg": _number("heading in the world, about Z", "degrees"),
        "occlusion": _share("share of the body's pixels in the image that something hides"),
        "truncation": _share("share of the body's silhouette outside the image"),
        "mask_area_px": _count("pixels of the instance mask", "px"),
        "visible_joints": _count("joints seen, of 127"),
        "box_x0": _number("left edge of the mask; all four are 0 when no pixel is seen", "px"),
        "box_y0": _number("upper edge of the mask", "px"),
        "box_x1": _number("right edge of the mask", "px"),
        "box_y1": _number("lower edge of the mask", "px"),
    },
    "Camera": {
        "width": _count("width of the picture", "px"),
        "height": _count("height of the picture", "px"),
        "focal_mm": _number("focal length on the sensor", "mm"),
        "vfov_deg": _number("vertical field of view", "degrees"),
        "hfov_deg": _number("horizontal field of view", "degrees"),
        "pitch_deg": _number("above the horizon; negative looks down", "degrees"),
        "roll_deg": _number("about the line of sight", "degrees"),
        "f_number": _number("aperture; 0 is a pinhole"),
        "focus_m": _number("distance of sharpness; 0 with a pinhole", "m"),
        "camera_movement": _text("static, or how the camera moves in the scene"),
        "camera_framing": _text("what the camera frames; scene: everybody"),
        "shutter_s": _number("exposure time; 0 without motion blur", "s"),
        "eye_height_m": _number("height of the camera over the ground", "m"),
    },
    "Place and light": {
        "place": _text("panorama, a procedural place, or the id of a file"),
        "hdri": _text("id of the panorama; empty under the computed sky"),
        "sun_elevation_deg": _number("of the computed sky; 0 with a panorama", "degrees"),
        "sun_azimuth_deg": _number("of the computed sky; 0 with a panorama", "degrees"),
    },
    "Audit of the frame": {
        "audit_amodal_covers": _share("worst person's body pixels inside their amodal mask"),
        "audit_clothed_in_front": _share("body pixels where the clothed picture is not behind"),
        "audit_depth_max_mm": _number("largest difference of depth", "mm"),
        "audit_depth_median_mm": _number("median difference of depth", "mm"),
        "audit_depth_p99_mm": _number("99th percentile of the difference of depth", "mm"),
        "audit_interpenetration_mm": _number("deepest vertex of a body in another", "mm"),
        "audit_joints_in_mask": _share("joints not hidden by others that lie on the body"),
        "audit_near_share": _share("pixels of something nearer than 0.25 m"),
        "audit_parameter_error_mm": _number("label vertices against Blender's", "mm"),
        "audit_person_iou_min": _share("worst person's IoU of the two silhouettes"),
        "audit_position_error_px": _number("the position pass against its pixels", "px"),
        "audit_silhouette_iou": _share("IoU of everybody's two silhouettes"),
        "audit_surface_error_px": _number("pixel centres against body_face's points", "px"),
        "audit_vertex_error_px": _number("label vertices through K against Blender's", "px"),
    },
    "Exposure": {
        "exposure_black_share": _share("pixels too dark to tell apart"),
        "exposure_people_clipped": _share("people's pixels too dark or too bright"),
        "exposure_people_luma": _share("median display luma of the people"),
        "exposure_white_share": _share("pixels too bright to tell apart"),
    },
    "Re-rendering of the person (-1: unmeasured)": {
        **_drift("their pixels", "their pixels"),
        "drift_lost_share": _share("largest connected share of their pixels that was lost"),
        "boundary_ratio": _number("contrast of their outline over that in the render"),
        "boundary_px": _number("shift of their outline", "px"),
        "keypoint_px": _number("shift of their points as a detector finds them", "px"),
        "found_again": _number("1 if the detector still finds them, 0 if not"),
        "depth_error": _number("relative change of depth as a depth model sees it"),
        "first_drift_mean_px": _number("drift_mean_px of the first painting", "px"),
        "drift_decision": _text("accepted, calmed or render"),
    },
    "Re-rendering of the picture (-1: unmeasured)": {
        "backend": _text("what painted the picture; passthrough is the render itself"),
        "family": _text("family of the model; empty when nothing painted"),
        "model": _text("name of the model"),
        "revision": _text("commit of the model"),
        "references": _text("ids of the pictures whose look was taken over, joined by ,"),
        "strategy": _text("how noise is spread over the picture"),
        "steps": _count("denoising steps of a full painting"),
        "steps_run": _count("steps computed"),
        "steps_applied": _count("steps that are in the picture; 0: all of it is the render"),
        "silhouette_band": _count("cap of the noise on outlines; -1: none", "steps"),
        **{f"level_{name}": _count(f"noise of the {name}", "steps") for name in sorted(REGIONS)},
        "prompt": _text("the prompt"),
        "rerender_seed": _count("seed of the noise"),
        "decision": _text("accepted, calmed, render or passthrough"),
        "reason": _text("why the first painting was not accepted"),
        "attempts": _count("paintings and repairs that were judged"),
        "flicker_people": _number("change of people since the frame before", "1/255"),
        "flicker_all": _number("change of the picture since the frame before", "1/255"),
        **{f"image_{name}": column for name, column in _DRIFT_OF_ALL.items()},
        "image_first_drift_mean_px": _number("image_drift_mean_px of the first painting", "px"),
    },
}
"""Group -> column name -> column, in the order of the file."""

COLUMNS = {name: column for group in COLUMN_GROUPS.values() for name, column in group.items()}
"""Every column by name."""


def index_schema() -> pyarrow.Schema:
    """The Arrow schema; `unit` and `meaning` are metadata of each field. No column has nulls."""
    import pyarrow

    types = {
        str: pyarrow.string(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        bool: pyarrow.bool_(),
    }
    return pyarrow.schema(
        [
            pyarrow.field(
                name,
                types[column.kind],
                nullable=False,
                metadata={"meaning": column.meaning, "unit": column.unit},
            )
            for name, column in COLUMNS.items()
        ]
    )


def check_rows(rows: list[dict]) -> None:
    """Raise GenbError, naming the column, unless every row has all columns in their types."""
    for number, row in enumerate(rows):
        if row.keys() != COLUMNS.keys():
            wrong = sorted(row.keys() ^ COLUMNS.keys())
            raise GenbError(
                f"index row {number} does not have the columns of pipeline/shards/columns.py: "
                f"{', '.join(wrong)} is missing or unknown. Was the shard written by another "
                "version? Build the dataset again, or add the column to the table."
            )
    for name, column in COLUMNS.items():
        for number, row in enumerate(rows):
            if type(row[name]) is not column.kind:
                raise GenbError(
                    f"index row {number} has {name} = {row[name]!r}; the column holds "
                    f"{column.kind.__name__} (pipeline/shards/columns.py). Build the dataset again."
                )


def document_columns() -> str:
    """The columns by group as Markdown tables."""
    lines = []
    for group, columns in COLUMN_GROUPS.items():
        lines += [f"### {group}", "", "| column | type | unit | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{name}` | {column.kind.__name__} | {column.unit} | {column.meaning} |"
            for name, column in columns.items()
        ]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Rewrite the generated part of docs/searching.md."""
    head, _, rest = DOCUMENT.read_text().partition(_OPENING)
    opening, (_, _, tail) = rest.splitlines()[0], rest.partition(_CLOSING)
    DOCUMENT.write_text(f"{head}{_OPENING}{opening}\n\n{document_columns()}\n{_CLOSING}{tail}")


if __name__ == "__main__":
    main()
