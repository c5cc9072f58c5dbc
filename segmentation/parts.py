"""A table on disk: one Parquet file, or a folder of part files as Spark writes them, in the order of their names."""

from pathlib import Path

from segmentation.errors import BadInputError

WHOLE = "_SUCCESS"
"""What Spark puts into a folder once all parts are there."""
NOT_WHOLE = "{} is no table, or not all of it is there; have it written again."


def parts(table: Path) -> list[Path]:
    """Return the files of a table; raise BadInputError for a folder that is none, or not all of it."""
    if not table.is_dir():
        return [table]
    found = sorted(table.glob("part-*.parquet"))
    if not found or not (table / WHOLE).exists():
        raise BadInputError(NOT_WHOLE.format(table.name))
    return found
