"""A simulated shop of any size, written at once as what `ingest` would make of its files.

No raw file is written and nothing is ingested, so that 411 million events, as many as the real shop has, take
minutes rather than an hour. tests/test_scale.py holds it equal to `simulate` and `ingest`.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import timedelta
from itertools import chain
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from segmentation.ingest import ingested, rollups
from segmentation.ingest.events import SCHEMA
from segmentation.ingest.month_files import Month
from segmentation.ingest.source_file import Source
from segmentation.store.lineage import LEDGER
from segmentation.tools import engine
from segmentation.tools.engine import quoted
from segmentation.tools.files import write_json
from simulator import Shop
from simulator.catalogue import stock
from simulator.months import DAY_S, FIRST_DAY, MONTH_NAMES, MONTH_STARTS
from simulator.sessions import Visits
from simulator.simulation import THREADS, tables
from simulator.visits import month_visits

CLIENTS_PER_EVENT = 98_500 / 20_000_000
"""With the 6.6 visitors that the real shop has for each client."""

SEED = 1


def clients_for(events: int) -> int:
    """Return the clients of a shop with about so many events."""
    return max(round(events * CLIENTS_PER_EVENT), 1)


def make(shop: Shop, folder: Path) -> None:
    """Write the shop's events, each once, and their rollups into `folder` as ingested; what is there stays."""
    if not ingested.is_ingested(folder):
        _make_events(shop, folder)
    with engine.connect(folder) as connection:
        rollups.ensure(connection, [path for paths in ingested.month_files(folder).values() for path in paths])


def _make_events(shop: Shop, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run left
    folder.mkdir(parents=True)
    catalogue = stock(shop.clients, shop.seed)
    sources = []
    with ThreadPoolExecutor(THREADS) as pool, engine.connect(folder) as connection:
        for month in shop.months:
            name = MONTH_NAMES[month]
            visits = month_visits(shop, month, pool)
            sha256 = hashlib.sha256(f"{shop} {name}".encode()).hexdigest()
            days = _days(visits)
            account = Month(kept={sha256: sum(days.values())}, dropped={sha256: 0}, days=days)
            path = folder / "events" / f"month={MONTH_STARTS[month]:%Y-%m}" / "events.parquet"
            _write(connection, map(_once, tables(visits, catalogue, shop.seed, pool)), path, account)
            sources.append(Source(f"{name}.parquet", sha256, sum(days.values()), {}))
    write_json(folder / LEDGER, {"sources": [asdict(source) for source in sources]})


def _days(visits: Visits) -> dict[str, int]:
    counts = np.bincount(visits.start_s // DAY_S, weights=visits.events).astype(int).tolist()
    return {(FIRST_DAY + timedelta(day)).isoformat(): events for day, events in enumerate(counts) if events}


def _once(table: pa.Table) -> pa.Table:
    """Drop the exact duplicates: a session's events are all of different seconds, and duplicates side by side."""
    session = table["user_session"].combine_chunks().indices.to_numpy()
    second = table["event_time"].to_numpy()
    fresh = np.ones(len(table), np.bool_)
    fresh[1:] = (session[1:] != session[:-1]) | (second[1:] != second[:-1])
    return table.filter(pa.array(fresh))


def _write(connection: duckdb.DuckDBPyConnection, rows: Iterator[pa.Table], path: Path, account: Month) -> None:
    """Write a month's file by the same engine and with the same settings as `merge`."""
    path.parent.mkdir(parents=True)
    first = next(rows)
    batches = (batch for table in chain([first], rows) for batch in table.to_batches())
    connection.register("arrivals", pa.RecordBatchReader.from_batches(first.schema, batches))
    types = {"price": "DECIMAL(18, 4)"}
    columns = ", ".join(f"{name}::{types[name]} AS {name}" if name in types else name for name in SCHEMA.names)
    footer = quoted(json.dumps(asdict(account)))
    connection.execute(
        f"COPY (SELECT {columns} FROM arrivals) TO {quoted(path)}"
        f" (FORMAT parquet, COMPRESSION snappy, KV_METADATA {{menagerie: {footer}}})"
    )
    connection.unregister("arrivals")
