"""index.parquet: one row per person per image, to search a dataset without opening its tars.

Image means sample: each appearance of a frame has rows of its own. `columns` says what each column
is; `docs/searching.md` shows queries.
"""

import io
from pathlib import Path

from pipeline.shards.columns import check_rows, index_schema
from pipeline.shards.read import read_samples
from pipeline.shards.sample import DRIFT, PERSON_DRIFT
from pipeline.storage import write_bytes

_PERSON = (
    *("person", "subject", "gender", "sex", "age_years", "stature_m", "mass_kg", "bmi"),
    *("motion", "motion_source", "action", "airborne", "looks_at_camera"),
    *("foot_float_mm", "foot_sink_mm", "self_penetration_mm"),
    *("garments", "garment_source", "garments_inside", "garments_pinched", "garments_held"),
    *("shoes", "hair", "skin_tone"),
    *("distance_m", "yaw_deg", "occlusion", "truncation"),
    *("mask_area_px", "visible_joints"),
    *PERSON_DRIFT,
    *("first_drift_mean_px", "drift_decision"),
)
_CAMERA = (
    *(
        "width",
        "height",
        "focal_mm",
        "vfov_deg",
        "hfov_deg",
        "pitch_deg",
        "roll_deg",
        "f_number",
        "focus_m",
    ),
)
_LIGHT = ("place", "hdri", "sun_elevation_deg", "sun_azimuth_deg")
_RERENDER = (
    *("backend", "family", "model", "revision", "references", "strategy"),
    *("steps", "steps_run", "steps_applied", "silhouette_band", "prompt"),
    *("decision", "reason", "attempts", "flicker_people", "flicker_all"),
)


def index_rows(tars: list[Path]) -> list[dict]:
    """Rows of the index, in the order of the tars."""
    rows = []
    for tar in tars:
        for sample in read_samples(tar, only=("json",)):
            facts = sample.json()
            rows += [index_row(tar.name, facts, person) for person in facts["people"]]
    return rows


def index_row(shard: str, facts: dict, person: dict) -> dict:
    """Row of one person. shard: file name of the tar. facts: the sample's JSON, person: in it."""
    rerender = facts["rerender"]
    return {
        "shard": shard,
        "key": facts["key"],
        "scene": facts["scene"],
        "frame": facts["frame"],
        "appearance": facts["appearance"],
        "split": facts["split"],
        **{name: person[name] for name in _PERSON},
        **{
            f"box_{n}": v
            for n, v in zip(("x0", "y0", "x1", "y1"), person["box_modal"], strict=True)
        },
        **{f"beta_{i}": value for i, value in enumerate(person["betas"])},
        "people_count": facts["people_count"],
        **{name: facts["camera"][name] for name in _CAMERA},
        "camera_movement": facts["camera_movement"],
        "camera_framing": facts["camera_framing"],
        "shutter_s": facts["shutter_s"],
        "eye_height_m": facts["camera"]["eye_m"][2],
        **{name: facts["light"][name] for name in _LIGHT},
        **{f"audit_{name}": value for name, value in facts["audit"].items()},
        **{f"exposure_{name}": value for name, value in facts["exposure"].items()},
        **{name: rerender[name] for name in _RERENDER},
        **{f"level_{region}": level for region, level in rerender["levels"].items()},
        "rerender_seed": rerender["seed"],
        **{f"image_{name}": rerender[name] for name in (*DRIFT, "first_drift_mean_px")},
    }


def write_index(path: Path, rows: list[dict]) -> None:
    """Write the rows, of which there may be none, as Parquet with the schema of `columns`.

    The bytes depend on the rows only. Raises GenbError when a row does not fit the schema.
    """
    import pyarrow
    import pyarrow.parquet

    check_rows(rows)
    buffer = io.BytesIO()
    table = pyarrow.Table.from_pylist(rows, schema=index_schema())
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    write_bytes(path, buffer.getvalue())


def read_index(path: Path) -> list[dict]:
    """Rows of an index.parquet."""
    import pyarrow.parquet

    return pyarrow.parquet.read_table(path).to_pylist()
