"""The contract: its columns are those that the documents tell of, and it needs Python alone."""

import sys
from subprocess import run

import pytest
from column_table import PAGE, split, table
from shared_data import CHECKOUT

from contract.columns import AXES, COLUMNS, FAMILIES, Column

MODULES = sorted(path.stem for path in (CHECKOUT / "contract").glob("*.py"))


def test_the_documents_tell_of_every_column() -> None:
    assert split(PAGE.read_text(encoding="utf-8"))[1] == table(), "run `make docs`"


def test_the_contract_needs_python_alone() -> None:
    assert "columns" in MODULES
    imports = "; ".join(f"import contract.{name}" for name in MODULES if name != "__init__")
    without_packages = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); {imports}"
    run([sys.executable, "-I", "-S", "-c", without_packages], check=True)


def test_no_two_columns_have_a_name_or_a_place_in_profiles() -> None:
    for placed in ([c for c in COLUMNS if c.kind == "text"], [c for c in COLUMNS if c.kind != "text"]):
        places = [column.place for column in placed if column.place]
        assert sorted(places) == list(range(1, len(places) + 1))
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_a_column_is_told_of_whole(column: Column) -> None:
    assert column.label == column.label.strip() != ""
    assert column.meaning
    assert column.axis is None or (column.axis in AXES and not column.nullable)
    for text in (column.many, column.one):
        assert text is None or ("{value}" in text and ("{months}" in text) == (column.months is not None))
    assert column.none is None or ("{months}" in column.none) == (column.months is not None)


def test_families_have_a_column_for_each_window() -> None:
    names = [[column.name for column in family.columns()] for family in FAMILIES]
    assert names[0] == ["number_of_views_2m", "number_of_views_5m", "number_of_views_7m"]
    assert all(len(own) == 3 for own in names)
