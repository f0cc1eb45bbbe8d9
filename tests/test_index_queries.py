"""The index: its schema is the table in code, and the documented queries run as written."""

import re
from pathlib import Path

import duckdb
import pandas
import pyarrow.parquet
import pytest
from made_splits import divided_dataset

from pipeline.errors import GenbError
from pipeline.shards.columns import (
    COLUMN_GROUPS,
    COLUMNS,
    DOCUMENT,
    document_columns,
    index_schema,
)
from pipeline.shards.index import read_index, write_index

TEXT = Path(DOCUMENT).read_text()
BLOCKS = re.findall(r"```(sql|python)\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def dataset(body_dir, tmp_path_factory):
    return divided_dataset(body_dir, tmp_path_factory.getbasetemp())


@pytest.fixture
def index_rows(dataset):
    return read_index(dataset.out / "index.parquet")


def in_order(table):
    """A frame sorted by all its columns."""
    return table.sort_values(list(table.columns)).reset_index(drop=True)


@pytest.fixture(params=["as made", "200 people"])
def folder(request, dataset, index_rows, tmp_path, monkeypatch):
    """The dataset's folder; and one whose index has more, and more varied, rows."""
    if request.param == "as made":
        monkeypatch.chdir(dataset.out)
    else:
        rows = [
            row
            | {
                "scene": n,
                "key": f"{n:06d}_{row['frame']:04d}",
                "occlusion": (n * 37 % 100) / 100,
                "truncation": row["truncation"] * (n % 3),
                "stature_m": 1.5 + (n * 13 % 50) / 100,
                "distance_m": 2.0 + n * 7 % 9 / 1.3,
                "decision": ("accepted", "passthrough")[n % 2],
                "split": ("train", "val", "test")[n % 3],
            }
            for n in range(-(-200 // len(index_rows)))
            for row in index_rows
        ]
        write_index(tmp_path / "index.parquet", rows)
        (tmp_path / "shards").symlink_to(dataset.out / "shards")
        monkeypatch.chdir(tmp_path)


def test_documented_queries_run_and_both_ways_agree(folder):
    """DuckDB and pandas answer every question alike."""
    names, answers, question = {}, {}, None
    for kind, code in BLOCKS:
        if kind == "sql":
            question = duckdb.sql(code).df()
            continue
        names.pop("found", None)
        exec(code, names)
        if question is not None:
            pandas.testing.assert_frame_equal(
                # The mean of the same doubles in another order: 1e-16 each.
                *(in_order(table) for table in (question, names["found"])),
                check_dtype=False,
                rtol=1e-12,
            )
            answers[len(answers)] = len(question)
            question = None
    assert len(answers) == sum(kind == "sql" for kind, _ in BLOCKS) >= 5
    assert names["count"] == len(names["people"])
    assert names["pictures"] == [key for key in ALL_KEYS if key in names["keys"]]
    if names["count"] > 100:
        assert all(answers.values()), "a query that selects nobody tests nothing"


ALL_KEYS = ["000000_0000", "000000_0001", "000002_0000"]


def test_documented_columns_are_those_of_the_code():
    assert document_columns() in TEXT, "run `python -m pipeline.shards.columns`"


def test_no_column_is_in_two_groups_and_each_is_explained():
    assert len(COLUMNS) == sum(len(group) for group in COLUMN_GROUPS.values())
    for name, column in COLUMNS.items():
        assert column.meaning, name
        for ending, unit in {"_px": "px", "_m": "m", "_mm": "mm", "_deg": "degrees"}.items():
            if name.endswith(ending):
                assert column.unit == unit, name


def test_file_has_the_schema_of_the_code_with_its_descriptions(dataset):
    schema = pyarrow.parquet.read_schema(dataset.out / "index.parquet")
    assert schema.names == list(COLUMNS)
    for field, wanted in zip(schema, index_schema(), strict=True):
        assert (field.name, field.type, field.nullable) == (wanted.name, wanted.type, False)
        column = COLUMNS[field.name]
        assert field.metadata[b"meaning"].decode() == column.meaning
        assert field.metadata[b"unit"].decode() == column.unit


def test_rows_come_back_and_bytes_depend_on_them_alone(index_rows, tmp_path):
    for name in ("a", "b"):
        write_index(tmp_path / name, index_rows)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert read_index(tmp_path / "a") == index_rows
    shuffled = [dict(reversed(row.items())) for row in index_rows]
    write_index(tmp_path / "b", shuffled)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_index_of_nobody_has_all_columns(tmp_path):
    write_index(tmp_path / "index.parquet", [])
    assert read_index(tmp_path / "index.parquet") == []
    people = pandas.read_parquet(tmp_path / "index.parquet")
    assert list(people.columns) == list(COLUMNS) and people.dtypes["person"] == "int64"
    query = f"SELECT count(*), max(occlusion) FROM '{tmp_path}/index.parquet'"
    assert duckdb.sql(query).fetchall() == [(0, None)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("person", 1.0),
        ("person", True),
        ("occlusion", 0),
        ("occlusion", None),
        ("occlusion", "0.1"),
        ("airborne", 1),
        ("action", None),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(index_rows, tmp_path, column, value):
    index_rows[1][column] = value
    with pytest.raises(GenbError, match=f"row 1 has {column} = "):
        write_index(tmp_path / "index.parquet", index_rows)
    assert not list(tmp_path.iterdir())


def test_missing_and_unknown_columns_are_refused_by_name(index_rows, tmp_path):
    del index_rows[2]["bmi"]
    index_rows[2]["weight"] = 1.0
    with pytest.raises(GenbError, match="row 2 .*: bmi, weight is missing or unknown"):
        write_index(tmp_path / "index.parquet", index_rows)
