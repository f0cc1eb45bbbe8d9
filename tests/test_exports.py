"""Every export format: written twice the same, read back equal, and nothing but its folder."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from made_splits import divided_dataset

from pipeline.dataset import Dataset
from pipeline.errors import GenbError
from pipeline.exports.formats import FORMATS, ExportOptions, export, format_module

NO_ROWS = {".md", ".png", ".jpg"}
"""Endings of files that hold no rows: texts for people, and pictures (formats whose `read` looks at
these too have tests of their own)."""
MARK = "genb_export.json"
"""Says which export a folder holds; `write` reads it."""


@pytest.fixture(scope="module")
def dataset(body_dir, tmp_path_factory):
    return divided_dataset(body_dir, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """No licensed file is there: formats must do without, or say so."""
    return ExportOptions(assets=tmp_path_factory.mktemp("no_assets"))


@pytest.fixture(scope="module", params=FORMATS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def written(name, dataset, options, tmp_path_factory):
    """Folder and notes of a complete export."""
    before = digests(dataset.out)
    parent = tmp_path_factory.mktemp("exports")
    notes = format_module(name).write(dataset, parent / "out", options)
    assert digests(dataset.out) == before, "the dataset was changed"
    assert [path.name for path in parent.iterdir()] == ["out"]
    return parent / "out", notes


def digests(folder):
    """Relative path -> SHA-256 of every file."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def difference(first, second, where="row"):
    """Where two rows differ in type, dtype, shape or value; None if nowhere."""
    if type(first) is not type(second):
        return f"{where}: {type(first).__name__} and {type(second).__name__}"
    if isinstance(first, dict):
        if first.keys() != second.keys():
            return f"{where}: keys {sorted(first.keys() ^ second.keys())}"
        pairs = [(f"{where}.{key}", first[key], second[key]) for key in first]
    elif isinstance(first, list | tuple):
        if len(first) != len(second):
            return f"{where}: {len(first)} and {len(second)} entries"
        numbered = enumerate(zip(first, second, strict=True))
        pairs = [(f"{where}[{i}]", a, b) for i, (a, b) in numbered]
    elif isinstance(first, np.ndarray | np.generic) and first.dtype != object:
        same = first.dtype == second.dtype and np.array_equal(first, second)
        return None if same else f"{where}: {first!r} and {second!r}"
    elif isinstance(first, np.ndarray):
        return difference(first.tolist(), second.tolist(), where)
    else:
        return None if first == second else f"{where}: {first!r} and {second!r}"
    return next((found for w, a, b in pairs if (found := difference(a, b, w))), None)


def test_difference_sees_types_values_and_missing_keys():
    """The comparison that the tests below rely on can fail."""
    row = {"a": np.zeros(2, np.float32), "b": [1, "x"]}
    assert difference(row, {"a": np.zeros(2, np.float32), "b": [1, "x"]}) is None
    assert "row.a" in difference(row, row | {"a": np.zeros(2)})
    assert "row.a" in difference(row, row | {"a": np.float32([0, 1])})
    assert "row.b[1]" in difference(row, row | {"b": [1, "y"]})
    assert "keys ['c']" in difference(row, row | {"c": 1})


def test_written_twice_it_is_the_same_to_the_byte(name, written, dataset, options, tmp_path):
    out, notes = written
    again = format_module(name).write(Dataset(dataset.out), tmp_path / "again", options)
    assert digests(tmp_path / "again") == digests(out)
    assert again == notes
    # And into the same folder once more: nothing is added to files that are there.
    format_module(name).write(dataset, tmp_path / "again", options)
    assert digests(tmp_path / "again") == digests(out)


def test_notes_are_sentences(written):
    _, notes = written
    assert isinstance(notes, list)
    assert all(isinstance(note, str) and note for note in notes)


def test_files_give_back_the_rows(name, written, dataset, options):
    out, _ = written
    wanted = list(format_module(name).rows(dataset, options))
    found = list(format_module(name).read(out))
    assert wanted
    assert difference(wanted, found) is None


