"""Spark, set up the same way wherever it is used, and what is read and written with it.

Paths are local or URLs (`s3://…`): Spark's own file systems open both. PySpark is no dependency of the project, so
that it is imported only when asked for.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from ibis import Table
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.expr.operations import Hash

from contract.errors import BadInputError, MenagerieError, WrongUsageError
from segmentation.ingest import events as event
from segmentation.ingest.month_files import ACCOUNT
from segmentation.store.lineage import LEDGER, STAGED
from segmentation.tools.engine import reason
from segmentation.tools.parts import NOT_WHOLE, WHOLE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_NO_PYSPARK = "The Spark engine needs PySpark: install requirements-spark.txt of the project with pip."
_NO_JAVA = "The Spark engine needs Java 17 or later: install one (openjdk-17-jre-headless), or name it in JAVA_HOME."
_IN_THE_WAY = "{} is there already and is no table that Spark wrote: name another place with --out."
MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.ansi.enabled": "true",  # an overflow is an error, not a null
    "spark.sql.parquet.compression.codec": "zstd",
}
"""Settings on which the meaning of the tables rests; all others are the caller's."""


class _Compiler(PySparkCompiler):  # type: ignore[misc]
    """Ibis's own, except that a hash has 64 bits, as in DuckDB: with 32, sessions of a busy user would coincide."""

    __slots__ = ()
    SIMPLE_OPS = {Hash: "xxhash64"}  # noqa: RUF012 (as Ibis declares it)


def compiled(table: Table) -> str:
    """Return an Ibis expression in Spark's SQL."""
    backend = import_module("ibis.backends.pyspark").Backend()
    backend.register_options()
    backend.compiler = _Compiler()
    return str(backend.compile(table))


def session() -> "SparkSession":
    """Return Spark as `spark-submit` started it, or one in this process on all its processors.

    Raises WrongUsageError when PySpark or Java is not there.
    """
    try:
        sql, errors = import_module("pyspark.sql"), import_module("pyspark.errors")
    except ImportError as error:
        raise WrongUsageError(_NO_PYSPARK) from error
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    java = shutil.which("java", path=os.environ["JAVA_HOME"] + "/bin" if "JAVA_HOME" in os.environ else None)
    if not (submitted or java):
        raise WrongUsageError(_NO_JAVA)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        spark = sql.SparkSession.builder.appName("menagerie").getOrCreate()
    except errors.PySparkRuntimeError as error:  # a Java that is too old ends here
        raise WrongUsageError(_NO_JAVA) from error
    spark.sparkContext.setLogLevel("ERROR")
    for name, value in MEANING.items():
        spark.conf.set(name, value)
    return spark


@contextmanager
def told(what: str) -> Iterator[None]:
    """Tell in a sentence why Spark stopped."""
    pyspark, py4j = import_module("pyspark.errors"), import_module("py4j.protocol")
    try:
        yield
    except OSError as error:
        raise MenagerieError(f"{what} stopped: {reason(error)}.") from error
    except (pyspark.PySparkException, py4j.Py4JError) as error:
        thrown = getattr(error, "java_exception", None)
        said = re.sub(r"\b\w+:/\S*/", "", str(thrown.toString() if thrown else error))  # URLs, which `reason` leaves
        fault = BadInputError if isinstance(error, pyspark.AnalysisException) else MenagerieError
        raise fault(f"{what} stopped: {reason(OSError(said))}.") from error


def names_in(spark: "SparkSession", folder: str) -> list[str]:
    """Return what is in a folder, its own name if it is a file, and nothing if it is not there."""
    path, system = _path(spark, folder)
    return [status.getPath().getName() for status in system.listStatus(path)] if system.exists(path) else []


def read(spark: "SparkSession", table: str) -> "DataFrame":
    """Open a table: a file, or a folder that Spark wrote to the end; raise BadInputError for any other."""
    name = _name(table)
    if names_in(spark, table) != [name] and WHOLE not in names_in(spark, table):
        raise BadInputError(NOT_WHOLE.format(name))
    return spark.read.parquet(table)


def read_texts(spark: "SparkSession", folder: str, names: Sequence[str]) -> dict[str, bytes]:
    """Return small text files of a folder, by name."""
    with told(f"Reading {' and '.join(names)}"):
        return {name: spark.read.text(f"{folder}/{name}", wholetext=True).first()[0].encode() for name in names}


def write(table: "DataFrame", out: str) -> None:
    """Write a table into the folder `out`, its parts in the order of `user_id`; one that Spark wrote before goes."""
    spark = table.sparkSession
    if any(not name.startswith(("part-", "_", ".")) for name in names_in(spark, out)):
        raise WrongUsageError(_IN_THE_WAY.format(_name(out)))
    table.write.mode("overwrite").parquet(out)


def fetch_accounts(spark: "SparkSession", events: str, folder: Path) -> None:
    """Bring what an ingested folder elsewhere says of itself into a local one: its month files come without events."""
    names = names_in(spark, events)
    if LEDGER in names:
        (folder / LEDGER).write_bytes(read_texts(spark, events, [LEDGER])[LEDGER])
    if STAGED in names:
        (folder / STAGED).mkdir()
    for month in names_in(spark, f"{events}/events"):
        (folder / "events" / month).mkdir(parents=True)
        for name in names_in(spark, f"{events}/events/{month}"):
            footer = _footer(spark, f"{events}/events/{month}/{name}")
            empty = event.SCHEMA.with_metadata({ACCOUNT: footer} if footer else {}).empty_table()
            pq.write_table(empty, folder / "events" / month / name)


def _footer(spark: "SparkSession", file: str) -> str | None:
    parquet = spark._jvm.org.apache.parquet.hadoop
    path, _ = _path(spark, file)
    reader = parquet.ParquetFileReader.open(parquet.util.HadoopInputFile.fromPath(path, _configuration(spark)))
    try:
        found = reader.getFooter().getFileMetaData().getKeyValueMetaData().get(ACCOUNT.decode())
    finally:
        reader.close()
    return found


def _name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _path(spark: "SparkSession", url: str) -> tuple[Any, Any]:
    path = spark._jvm.org.apache.hadoop.fs.Path(url)
    return path, path.getFileSystem(_configuration(spark))


def _configuration(spark: "SparkSession") -> Any:
    return spark._jsc.hadoopConfiguration()
