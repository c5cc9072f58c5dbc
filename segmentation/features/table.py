"""Run the feature definition on an engine, and check the result by its laws before anyone uses it."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import duckdb as ibis_duckdb

from contract.calendar import LONGEST_WINDOW, WINDOW_MONTHS
from contract.columns import COUNTED, NAMES
from contract.errors import BadInputError, MenagerieError
from segmentation.features import definitions
from segmentation.features.calendar import utc_offsets, windows
from segmentation.features.columns import SCHEMA
from segmentation.ingest import rollups
from segmentation.ingest.ingested import account, is_ingested, is_unfinished, month_files
from segmentation.tools import engine
from segmentation.tools.engine import quoted
from segmentation.tools.parts import parts

ORIGIN = b"menagerie"
_SPARK_SCHEMA = b"org.apache.spark.sql.parquet.row.metadata"

MONEY_TOLERANCE = 1e-9
"""Relative; an average is one division away from the exact sum."""

VISITS_AT_ONCE = 8_000_000
"""What a user does rests on that user's visits alone, so that a range of users after another needs less memory."""

Rollups = Mapping[str, Sequence[Path]]

LAWS = {
    "each client stands once": "count(*) = count(DISTINCT user_id)",
    "windows nest": " AND ".join(
        f"bool_and({name}_{shorter}m <= {name}_{longer}m)"
        for name in COUNTED
        for shorter, longer in pairwise(WINDOW_MONTHS)
    ),
    "each client has bought": "bool_and(count_products_7m >= 1 AND days_since_last_purchase >= 0)",
    "items × average price = value": "bool_and(abs(count_products_7m * avg_price_7m - total_purchase_value)"
    f" <= {MONEY_TOLERANCE} * (1 + total_purchase_value))",
    "an average stands where items do": " AND ".join(
        f"bool_and((avg_price_{n}m IS NULL) = (count_products_{n}m = 0))" for n in WINDOW_MONTHS
    ),
}


def write_clients(events: Path, as_of: date, out: Path, timezone: str = "UTC", scratch: Path | None = None) -> int:
    """Write the client table of an ingested folder to a Parquet file sorted by user; return its rows.

    The file also says what it was made of (`read_origin`). What does not fit into memory spills into `scratch`,
    by default beside the file. Raises BadInputError when nobody bought anything in the window.
    """
    span = windows(as_of)
    offsets = utc_offsets(timezone, span.start, span.end)
    steps = {name: ibis_duckdb.compile(step) for name, step in definitions.steps(span, offsets).items()}
    found = files(events, span.months)
    schema = SCHEMA.with_metadata({ORIGIN: json.dumps(origin(events, as_of, timezone))})
    draft = out.with_name(f".{out.name}.tmp")
    try:
        with engine.connect(scratch or out.parent) as connection:
            rolled_up = rollups.ensure(connection, found)
            with pq.ParquetWriter(draft, schema, compression="zstd") as writer:
                for users in _ranges(connection, rolled_up):
                    writer.write_table(_clients(connection, rolled_up, users, steps).cast(schema))
            rows = _checked(connection, draft, as_of)
            draft.replace(out)
    except (duckdb.Error, OSError) as error:
        is_about_data = isinstance(error, duckdb.Error) and not isinstance(error, duckdb.OperationalError)
        if is_about_data and (month := rollups.damaged_month(found)):
            raise BadInputError(f"The events of {month} are damaged; ingest into a new folder.") from error
        raise MenagerieError(f"Building the client table stopped: {engine.reason(error)}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return rows


def read_origin(path: Path) -> dict[str, Any]:
    """Return what a client table was made of: `parameters`, and the account of the `events`."""
    try:
        footer = pq.read_metadata(parts(path)[0]).metadata or {}
        if _SPARK_SCHEMA in footer:  # Spark keeps what is noted with a column
            footer = json.loads(footer[_SPARK_SCHEMA])["fields"][0]["metadata"]
            footer = {name.encode(): text for name, text in footer.items()}
        made_of: dict[str, Any] = json.loads(footer[ORIGIN])
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise BadInputError(f"{path.name} is no client table; `segmentation features` makes one.") from error
    return made_of


def client_table(events: Path, as_of: date, timezone: str = "UTC") -> pa.Table:
    """Return the client table of an ingested folder in memory, as `SCHEMA`."""
    with TemporaryDirectory(prefix="menagerie-") as folder:
        write_clients(events, as_of, Path(folder) / "clients.parquet", timezone)
        return read_clients(Path(folder) / "clients.parquet")


def read_clients(path: Path) -> pa.Table:
    """Return a client table in memory, as `SCHEMA`; raise BadInputError when it is none."""
    try:
        return pq.read_table(parts(path), columns=list(NAMES)).cast(SCHEMA)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise BadInputError(f"{path.name} is no client table: {engine.reason(error)}.") from error


def _ranges(connection: duckdb.DuckDBPyConnection, rolled_up: Rollups) -> list[str]:
    """Return conditions on `user_id`, in its order, that each let through what is worked on at once."""
    counted = f"SELECT count(*) FROM {_read(rolled_up['visits'])}"  # noqa: S608 (our own paths, here and below)
    (rows,) = connection.execute(counted).fetchone() or (0,)
    ranges = rows // VISITS_AT_ONCE + 1
    shares = [n / ranges for n in range(1, ranges)]
    cut = f"SELECT quantile_disc(user_id, {shares}) FROM {_read(rolled_up['purchases'])}"  # noqa: S608
    (cuts,) = connection.execute(cut).fetchone() or (None,)
    cuts = sorted(set(cuts or []))
    beginnings = ["true", *(f"user_id >= {user}" for user in cuts)]
    ends = [*(f"user_id < {user}" for user in cuts), "true"]
    return [f"{beginning} AND {end}" for beginning, end in zip(beginnings, ends, strict=True)]


def _clients(
    connection: duckdb.DuckDBPyConnection, rolled_up: Rollups, users: str, steps: Mapping[str, str]
) -> pa.Table:
    """Return the clients among some users, in order."""
    for name, paths in rolled_up.items():
        connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS FROM {_read(paths)} WHERE {users}")
    *earlier, (_, query) = steps.items()
    for name, step in earlier:
        # The buyers' visits are read twice rather than stored: reading is cheap, and storing takes memory.
        kind = "VIEW" if name == "kept" else "TABLE"
        connection.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {step}")
    return connection.sql(f"{query} ORDER BY user_id").to_arrow_table()


def _read(paths: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(map(quoted, paths))}])"


