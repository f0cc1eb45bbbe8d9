"""The JSON of one sample: facts of the frame, and what re-rendering did to it.

Every key is always there and always of one type (no null, no empty list, no free keys), because
Hugging Face `datasets` infers one Arrow schema from the first samples. The complete provenance of
the re-rendering is kept beside it as a JSON text.
"""

from pipeline.storage import canonical_json

UNMEASURED = -1.0
"""Stands for a drift or contrast that could not be measured (too few pixels)."""

REGIONS = ("face", "hands", "skin", "garments", "hair", "background")


def sample_json(key: str, shard: str, facts: dict, rerender: dict) -> dict:
    """Facts of `truth` (frame_NNNN.json) joined with the record of `rerender`."""
    drift = {person["person"]: person for person in rerender["drift"]["people"]}
    people = [_with_drift(person, drift.get(person["person"], {})) for person in facts["people"]]
    return {
        **facts,
        "key": key,
        "shard": shard,
        "people": people,
        "people_count": len(people),
        "rerender": rerender_facts(rerender),
        "rerender_record": canonical_json(rerender),
    }


def rerender_facts(record: dict) -> dict:
    """Noise levels, drift and decision, with fixed keys and types.

    `steps_run` steps were computed; `steps_applied` are in the image: 0 when it drifted too far and
    was put back to the render ("repaired"). The drift is that of what was computed.
    """
    levels = {region: int(record["levels"][region]) for region in REGIONS}
    drift = record["drift"]
    return {
        "backend": record["backend"],
        "model": record.get("model") or "",
        "steps": int(record["steps"]),
        "steps_run": int(record["steps_run"]),
        "steps_applied": int(record["steps_run"]) if record["decision"] == "accepted" else 0,
        "levels": levels,
        "silhouette_band": int(record["silhouette_band"]),
        "prompt": record.get("prompt") or "",
        "seed": int(record["seed"]),
        "decision": record["decision"],
        "reason": record["reason"] or "",
        "drift_mean_px": _measured(drift["mean_px"]),
        "drift_p90_px": _measured(drift["p90_px"]),
        "drift_used_share": float(drift["used_share"]),
    }


def _with_drift(person: dict, drift: dict) -> dict:
    return {
        **person,
        "drift_mean_px": _measured(drift.get("mean_px")),
        "drift_p90_px": _measured(drift.get("p90_px")),
        "boundary_ratio": _measured(drift.get("boundary_ratio")),
    }


def _measured(value: float | None) -> float:
    return UNMEASURED if value is None else float(value)
