"""Staged files to the month's one Parquet file, each event once.

Exact duplicates share their second, hence their month, so that a month at a time is enough. Only rows
whose 64-bit hash occurs twice are compared column by column: the rest streams through. A month that one
source in order of time delivered alone is taken as it is.

The accounting (events kept of each source, events of each day) is in the file's footer, so that data
and account can never disagree, wherever a run is killed.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb

from segmentation import events
from segmentation.engine import quoted
from segmentation.errors import MenagerieError
from segmentation.month_files import Month, footer, holds_each_once, read_account

FILE_NAME = "events.parquet"
_COLUMNS = ", ".join(events.COLUMNS)

_SUSPECTS = f"""
CREATE OR REPLACE TEMP TABLE suspects AS
SELECT row_hash FROM (SELECT hash({_COLUMNS}) AS row_hash FROM arrivals)
GROUP BY row_hash HAVING count(*) > 1
"""  # noqa: S608 (only our own column names)

_REPEATED = f"""
CREATE OR REPLACE TEMP TABLE repeated AS
SELECT {_COLUMNS}, arrival, count(*) AS times FROM arrivals
WHERE hash({_COLUMNS}) IN (SELECT row_hash FROM suspects)
GROUP BY ALL
"""  # noqa: S608

_DROPPED = f"""
SELECT arrival, sum(times) - count(*) FILTER (arrival = first_arrival)
FROM (SELECT arrival, times, min(arrival) OVER (PARTITION BY {_COLUMNS}) AS first_arrival FROM repeated)
GROUP BY arrival
"""  # noqa: S608

_ONCE = f"""
SELECT {_COLUMNS} FROM arrivals WHERE hash({_COLUMNS}) NOT IN (SELECT row_hash FROM suspects)
UNION ALL
SELECT DISTINCT {_COLUMNS} FROM repeated
"""  # noqa: S608


def merge(connection: duckdb.DuckDBPyConnection, path: Path, staged: Mapping[str, Path]) -> Month:
    """Add staged files (by their source's SHA-256, in the order of precedence) to the month's file at `path`.

    A source that the file already holds is passed over, so that merging again changes nothing.
    """
    account = read_account(path)
    fresh = {sha256: file for sha256, file in staged.items() if sha256 not in account.kept}
    if not fresh:
        return account
    if not path.exists() and len(fresh) == 1 and holds_each_once(*fresh.values()):
        path.parent.mkdir(parents=True, exist_ok=True)
        return read_account(next(iter(fresh.values())).replace(path))
    arrivals = [path] * path.exists() + list(fresh.values())
    selects = [
        f"SELECT {_COLUMNS}, {i} AS arrival FROM read_parquet({quoted(file)})"  # noqa: S608
        for i, file in enumerate(arrivals, start=not path.exists())
    ]
    connection.execute("CREATE OR REPLACE TEMP VIEW arrivals AS " + " UNION ALL ".join(selects))
    connection.execute(_SUSPECTS)
    connection.execute(_REPEATED)
    counted = dict(connection.execute(_DROPPED).fetchall())
    kept, dropped = {}, {}
    for i, (sha256, file) in enumerate(fresh.items(), start=1):
        before, now = read_account(file), counted.get(i, 0)
        kept[sha256] = before.kept[sha256] - now
        dropped[sha256] = before.dropped[sha256] + now
    month = Month(account.kept | kept, account.dropped | dropped, _days(connection))
    if sum(month.kept.values()) != sum(month.days.values()):
        raise MenagerieError(f"The events of {path.parent.name} do not add up: nothing was changed.")
    _write(connection, path, month)
    return month


def _days(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counted = f"SELECT strftime(event_time, '%Y-%m-%d') AS day, count(*) FROM ({_ONCE}) GROUP BY day ORDER BY day"  # noqa: S608
    return dict(connection.execute(counted).fetchall())


def _write(connection: duckdb.DuckDBPyConnection, path: Path, month: Month) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    metadata = ", ".join(f"{quoted(key.decode())}: {quoted(text.decode())}" for key, text in footer(month).items())
    connection.execute(
        f"COPY ({_ONCE}) TO {quoted(draft)} (FORMAT parquet, COMPRESSION snappy, KV_METADATA {{{metadata}}})"
    )
    draft.replace(path)
