"""Whether two client tables are equal, cell by cell, however large they are."""

from pathlib import Path

import duckdb

from contract.columns import COLUMNS, NAMES
from segmentation.tools.engine import quoted

ROUNDING = 1e-12
"""Relative: by so much may a float differ."""

MEMORY_LIMIT = "2GB"


def differences(ours: Path, other: Path) -> list[str]:
    """Say how many cells of each column differ; nothing when the tables are equal.

    The other may lack columns that came later: a yardstick is no worse for it.
    """
    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as connection:
        for name, path in (("ours", ours), ("other", other)):
            files = path / "*.parquet" if path.is_dir() else path
            connection.execute(f"CREATE VIEW {name} AS FROM read_parquet({quoted(files)})")
        names = {table: connection.table(table).columns for table in ("ours", "other")}
        shared = [column for column in COLUMNS if column.name in names["other"]]
        if [column.name for column in shared] != names["other"] or names["ours"] != list(NAMES):
            return ["the columns or their order"]
        rows = [connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in names]
        counted = ", ".join(f"count(*) FILTER ({_differ(column.name, column.kind)})" for column in shared)
        cells = connection.execute(f"SELECT {counted} FROM ours FULL JOIN other USING (user_id)").fetchall()[0]
    said = [f"{rows[0]:,} rows, not {rows[1]:,}"] if rows[0] != rows[1] else []
    return said + [f"{n:,} of {column.name}" for n, column in zip(cells, shared, strict=True) if n]


def _differ(name: str, kind: str) -> str:
    ours, other = f"ours.{name}", f"other.{name}"
    if kind == "money":
        return (
            f"({ours} IS NULL) <> ({other} IS NULL)"
            f" OR coalesce(isnan({ours}) <> isnan({other}) OR abs({ours} - {other}) > {ROUNDING} * abs({ours}), false)"
        )
    return f"{ours} IS DISTINCT FROM {other}"
