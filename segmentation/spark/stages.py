"""The two stages that Spark can take over: the client table, and a persona for each client."""

import json
from collections.abc import Iterator
from datetime import date
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from contract.columns import NAMES
from segmentation.features import definitions
from segmentation.features import table as features
from segmentation.features.calendar import utc_offsets, windows
from segmentation.features.columns import SCHEMA, SEGMENT_SCHEMA
from segmentation.ingest import sums
from segmentation.model.assign import assign
from segmentation.model.files import Model
from segmentation.spark import session as spark

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def write_clients(session: "SparkSession", events: str, as_of: date, out: str, timezone: str = "UTC") -> int:
    """Write the client table of an ingested folder as a folder of Parquet files; return its rows.

    The definition is the one that DuckDB runs (`features.write_clients`), and so are the laws, which are checked
    before anything is written. Each file says what the table was made of (`features.read_origin`).
    """
    span = windows(as_of)
    offsets = utc_offsets(timezone, span.start, span.end)
    with spark.told("Building the client table on Spark"), TemporaryDirectory(prefix="menagerie-") as folder:
        accounts = Path(events)
        if "://" in events:
            accounts = Path(folder)
            spark.fetch_accounts(session, events, accounts)
        files = [f"{events}/{file.relative_to(accounts)}" for file in features.files(accounts, span.months)]
        origin = features.origin(accounts, as_of, timezone)
        session.read.parquet(*files).createOrReplaceTempView("events")
        _sum_up(session)
        *earlier, (_, query) = definitions.steps(span, offsets).items()
        stored = [_stored(session, spark.compiled(step), name) for name, step in earlier]
        stored.append(clients := _stored(session, spark.compiled(query), "clients"))
        try:
            rows, *kept = clients.selectExpr("count(*)", *features.LAWS.values()).first()
            features.check(rows, kept, as_of)
            noted = clients.withMetadata("user_id", {features.ORIGIN.decode(): json.dumps(origin)})
            spark.write(noted.orderBy("user_id"), out)
        finally:
            for table in stored:
                table.unpersist()
    return int(rows)


def assign_clients(session: "SparkSession", model: Model, clients: str, out: str) -> None:
    """Give each client of a table a persona; each partition goes through `assign` where it lies."""
    given = session.sparkContext.broadcast(model)

    def segments(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from assign(given.value, pa.Table.from_batches([batch]).cast(SCHEMA)).to_batches()

    with spark.told("Giving each client a persona on Spark"):
        # Spark reads the largest file first, so that the order of the table must be made anew.
        table = spark.read(session, clients).select(*NAMES).orderBy("user_id")
        types = import_module("pyspark.sql.pandas.types")
        spark.write(table.mapInArrow(segments, types.from_arrow_schema(SEGMENT_SCHEMA, prefer_timestamp_ntz=True)), out)


def _sum_up(session: "SparkSession") -> None:
    """Give the rollups of the view `events` their names."""
    slotted = sums.slotted(sums.EVENTS)
    # By user before they are summed up, once for all steps: sums would be shuffled by their three keys, then by user.
    session.sql(spark.compiled(slotted)).repartition("user_id").createOrReplaceTempView("slotted")
    visits = sums.visits(ibis.table(slotted.schema(), name="slotted"))
    for name, rollup in {"visits": visits, "purchases": sums.purchases(sums.EVENTS)}.items():
        session.sql(spark.compiled(rollup)).createOrReplaceTempView(name)


def _stored(session: "SparkSession", query: str, name: str) -> "DataFrame":
    """Keep a step on the disks of the executors, for the next ones to read it by its name."""
    table = session.sql(query).persist(import_module("pyspark").StorageLevel.DISK_ONLY)
    table.createOrReplaceTempView(name)
    return table
