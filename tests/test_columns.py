"""The column table, and what is made of it."""

from pathlib import Path

from contract.columns import COLUMNS, FAMILIES, FEATURES, INPUTS, NAMES, TYPICAL, Column, Family
from segmentation.features.columns import SCHEMA
from service.answers.answer_figures import Profile
from service.answers.sent_features import Features

PAGE = (Path(__file__).parents[1] / "docs" / "features.md").read_text(encoding="utf-8")
TYPES = {
    "id": "int64",
    "count": "int64",
    "days": "int32",
    "money": "float64",
    "time": "timestamp, UTC",
    "text": "string",
}


def test_a_column_stands_once() -> None:
    assert len(set(NAMES)) == len(NAMES) == 24
    assert set(SCHEMA.names) == set(NAMES)


def test_what_is_null_is_so_in_parquet_and_in_what_callers_send() -> None:
    assert {field.name for field in SCHEMA if field.nullable} == {column.name for column in COLUMNS if column.nullable}
    assert {name for name, field in Features().fields.items() if field.allow_none} == {
        column.name for column in FEATURES if column.nullable
    }


def test_the_page_of_columns_says_what_the_table_does() -> None:
    described: list[Column | Family] = [*FAMILIES, *(column for column in COLUMNS if column.months is None)]
    table = PAGE[PAGE.index("| column | type |") :].partition("\n\n")[0]
    for column in described:
        name = f"{column.name}_w" if isinstance(column, Family) else column.name
        null = f"when {column.null}" if column.null else "never"
        row = f"| `{name}` | {TYPES[column.kind]} | {column.meaning} | {null} |"
        assert row in table, row
    assert len(table.splitlines()) == 2 + len(described)


def test_a_profile_has_the_figures_of_the_typical_client() -> None:
    medians = {f"median_{column.name}" for column in TYPICAL}
    assert medians == {name for name in Profile().fields if name.startswith("median_")}


def test_the_model_looks_at_no_column_that_may_be_null() -> None:
    assert not [column.name for column in INPUTS if column.nullable]
