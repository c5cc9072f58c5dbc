"""Staged files to the month's one Parquet file, each event once.

Exact duplicates share their second, hence their month, so that a month at a time is enough. Only rows
whose 64-bit hash occurs twice are compared column by column: the rest streams through.

The accounting (events kept of each source, events of each day) is in the file's footer, so that data
and account can never disagree, wherever a run is killed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from segmentation import events
from segmentation.engine import quoted
from segmentation.errors import BadInputError, MenagerieError

FILE_NAME = "events.parquet"
FOOTER = b"menagerie"
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


@dataclass(frozen=True)
class Month:
    """The account of one month's file: events kept and duplicates dropped by source (its SHA-256), events by day."""

    kept: dict[str, int]
    dropped: dict[str, int]
    days: dict[str, int]


def read_account(path: Path) -> Month:
    """Return the account in a month file's footer; an empty one when there is no file."""
    if not path.exists():
        return Month({}, {}, {})
    try:
        return Month(**json.loads((pq.read_metadata(path).metadata or {})[FOOTER]))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"The events of {path.parent.name} are damaged; ingest into a new folder.") from error


def merge(connection: duckdb.DuckDBPyConnection, path: Path, staged: Mapping[str, Path]) -> Month:
    """Add staged files (by their source's SHA-256, in the order of precedence) to the month's file at `path`.

    A source that the file already holds is passed over, so that merging again changes nothing.
    """
    account = read_account(path)
    fresh = {sha256: file for sha256, file in staged.items() if sha256 not in account.kept}
    if not fresh:
        return account
    arrivals = [path] * path.exists() + list(fresh.values())
    selects = [
        f"SELECT {_COLUMNS}, {i} AS arrival FROM read_parquet({quoted(file)})"  # noqa: S608
        for i, file in enumerate(arrivals, start=not path.exists())
    ]
    connection.execute("CREATE OR REPLACE TEMP VIEW arrivals AS " + " UNION ALL ".join(selects))
    connection.execute(_SUSPECTS)
    connection.execute(_REPEATED)
    counted = dict(connection.execute(_DROPPED).fetchall())
    dropped = {sha256: counted.get(i, 0) for i, sha256 in enumerate(fresh, start=1)}
    kept = {sha256: pq.read_metadata(file).num_rows - dropped[sha256] for sha256, file in fresh.items()}
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
    footer = quoted(json.dumps(asdict(month)))
    connection.execute(
        f"COPY ({_ONCE}) TO {quoted(draft)} "
        f"(FORMAT parquet, COMPRESSION snappy, KV_METADATA {{{FOOTER.decode()}: {footer}}})"
    )
    draft.replace(path)
