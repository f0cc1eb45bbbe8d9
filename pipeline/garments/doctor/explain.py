"""What the search found, as faults in plain English: one for each kind of correction."""

from collections.abc import Callable

from pipeline.garments.cachefile import UNIT_M, GarmentCache
from pipeline.garments.doctor.faults import Fault
from pipeline.garments.doctor.search import Found, changes


def geometry_faults(given: GarmentCache, found: Found, flips: bool) -> list[Fault]:
    """Faults that lie between the given options and those that fit.

    flips: the faces look inwards under the options found. A file whose axes turn left-handed shows
    its faces from inside for that reason alone: then it is no fault of its own.
    """
    options, kinds = found.options, changes(given, found.options)
    faults = [text(given, options) for kind, text in _TEXTS.items() if kind in kinds]
    if not flips:
        return faults
    turn = {"flip_faces": not given.flip_faces}
    if options.mirrored != given.mirrored:
        return [
            Fault(fault.name, fault.text, {**fault.options, **turn})
            if fault.name == "axes"
            else fault
            for fault in faults
        ]
    return [*faults, Fault("faces", "the faces look inwards: the garment is inside out", turn)]


def _unit(given: GarmentCache, options: GarmentCache) -> Fault:
    factor = UNIT_M[given.unit] / UNIT_M[options.unit]
    size = f"{factor:.4g} times too large" if factor > 1 else f"{1 / factor:.4g} times too small"
    text = f"the numbers are {options.unit}, not {given.unit}: the garment is {size}"
    return Fault("unit", text, {"unit": options.unit})


def _axes(given: GarmentCache, options: GarmentCache) -> Fault:
    hand = "" if options.mirrored == given.mirrored else ", and left and right are exchanged"
    text = (
        f"the file's up is {options.up} and its front {options.forward}, not {given.up} and "
        f"{given.forward}{hand}"
    )
    keys = ("up", "forward", "mirrored")
    changed = {k: getattr(options, k) for k in keys if getattr(options, k) != getattr(given, k)}
    return Fault("axes", text, changed)


def _space(given: GarmentCache, options: GarmentCache) -> Fault:
    where = {
        "subject": "the subject frame's origin",
        "motion": "the motion file's origin",
        "pelvis": "the pelvis of every frame",
        "root": "the pelvis of every frame, and turns with it",
    }
    text = f"the file's origin is {where[options.space]}, not {where[given.space]}"
    return Fault("space", text, {"space": options.space})


def _start(given: GarmentCache, options: GarmentCache) -> Fault:
    text = (
        f"the clip begins at sample {options.start_frame} of the file, not at {given.start_frame}: "
        "what comes before is lead-in"
    )
    return Fault("start", text, {"start_frame": options.start_frame})


def _rate(given: GarmentCache, options: GarmentCache) -> Fault:
    was = f"{given.fps:g}" if given.fps else "the clip's"
    text = f"the file has {options.fps:g} samples per second, not {was}"
    return Fault("fps", text, {"fps": options.fps})


def _offset(given: GarmentCache, options: GarmentCache) -> Fault:
    moved = [b - a for a, b in zip(given.offset_m, options.offset_m, strict=True)]
    along = ", ".join(f"{1000 * v:+.0f}" for v in moved)
    text = f"the garment lies beside the body; it has to move by ({along}) mm"
    return Fault("offset", text, {"offset_m": list(options.offset_m)})


_TEXTS: dict[str, Callable[[GarmentCache, GarmentCache], Fault]] = {
    "unit": _unit,
    "axes": _axes,
    "space": _space,
    "start": _start,
    "fps": _rate,
    "offset": _offset,
}
"""Kind of correction -> its fault, in the order of the report."""
