"""The table of columns in docs/features.md, from the column table: `make docs` writes it."""

from shared_data import CHECKOUT

from contract.columns import COLUMNS, FAMILIES, Column, Family
from segmentation.features.columns import ARROW_TYPES

PAGE = CHECKOUT / "docs" / "features.md"
BEGIN, END = "<!-- columns: written by `make docs` -->\n", "<!-- end of columns -->\n"


def table() -> str:
    """Return the table as Markdown: a row for each family of windows, and for each column that has none."""
    first, *others = (column for column in COLUMNS if column.months is None)
    rows = [_row(first, ""), *(_row(family, "_w") for family in FAMILIES), *(_row(column, "") for column in others)]
    return "".join(["| column | type | definition | null |\n", "|---|---|---|---|\n", *rows])


def _row(told: Column | Family, suffix: str) -> str:
    kind = str(ARROW_TYPES[told.kind]).replace("double", "float64")  # as NumPy and pandas call it
    null = f"when {told.null}" if told.null else "never"
    return f"| `{told.name}{suffix}` | {kind} | {told.meaning} | {null} |\n"


def split(page: str) -> tuple[str, str, str]:
    """Return what stands before the table, the table, and what comes after; raise ValueError without its marks."""
    before, found, rest = page.partition(BEGIN)
    own, found_end, after = rest.partition(END)
    if not (found and found_end):
        raise ValueError(f"{PAGE.name} has no table between {BEGIN.strip()} and {END.strip()}")
    return before + BEGIN, own, END + after


def main() -> None:
    """Write the table into the page."""
    before, _, after = split(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(before + table() + after, encoding="utf-8")


if __name__ == "__main__":
    main()
