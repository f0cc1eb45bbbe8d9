"""How everything that varies is spread, as small charts of the index.

People and images are counted once per picture, every appearance included: it is what a loader sees.
"""

from pipeline.report.charts import categories, histogram


def distribution_charts(rows: list[dict]) -> str:
    """HTML of all charts. rows: those of the index, one per person per picture."""
    images = list({row["key"]: row for row in rows}.values())
    return "".join(
        f'<h3>{title}</h3><div class="charts">{"".join(charts)}</div>'
        for title, charts in (
            ("Scenes and cameras", _scenes(images)),
            ("People", _people(rows)),
            ("How people are seen", _views(rows)),
            ("Bodies and cloth", _plausibility(rows)),
        )
    )


def _scenes(images: list[dict]) -> list[str]:
    return [
        histogram("people per image", [float(r["people_count"]) for r in images]),
        categories("split", _column(images, "split")),
        categories("appearance", [f"appearance {r['appearance']}" for r in images]),
        categories("place", _column(images, "place")),
        categories("light", [r["hdri"] or "sun and sky" for r in images]),
        histogram("brightness of people", _column(images, "exposure_people_luma")),
        histogram("vertical field of view", _column(images, "vfov_deg"), "°"),
        histogram("horizontal field of view", _column(images, "hfov_deg"), "°"),
        histogram("focal length", _column(images, "focal_mm"), " mm"),
        histogram("camera height", _column(images, "eye_height_m"), " m"),
        histogram("camera pitch, up is positive", _column(images, "pitch_deg"), "°"),
        histogram("camera roll", _column(images, "roll_deg"), "°"),
        categories("camera movement", _column(images, "camera_movement")),
        categories("camera framing", _column(images, "camera_framing")),
        categories("format", [f"{r['width']} × {r['height']}" for r in images]),
    ]


def _people(rows: list[dict]) -> list[str]:
    return [
        categories("sex", _column(rows, "sex")),
        categories("body model", _column(rows, "gender")),
        histogram("age", _column(rows, "age_years"), " y"),
        histogram("stature", _column(rows, "stature_m"), " m"),
        histogram("body mass index", _column(rows, "bmi"), " kg/m²"),
        *(histogram(f"shape coefficient {i}", _column(rows, f"beta_{i}")) for i in range(3)),
        histogram("skin tone, 0 the lightest", _column(rows, "skin_tone")),
        categories("hair", _column(rows, "hair")),
        categories("actions", _column(rows, "action")),
        categories("motion source", _column(rows, "motion_source")),
        categories("clothes", _column(rows, "garments")),
    ]


def _views(rows: list[dict]) -> list[str]:
    return [
        histogram("occlusion", _column(rows, "occlusion")),
        histogram("truncation", _column(rows, "truncation")),
        histogram("distance", _column(rows, "distance_m"), " m"),
        histogram("heading in the world", [(r["yaw_deg"] + 180) % 360 - 180 for r in rows], "°"),
        histogram("joints seen, of 127", [float(n) for n in _column(rows, "visible_joints")]),
        categories("looks at the camera", _yes_no(_column(rows, "looks_at_camera"))),
    ]


def _plausibility(rows: list[dict]) -> list[str]:
    return [
        histogram("foot float", _column(rows, "foot_float_mm"), " mm"),
        histogram("foot sink", _column(rows, "foot_sink_mm"), " mm"),
        histogram("self-penetration", _column(rows, "self_penetration_mm"), " mm"),
        categories("in the air", _yes_no(_column(rows, "airborne"))),
        histogram("cloth inside the body", _percent(_column(rows, "garments_inside")), " %"),
        histogram("cloth pinched by the body", _percent(_column(rows, "garments_pinched")), " %"),
        categories("cloth held to the skin", _yes_no(_column(rows, "garments_held"))),
    ]


def _column(rows: list[dict], name: str) -> list:
    return [row[name] for row in rows]


def _percent(shares: list[float]) -> list[float]:
    return [100 * share for share in shares]


def _yes_no(flags: list[bool]) -> list[str]:
    return ["yes" if flag else "no" for flag in flags]
