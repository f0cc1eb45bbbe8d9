"""Do the appearances of a frame share their labels, and does what is told of a painting hold?

For `genb verify`: the members of samples are compared with each other, and the re-rendering's facts
with its complete record and with the configured limits of drift.
"""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass

from pipeline.config import DriftSection
from pipeline.diffusion.drift import Drift, PersonDrift, faults
from pipeline.shards.read import Sample
from pipeline.shards.sample import label_facts, sample_json, sample_key
from pipeline.storage import canonical_json

_OWN_MEMBERS = ("rgb.jpg", "json")
"""What each appearance of a frame has for itself."""


@dataclass(frozen=True)
class Labelled:
    """A sample without its picture: where it belongs, and the SHA-256 of everything it shares with
    the other appearances of its frame (`json` stands for its facts without the re-rendering)."""

    key: str
    scene: int
    frame: int
    frames: int
    appearance: int
    digests: dict[str, str]


def labelled(sample: Sample, facts: dict) -> Labelled:
    """What `appearance_faults` needs of a sample; facts: its JSON."""
    shared = {name: data for name, data in sample.members.items() if name not in _OWN_MEMBERS}
    shared["json"] = canonical_json(label_facts(facts)).encode()
    return Labelled(
        sample.key,
        *(facts[name] for name in ("scene", "frame", "frames", "appearance")),
        {name: hashlib.sha256(data).hexdigest() for name, data in shared.items()},
    )


def appearance_faults(samples: list[Labelled], keys: list[str], appearances: int) -> list[str]:
    """Pictures that a scene lacks or has too many of, and labels that differ within a frame.

    samples: those of whole scenes that can be read; keys: of all, also the unreadable ones.
    appearances: pictures per frame, as configured.
    """
    scenes = defaultdict(list)
    for sample in samples:
        scenes[sample.scene].append(sample)
    found = []
    for scene, present in sorted(scenes.items()):
        wanted = {
            sample_key(scene, frame, appearance)
            for frame in range(max(sample.frames for sample in present))
            for appearance in range(appearances)
        }
        surplus = {sample.key for sample in present} - wanted
        found += [f"{key}: missing" for key in sorted(wanted - set(keys))]
        found += [f"{key}: is no picture of its scene" for key in sorted(surplus)]
        first: dict[int, Labelled] = {}
        for sample in present:
            other = first.setdefault(sample.frame, sample).digests
            names = sorted(sample.digests.keys() | other.keys())
            unequal = [n for n in names if sample.digests.get(n) != other.get(n)]
            if unequal:
                found.append(
                    f"{sample.key}: {', '.join(unequal)} differs from that of "
                    f"{first[sample.frame].key}, the same frame"
                )
    return found


def rerender_faults(facts: dict, limits: DriftSection) -> list[str]:
    """Contradictions in what a sample's JSON says about its re-rendering."""
    try:
        record = json.loads(facts["rerender_record"])
        if sample_json(facts["key"], facts["shard"], facts, record) != facts:
            return ["its re-rendering facts are not those of its rerender_record"]
        drifted = [faults(_drift(made), limits) for made in _judged(record)]
    except (LookupError, TypeError, ValueError) as error:
        return [f"its rerender_record cannot be read ({error!r})"]
    return [*_decision_faults(record, len(facts["people"])), *_drift_faults(record, *drifted)]


def _judged(record: dict) -> tuple[dict, dict]:
    """Drift of the first painting, and of the picture."""
    return record["attempts"][0]["drift"], record["drift"]


def _drift(recorded: dict) -> Drift:
    people = tuple(PersonDrift(**person) for person in recorded["people"])
    return Drift(**recorded | {"people": people})


def _decision_faults(record: dict, people: int) -> list[str]:
    """Contradictions between the decision, what became of single people, and the steps."""
    decision, run, applied = (record[n] for n in ("decision", "steps_run", "steps_applied"))
    treated = {one["person"]: one["decision"] for one in record["treated"]}
    found = []
    if not set(treated) <= set(range(people)) or not set(treated.values()) <= {"calmed", "render"}:
        found.append(f"people who are not there, or unknown decisions: {record['treated']}")
    whole = decision == "passthrough"
    if whole:
        follows = treated == dict.fromkeys(range(people), "render")
    else:
        follows = decision == max(treated.values(), default="accepted")
    if not follows:
        found.append(f"decision {decision!r} does not follow from its people's: {treated}")
    if applied != (0 if whole else run):
        found.append(f"decision {decision!r} of {run} steps, yet {applied} steps applied")
    if not run and decision != "accepted":
        found.append(f"decision {decision!r} although nothing was painted")
    return found


def _drift_faults(record: dict, first: dict[int, str], final: dict[int, str]) -> list[str]:
    """Contradictions between the drift's limits and the decision; faults by person."""
    if not record["steps_run"]:
        return []
    found = []
    if first and record["decision"] == "accepted":
        found.append(f"accepted beyond the limits of drift: {'; '.join(first.values())}")
    if not first and record["decision"] != "accepted":
        found.append(f"decision {record['decision']!r}, yet nobody was beyond the limits of drift")
    if final and record["steps_applied"]:
        found.append(f"the picture is beyond the limits of drift: {'; '.join(final.values())}")
    return found