def origin(events: Path, as_of: date, timezone: str) -> dict[str, Any]:
    """Return what a client table is made of, for its footer."""
    parameters = {"as_of": as_of.isoformat(), "timezone": timezone, "window_months": WINDOW_MONTHS}
    return {"parameters": parameters, "events": account(events).totals}


def files(events: Path, months: list[str]) -> list[Path]:
    """Return the files of the months in an ingested folder; raise BadInputError when there are none, or not all."""
    if is_unfinished(events):
        raise BadInputError(f"An ingest into {events.name} was not finished; run it again, then go on.")
    if not is_ingested(events):
        raise BadInputError(f"{events.name} is no folder of ingested events; make one with `segmentation ingest`.")
    available = month_files(events)
    files = [path for month in months for path in available.get(month, [])]
    if not files:
        raise BadInputError(
            f"There are no events from {months[0]} to {months[-1]};"
            f" those given lie from {min(available)} to {max(available)}, so that another as-of date is needed."
        )
    return files


def check(rows: int, kept: Sequence[bool], as_of: date) -> None:
    """Refuse a client table without rows, or one that did not keep all of `LAWS`."""
    if not rows:
        raise BadInputError(
            f"Nobody bought anything in the {LONGEST_WINDOW} months up to {as_of},"
            " so that there is no client to describe."
        )
    for law, holds in zip(LAWS, kept, strict=True):
        if not holds:
            raise MenagerieError(f"The client table breaks a law of its own: {law}.")


def _checked(connection: duckdb.DuckDBPyConnection, path: Path, as_of: date) -> int:
    table = f"read_parquet({quoted(path)})"
    query = f"SELECT count(*), {', '.join(LAWS.values())} FROM {table}"  # noqa: S608 (our own laws and path)
    rows, *kept = connection.execute(query).fetchone() or [0]
    check(rows, kept, as_of)
    return int(rows)


def with_origin(metrics: Mapping[str, Any], clients: Path, seed: int) -> dict[str, Any]:
    """Add to a model's metrics what its clients were made of."""
    origin = read_origin(clients)
    return {**metrics, **origin, "parameters": {**origin["parameters"], "seed": seed}}
