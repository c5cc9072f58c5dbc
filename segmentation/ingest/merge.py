"""Staged files to files of a month, in which each event stands once, whichever of them it is in.

Exact duplicates share their second, so that only what lies within a staged file's own time is compared, and what a
month holds already is never written again. Only rows whose 64-bit hash occurs twice are compared column by column:
the rest streams through. A file that holds each event once, alone in its time, is taken as it is.

The accounting (events kept of each source, events of each day) is in the files' footers, so that data and account
can never disagree, wherever a run is killed.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import duckdb

from contract.errors import MenagerieError
from segmentation.ingest import events
from segmentation.ingest.month_files import Month, footer, holds_each_once, read_account, time_range
from segmentation.tools.engine import quoted

_COLUMNS = ", ".join(events.COLUMNS)

_SUSPECTS = f"""
CREATE OR REPLACE TEMP TABLE suspects AS
SELECT row_hash FROM (SELECT hash({_COLUMNS}) AS row_hash FROM arrivals)
GROUP BY row_hash HAVING count(*) > 1
"""  # noqa: S608 (only our own column names)

_REPEATED = f"""
CREATE OR REPLACE TEMP TABLE repeated AS
SELECT {_COLUMNS}, count(*) FILTER (NOT is_held) AS times, bool_or(is_held) AS is_held FROM arrivals
WHERE hash({_COLUMNS}) IN (SELECT row_hash FROM suspects)
GROUP BY ALL
"""  # noqa: S608

_DROPPED = """
SELECT strftime(event_time, '%Y-%m-%d'), sum(times - (NOT is_held)::INT)::BIGINT FROM repeated GROUP BY ALL
"""

_ONCE = f"""
SELECT {_COLUMNS} FROM arrivals WHERE NOT is_held AND hash({_COLUMNS}) NOT IN (SELECT row_hash FROM suspects)
UNION ALL
SELECT {_COLUMNS} FROM repeated WHERE NOT is_held
"""  # noqa: S608


def merge(connection: duckdb.DuckDBPyConnection, folder: Path, staged: Mapping[str, Path]) -> None:
    """Add staged files (by their source's SHA-256, in the order of precedence) to the month's folder.

    A source that the month holds already is passed over, so that merging again changes nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    held = {path: time_range(path) for path in folder.glob("*.parquet")}
    for sha256, file in staged.items():
        path = folder / f"{sha256[:16]}.parquet"
        if path in held:
            continue
        span = time_range(file)
        beside = [other for other, its in held.items() if its and span and its[0] <= span[1] and span[0] <= its[1]]
        if not beside and holds_each_once(file):
            file.replace(path)
        else:
            _drop_duplicates(connection, _arrivals(file, span, beside), sha256, file, path)
        held[path] = span


def _arrivals(file: Path, span: tuple[datetime, datetime] | None, beside: list[Path]) -> str:
    arrivals = f"SELECT {_COLUMNS}, false AS is_held FROM read_parquet({quoted(file)})"  # noqa: S608
    if beside and span:
        arrivals += f"""
            UNION ALL SELECT {_COLUMNS}, true FROM read_parquet([{", ".join(map(quoted, beside))}])
            WHERE event_time BETWEEN TIMESTAMP '{span[0]}' AND TIMESTAMP '{span[1]}'
        """  # noqa: S608
    return arrivals


def _drop_duplicates(connection: duckdb.DuckDBPyConnection, arrivals: str, sha256: str, file: Path, path: Path) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW arrivals AS {arrivals}")
    connection.execute(_SUSPECTS)
    connection.execute(_REPEATED)
    before, dropped = read_account(file), dict(connection.execute(_DROPPED).fetchall())
    days = {day: left for day, n in before.days.items() if (left := n - dropped.get(day, 0))}
    kept = before.kept[sha256] - sum(dropped.values())
    month = Month({sha256: kept}, {sha256: before.dropped[sha256] + sum(dropped.values())}, days)
    metadata = ", ".join(f"{quoted(key.decode())}: {quoted(text.decode())}" for key, text in footer(month).items())
    draft = path.with_name(f".{path.name}.tmp")
    copied = connection.execute(
        f"COPY ({_ONCE}) TO {quoted(draft)} (FORMAT parquet, COMPRESSION snappy, KV_METADATA {{{metadata}}})"
    ).fetchone()
    if copied != (kept,) or kept != sum(days.values()):
        raise MenagerieError(f"The events of {path.parent.name} do not add up: nothing was changed.")
    draft.replace(path)
