"""What an ingested folder's events come to, in `rollup/<name>/`, a file for each of theirs (`sums.rollups`).

A rollup serves every as-of date and every shop's clock, so that the client table reads events once, when they
arrive. It says in its footer of which events it was made; what was made of others is made anew, so that it can never
disagree with them, wherever a run is killed.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from ibis import duckdb as ibis_duckdb

from segmentation.ingest import sums
from segmentation.ingest.month_files import footer, read_account
from segmentation.store import lineage
from segmentation.tools.engine import quoted
from segmentation.tools.progress import SILENT, Reporter

_MADE_OF = b"menagerie.made-of"
QUERIES = {name: ibis_duckdb.compile(table.order_by("user_id")) for name, table in sums.rollups().items()}


def ensure(
    connection: duckdb.DuckDBPyConnection, events: Sequence[Path], reporter: Reporter = SILENT
) -> dict[str, list[Path]]:
    """Return the rollups of files of events by name, having made those that are missing."""
    made_of = {path: _identity(path) for path in events}
    wanted = {_path(path, name): (path, name) for name in QUERIES for path in events}
    missing = {rollup: of for rollup, of in wanted.items() if _read_identity(rollup) != made_of[of[0]]}
    if missing:
        with reporter.step("Summing up visits and purchases", total=len(missing)) as step:
            for rollup, (path, name) in missing.items():
                _make(connection, name, path, made_of[path], rollup)
                step.advance()
    return {name: [_path(path, name) for path in events] for name in QUERIES}


def damaged_month(events: Iterable[Path]) -> str | None:
    """Return the month of the first file that cannot be read to its end: not every error of the engine names one."""
    for path in events:
        made = [rollup for name in QUERIES if _read_identity(rollup := _path(path, name)) == _identity(path)]
        for read in made if len(made) == len(QUERIES) else [path]:
            try:
                duckdb.sql(f"SELECT max(hash(t)) FROM read_parquet({quoted(read)}) t").fetchall()  # noqa: S608
            except duckdb.Error:
                return path.parent.name.removeprefix("month=")
    return None


def _path(events: Path, name: str) -> Path:
    return events.parents[2] / lineage.DERIVED / name / events.parent.name / events.name


def _identity(events: Path) -> str:
    """Tell events apart by their account, and rollups by how they are made."""
    text = b"".join([*footer(read_account(events)).values(), *(query.encode() for query in QUERIES.values())])
    return sha256(text).hexdigest()


def _read_identity(path: Path) -> str | None:
    try:
        return (pq.read_metadata(path).metadata or {}).get(_MADE_OF, b"").decode()
    except (OSError, pa.ArrowException):
        return None


def _make(connection: duckdb.DuckDBPyConnection, name: str, events: Path, made_of: str, rollup: Path) -> None:
    rollup.parent.mkdir(parents=True, exist_ok=True)
    draft = rollup.with_name(f".{rollup.name}.tmp")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW events AS FROM read_parquet({quoted(events)})")
    connection.execute(
        f"COPY ({QUERIES[name]}) TO {quoted(draft)} (FORMAT parquet, COMPRESSION snappy,"
        f" KV_METADATA {{{quoted(_MADE_OF.decode())}: {quoted(made_of)}}})"
    )
    draft.replace(rollup)
