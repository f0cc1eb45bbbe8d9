"""The JSON of one sample: facts of the frame, and what re-rendering did to it.

Every key is always there and always of one type (no null, no empty list, no free keys), because
Hugging Face `datasets` infers one Arrow schema from the first samples. The complete provenance of
the re-rendering is kept beside it as a JSON text.
"""

import hashlib

from pipeline.diffusion.noise import REGIONS
from pipeline.storage import canonical_json

UNMEASURED = -1.0
"""Stands for a figure that could not be measured: too few pixels, or nothing to measure it with."""

DRIFT = {
    "drift_mean_px": "mean_px",
    "drift_p90_px": "p90_px",
    "drift_used_share": "used_share",
    "change": "change",
    "colour_change": "colour_change",
}
"""Name in the dataset -> name in the record's drift, of a person and of the whole picture."""

PERSON_DRIFT = DRIFT | {
    "drift_lost_share": "lost_share",
    "boundary_ratio": "boundary_ratio",
    "boundary_px": "boundary_px",
    "keypoint_px": "keypoint_px",
    "found_again": "found_again",
    "depth_error": "depth_error",
}
"""The same of a person. found_again: 1 or 0, whether the detector still finds them."""

_OF_THE_PICTURE = ("key", "appearance", "members", "rerender", "rerender_record")
_OF_THE_PICTURED = (*PERSON_DRIFT, "first_drift_mean_px", "drift_decision")


def sample_key(scene: int, frame: int, appearance: int = 0) -> str:
    """Key of a sample: SSSSSS_FFFF, and SSSSSS_FFFF_aN of further appearances."""
    return f"{scene:06d}_{frame:04d}" + (f"_a{appearance}" if appearance else "")


def sample_json(key: str, shard: str, facts: dict, record: dict) -> dict:
    """Facts of `truth` (frame_NNNN.json) joined with the record of `rerender`."""
    return {
        **facts,
        "key": key,
        "shard": shard,
        "appearance": int(record["appearance"]),
        "people": [_with_drift(person, record) for person in facts["people"]],
        "people_count": len(facts["people"]),
        "rerender": rerender_facts(record),
        "rerender_record": canonical_json(record),
    }


def member_checksums(members: dict[str, bytes]) -> dict[str, str]:
    """SHA-256 of every member of a sample but its JSON, which tells them: 'rgb_jpg' -> hex."""
    # No dots in the keys: Arrow and JSON paths would take them for levels.
    return {
        extension.replace(".", "_"): hashlib.sha256(data).hexdigest()
        for extension, data in sorted(members.items())
        if extension != "json"
    }


def label_facts(facts: dict) -> dict:
    """What the JSON of a sample says whatever the picture looks like: all but its re-rendering."""
    people = [
        {name: value for name, value in person.items() if name not in _OF_THE_PICTURED}
        for person in facts["people"]
    ]
    told = {name: value for name, value in facts.items() if name not in _OF_THE_PICTURE}
    return told | {"people": people}


def rerender_facts(record: dict) -> dict:
    """What painted the picture, how far it drifted and what was decided; fixed keys and types.

    `steps_run` steps were computed, `steps_applied` are in the picture: 0 when all of it is the
    render. The drift is that of the picture; first_drift_mean_px that of the first painting, before
    anybody was repaired; `attempts` how many paintings and repairs were judged.
    """
    drift, flicker = record["drift"], record.get("flicker") or {}
    return {
        "backend": record["backend"],
        "family": record.get("family") or "",
        "model": record.get("model") or "",
        "revision": record.get("revision") or "",
        "references": ",".join(record.get("references") or ()),
        "strategy": record["strategy"],
        "steps": int(record["steps"]),
        "steps_run": int(record["steps_run"]),
        "steps_applied": int(record["steps_applied"]),
        "levels": {region: int(record["levels"][region]) for region in REGIONS},
        "silhouette_band": int(record["silhouette_band"]),
        "prompt": record.get("prompt") or "",
        "seed": int(record["seed"]),
        "decision": record["decision"],
        "reason": record["reason"] or "",
        "attempts": len(record["attempts"]),
        **{name: _measured(drift.get(recorded)) for name, recorded in DRIFT.items()},
        "first_drift_mean_px": _measured(record["attempts"][0]["drift"]["mean_px"]),
        "flicker_people": _measured(flicker.get("people")),
        "flicker_all": _measured(flicker.get("all")),
    }


def _with_drift(person: dict, record: dict) -> dict:
    """A person's facts with their own drift, and what became of them in the picture."""
    number = person["person"]
    drift = _person(record["drift"], number)
    first = _person(record["attempts"][0]["drift"], number)
    treated = {one["person"]: one["decision"] for one in record["treated"]}
    return {
        **person,
        **{name: _measured(drift.get(recorded)) for name, recorded in PERSON_DRIFT.items()},
        "first_drift_mean_px": _measured(first.get("mean_px")),
        "drift_decision": treated.get(number, "accepted"),
    }


def _person(drift: dict, number: int) -> dict:
    """A person's part of a recorded drift; empty when nothing of them is in the picture."""
    return next((one for one in drift["people"] if one["person"] == number), {})


def _measured(value: float | None) -> float:
    return UNMEASURED if value is None else float(value)
