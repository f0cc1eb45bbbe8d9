"""Faults of a garment file, as the doctor reports them, and the options file that corrects them."""

import json
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.garments.cachefile import GarmentCache, sidecar
from pipeline.storage import atomic_file

_HEAD = "# How this garment file is to be read (docs/garment-doctor.md).\n"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a garment file.

    name: short and fixed, e.g. "unit". text: what was found, in plain English. options: keys of
    `GarmentCache` that correct it; empty when none can. advice: what to do then, and why.
    """

    name: str
    text: str
    options: dict[str, object] = field(default_factory=dict)
    advice: str = ""

    def report(self) -> str:
        """A line that names it, and the lines that correct it."""
        rows = [f"FAULT {self.name}: {self.text}"]
        rows += [f"    {line}" for line in toml_lines(self.options)]
        if not self.options:
            rows.append(f"    no option corrects this: {self.advice}")
        return "\n".join(rows)


def toml_lines(options: dict[str, object]) -> list[str]:
    """Lines of an options file. Strings, numbers, booleans and lists of JSON are TOML as well."""
    return [f"{key} = {json.dumps(value)}" for key, value in options.items()]


def write_options(path: Path, options: dict[str, object], anew: bool = False) -> Path:
    """Write corrected options into the sidecar of a cache at `path`; returns the sidecar.

    Keys that are there and not corrected stay. anew: do not read what is there.
    """
    file = sidecar(path)
    there = tomllib.loads(file.read_text()) if file.is_file() and not anew else {}
    text = _HEAD + "\n".join(toml_lines({**there, **options})) + "\n"
    GarmentCache.model_validate({"path": str(path), **tomllib.loads(text)})
    with atomic_file(file) as partial:
        partial.write_text(text)
    return file
