"""A finished dataset as exporters, analyses and checks see it: only what a user downloads is read.

A `Frame` is one sample with its facts and labels parsed, and its bodies evaluated when asked for.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.assets import body_dir
from pipeline.body.modelfile import BodyModelError, ModelFile, model_path
from pipeline.config import Config
from pipeline.errors import GenbError
from pipeline.shards.read import Sample, read_samples
from pipeline.storage import read_json
from pipeline.truth.bodies import label_bodies, person_model

FORMAT = "genb-2"
"""Version of what is in a dataset; another one is built again rather than guessed at."""


@dataclass(frozen=True)
class Frame:
    """One sample: `sample` holds the members' bytes, `facts` its JSON, `labels` its npz.

    Frames, shapes and units are those of docs/labels.md.
    """

    dataset: "Dataset"
    sample: Sample

    @property
    def key(self) -> str:
        """The sample's key, e.g. 000042_0000."""
        return self.sample.key

    @cached_property
    def facts(self) -> dict:
        """The sample's JSON."""
        return self.sample.json()

    @cached_property
    def labels(self) -> dict[str, np.ndarray]:
        """The sample's numeric labels."""
        return self.sample.labels()

    @property
    def people(self) -> list[dict]:
        """Facts of each person, in order."""
        return self.facts["people"]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, px."""
        return self.facts["camera"]["width"], self.facts["camera"]["height"]

    @cached_property
    def models(self) -> list[ModelFile]:
        """The body model file of each person. Raises BodyModelError when one is missing."""
        return [self.dataset.model(person) for person in self.people]

    @cached_property
    def _bodies(self) -> tuple[np.ndarray, np.ndarray]:
        return label_bodies(self.labels, self.models)

    @property
    def vertices(self) -> np.ndarray:
        """Bodies (P, V, 3) float64 m in the camera frame, from the labels' parameters."""
        return self._bodies[0]

    @property
    def joints(self) -> np.ndarray:
        """Joints (P, 127, 3) float64 m in the camera frame, from the labels' parameters."""
        return self._bodies[1]


class Dataset:
    """The finished dataset in `out`. Raises GenbError when there is none.

    description: its dataset.json.
    """

    def __init__(self, out: Path):
        self.out = Path(out)
        if not (self.out / "dataset.json").is_file():
            raise GenbError(f"{out} holds no finished dataset (no dataset.json). Build it first.")
        self.description: dict = read_json(self.out / "dataset.json")

    @property
    def tars(self) -> list[Path]:
        """Its shards, in order."""
        return [self.out / "shards" / shard["shard"] for shard in self.description["shards"]]

    def frames(
        self, split: str | None = None, members: tuple[str, ...] | None = None
    ) -> Iterator[Frame]:
        """Its samples in order, of one split or of all.

        members: extensions that are read beside `json` and `npz` (None reads all). Raises
        GenbError when a tar is damaged.
        """
        wanted = None if members is None else ("json", "npz", *members)
        for tar in self.tars:
            for sample in read_samples(tar, only=wanted):
                frame = Frame(self, sample)
                if split is None or frame.facts["split"] == split:
                    yield frame

    def images_by_split(self) -> dict[str, int]:
        """Number of images of every split that has any, from the index."""
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(self.out / "index.parquet", columns=["key", "split"])
        split_of = dict(zip(*(table[n].to_pylist() for n in ("key", "split")), strict=True))
        return dict(sorted(Counter(split_of.values()).items()))

    @cached_property
    def body_folder(self) -> Path:
        """Folder with smplx/SMPLX_*.npz: the dataset's own, or else this machine's."""
        own = self.out / "body"
        return own if own.is_dir() else body_dir(Config.model_validate(self.description["config"]))

    def model(self, person: dict) -> ModelFile:
        """The body model file that a person's parameters are of.

        person: its facts. Raises BodyModelError when the file is neither in the dataset nor on
        this machine.
        """
        folder = self.body_folder
        if not model_path(folder, person["gender"]).is_file():
            raise BodyModelError(
                f"{self.out} does not hold its body model, and {folder} has no "
                f"SMPLX_{person['gender'].upper()}.npz. For licensed bodies put the file there "
                "(`genb doctor` says where it comes from); for free ones run: make body"
            )
        kid = self.description["config"]["body"]["kid_template"]
        template = body_dir(Config.model_validate(self.description["config"])) / kid
        return person_model(folder, person["gender"], template if person["kid_template"] else None)


def open_dataset(out: Path) -> Dataset:
    """The finished dataset in `out`. Raises GenbError for none, or one of another format."""
    dataset = Dataset(out)
    if dataset.description["format"] != FORMAT:
        raise GenbError(
            f"{out} has the format {dataset.description['format']}, not {FORMAT}: build it again "
            "with this version."
        )
    return dataset