def test_split_selects_and_the_parts_make_the_whole(name, dataset, options, tmp_path):
    """Rows may name their part (a table of its own), so their number is compared."""
    module = format_module(name)
    rows = {}
    for split in ("train", "val", None):
        rows[split] = list(module.rows(dataset, ExportOptions(split, assets=options.assets)))
    assert rows["train"] and rows["val"]
    assert len(rows["train"]) + len(rows["val"]) == len(rows[None])
    chosen = ExportOptions("val", assets=options.assets)
    module.write(dataset, tmp_path / "val", chosen)
    assert difference(rows["val"], list(module.read(tmp_path / "val"))) is None


def test_a_file_cut_short_is_named(name, written):
    out, _ = written
    silent, unnamed = [], []
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.name != MARK]
    for path in [path for path in files if path.suffix not in NO_ROWS]:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        try:
            list(format_module(name).read(out))
            silent.append(path.relative_to(out).as_posix())
        except GenbError as error:
            if path.name not in str(error):
                unnamed.append(f"{path.relative_to(out)}: {error}")
        except Exception as error:
            unnamed.append(f"{path.relative_to(out)}: {error!r}")
        finally:
            path.write_bytes(whole)
    assert (silent, unnamed) == ([], []), "half of these is gone: nothing is said, or not of what"


class Interrupted(Dataset):
    """A dataset during whose reading somebody presses Ctrl-C, after `whole` samples in all."""

    whole = 0

    def frames(self, split=None, members=None):
        for frame in super().frames(split, members):
            if self.whole == 0:
                raise KeyboardInterrupt
            self.whole -= 1
            yield frame


@pytest.mark.parametrize("whole", [0, 1, 2, 4])
def test_an_interruption_leaves_only_finished_files(
    name, whole, written, dataset, options, tmp_path
):
    interrupted = Interrupted(dataset.out)
    interrupted.whole = whole
    try:
        format_module(name).write(interrupted, tmp_path / "out", options)
    except KeyboardInterrupt:
        pass
    else:
        assert whole > 2, "three samples are to be read"
    complete = digests(written[0])
    for path, digest in digests(tmp_path / "out").items():
        assert complete.get(path) == digest, f"{path} is not what a whole export has there"


def test_unknown_format_is_refused_with_the_names(dataset):
    with pytest.raises(GenbError, match="no format 'coconut'.*coco"):
        export(dataset.out, "coconut", None, ExportOptions())


def test_a_split_without_images_is_refused_with_those_there_are(name, dataset, tmp_path):
    with pytest.raises(GenbError, match="no images of the split asked for .test.*of train"):
        export(dataset.out, name, tmp_path / "out", ExportOptions("test"))
    assert not (tmp_path / "out").exists()


def test_documented_snippets_run_as_they_stand(dataset, tmp_path, monkeypatch):
    """Each Python block of docs/exports.md, beside an export of its section's format."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    text = (Path(__file__).parents[1] / "docs" / "exports.md").read_text()
    run = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        for code in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
            run.append(section.split("\n")[0])
            (tmp_path / run[-1]).mkdir()
            monkeypatch.chdir(tmp_path / run[-1])
            export(dataset.out, run[-1], Path("EXPORT"), ExportOptions())
            exec(code, {})
    assert run == ["coco", "hf"]


def test_every_format_is_in_the_overview():
    text = (Path(__file__).parents[1] / "docs" / "exports.md").read_text()
    assert re.findall(r"^\| `([^`]+)` \|", text.split("## ")[0], re.MULTILINE) == list(FORMATS)


def test_default_folder_is_beside_the_shards(dataset):
    """The dataset's own folder takes exports; nothing of it is taken for part of the dataset."""
    from pipeline.verify import verify

    before = verify(dataset.out)
    export(dataset.out, "smplx-npz", None, ExportOptions())
    assert list((dataset.out / "exports" / "smplx-npz").rglob("*.npz"))
    assert verify(dataset.out) == before
