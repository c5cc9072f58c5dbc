"""The column table, and what is made of it."""

from contract.columns import COLUMNS, FEATURES, INPUTS, NAMES, TYPICAL
from segmentation.features.columns import SCHEMA
from service.answers.answer_figures import Profile
from service.answers.sent_features import Features


def test_a_column_stands_once() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert set(SCHEMA.names) == set(NAMES)


def test_what_is_null_is_so_in_parquet_and_in_what_callers_send() -> None:
    assert {field.name for field in SCHEMA if field.nullable} == {column.name for column in COLUMNS if column.nullable}
    assert {name for name, field in Features().fields.items() if field.allow_none} == {
        column.name for column in FEATURES if column.nullable
    }


def test_a_profile_has_the_figures_of_the_typical_client() -> None:
    medians = {f"median_{column.name}" for column in TYPICAL}
    assert medians == {name for name in Profile().fields if name.startswith("median_")}


def test_the_model_looks_at_no_column_that_may_be_null() -> None:
    assert not [column.name for column in INPUTS if column.nullable]
