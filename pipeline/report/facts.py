"""What a gallery card tells about its sample in words and tables."""

from html import escape

from pipeline.dataset import Frame
from pipeline.report.rerendering import noise_text
from pipeline.report.vectors import css_colour
from pipeline.shards.sample import UNMEASURED

_CAMERA = {
    "focal_mm": ("focal length", "mm"),
    "hfov_deg": ("horizontal field of view", "°"),
    "vfov_deg": ("vertical field of view", "°"),
    "pitch_deg": ("pitch", "°"),
    "roll_deg": ("roll", "°"),
    "f_number": ("f-number, 0 a pinhole", ""),
    "focus_m": ("focused at", "m"),
}


def picture_line(frame: Frame) -> str:
    """Where the picture was taken and how it was painted, in a line of HTML."""
    facts = frame.facts
    where = f"{facts['light']['place']} {facts['light']['hdri']}".strip()
    made = f"appearance {facts['appearance']}, {_decided(facts)} · {noise_text(facts['rerender'])}"
    return (
        f"{escape(where)}, {facts['camera']['vfov_deg']:.0f}° · {escape(facts['split'])}<br>"
        f"{escape(made)}"
    )


def _decided(facts: dict) -> str:
    """The decision, and how many people it touched."""
    decision = facts["rerender"]["decision"]
    repaired = sum(p["drift_decision"] != "accepted" for p in facts["people"])
    if decision in ("accepted", "passthrough"):
        return decision
    return f"{decision}, {repaired} of {facts['people_count']} repaired"


def people_lines(frame: Frame) -> str:
    """A line of HTML for everybody, in the colour of their overlays."""
    lines = "".join(
        f'<li><i style="background:{css_colour(k)}"></i>'
        + escape(
            f"{p['sex']} {p['age_years']:.0f} y, {p['action']}, {p['garments'] or 'no garments'}, "
            f"{p['occlusion']:.0%} hidden"
        )
        + "</li>"
        for k, p in enumerate(frame.people)
    )
    return f'<ul class="people">{lines}</ul>'


def facts_tables(frame: Frame) -> str:
    """People, camera, light, re-rendering and audit as tables."""
    facts = frame.facts
    camera, light, rerender = facts["camera"], facts["light"], facts["rerender"]
    seen = {
        "picture": f"{camera['width']} × {camera['height']} px, frame {facts['frame']} of scene "
        f"{facts['scene']}, {facts['frames']} in all",
        "shard": facts["shard"],
        "camera height": f"{camera['eye_m'][2]:.2f} m",
        **{title: f"{camera[name]:.4g} {unit}" for name, (title, unit) in _CAMERA.items()},
        "movement, framing": f"{facts['camera_movement']}, {facts['camera_framing']}",
        "shutter": f"{facts['shutter_s']:g} s",
    }
    lit = {
        "place": light["place"],
        "lit by": light["hdri"] or f"sun at {light['sun_elevation_deg']:.0f}° and sky",
        "exposure": f"{light['exposure_stops']:+.2f} stops",
        **{f"exposure, {n.replace('_', ' ')}": f"{v:.3g}" for n, v in facts["exposure"].items()},
    }
    painted = {
        "painted by": rerender["model"] or rerender["backend"],
        "noise": noise_text(rerender),
        "steps applied": f"{rerender['steps_applied']} of {rerender['steps']}",
        "prompt": rerender["prompt"] or "none",
        "decision": rerender["decision"],
        "because": rerender["reason"] or "nothing was wrong",
        "drift": _figure(rerender["drift_mean_px"], "px"),
        "change": _figure(rerender["change"]),
    }
    audit = {name.replace("_", " "): f"{value:.5g}" for name, value in facts["audit"].items()}
    return f"<h3>People</h3>{_people(frame)}" + "".join(
        f"<h3>{title}</h3>{_pairs(values)}"
        for title, values in (
            ("Camera", seen),
            ("Light", lit),
            ("Re-rendering", painted),
            ("Audit", audit),
        )
    )


def _people(frame: Frame) -> str:
    """One column per person."""
    rows = {
        "subject": lambda p: p["subject"],
        "sex, age": lambda p: f"{p['sex']}, {p['age_years']:.0f} years",
        "body model": lambda p: p["gender"] + (", kid" if p["kid_template"] else ""),
        "stature, mass": lambda p: f"{p['stature_m']:.2f} m, {p['mass_kg']:.0f} kg",
        "body mass index": lambda p: f"{p['bmi']:.1f} kg/m²",
        "skin tone": lambda p: f"{p['skin_tone']:.2f}",
        "motion": lambda p: f"{p['action']} ({p['motion']}, {p['motion_source']})",
        "garments": lambda p: p["garments"] or "none",
        "shoes, hair": lambda p: f"{p['shoes'] or 'barefoot'}, {p['hair']} {p['hair_colour']}",
        "distance": lambda p: f"{p['distance_m']:.2f} m",
        "hidden, cut off": lambda p: f"{p['occlusion']:.1%}, {p['truncation']:.1%}",
        "joints seen": lambda p: f"{p['visible_joints']} of 127",
        "foot float, sink": lambda p: f"{p['foot_float_mm']:.1f}, {p['foot_sink_mm']:.1f} mm",
        "drift": lambda p: f"{_figure(p['drift_mean_px'], 'px')}, {p['drift_decision']}",
    }
    head = "".join(
        f'<th><i style="background:{css_colour(k)}"></i>person {k}</th>'
        for k in range(len(frame.people))
    )
    lines = "".join(
        f"<tr><th>{title}</th>"
        + "".join(f"<td>{escape(str(told(person)))}</td>" for person in frame.people)
        + "</tr>"
        for title, told in rows.items()
    )
    return f'<div class="wide"><table><tr><td></td>{head}</tr>{lines}</table></div>'


def _pairs(values: dict[str, str]) -> str:
    lines = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in values.items()
    )
    return f'<div class="wide"><table>{lines}</table></div>'


def _figure(value: float, unit: str = "") -> str:
    return "unmeasured" if value == UNMEASURED else f"{value:.2f} {unit}".strip()
