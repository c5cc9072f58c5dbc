"""Who makes the client table: each gets an ingested folder and writes a client table.

Run as a program with a contestant's name, it does that one's work and prints what it took.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from segmentation.store.lineage import LEDGER
from segmentation.tools import engine
from segmentation.tools.engine import quoted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AS_OF = date(2020, 4, 30)
YARDSTICK = Path(__file__).parent / "features_yardstick.sql"
SCAN = """
    SELECT bit_xor(epoch_us(event_time)), bit_xor(user_id), sum(price),
      sum(strlen(event_type)), sum(strlen(category_code)), sum(strlen(brand)), sum(strlen(user_session))
    FROM read_parquet({events})
"""
"""Decodes every value of every column that the definition reads, and does next to nothing with it."""

PARTITIONS_A_CORE = 4
"""Of Spark's shuffles: its default of 200 is for a cluster."""

Work = Callable[[Path, date, Path], Any]


@dataclass(frozen=True)
class Contestant:
    """`start` does what is not measured (imports, a session) and returns the work; `needs` must be importable."""

    said: str
    start: Callable[[], Work]
    needs: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Return what it needs and is not installed."""
        return [module for module in self.needs if find_spec(module) is None]


def scan(events: Path, _: date, out: Path) -> None:
    with engine.connect(out.parent) as connection:
        connection.execute(SCAN.format(events=quoted(_glob(events)))).fetchall()


def yardstick(events: Path, as_of: date, out: Path) -> None:
    with engine.connect(out.parent) as connection:
        connection.execute(f"SET VARIABLE events = {quoted(_glob(events))}; SET VARIABLE as_of = DATE '{as_of}'")
        connection.execute(f"SET VARIABLE stop = TIMESTAMP '{as_of}' + INTERVAL 1 DAY")
        for months in (2, 5, 7):
            connection.execute(f"SET VARIABLE from_{months}m = getvariable('stop') - INTERVAL {months} MONTH")
        connection.execute(f"COPY ({YARDSTICK.read_text()}) TO {quoted(out)} (FORMAT parquet, COMPRESSION zstd)")


def from_events() -> Work:
    """Return ours with the rollups made anew: in a folder of links to the events, so that theirs stay."""
    write_clients = import_module("segmentation.features.table").write_clients

    def work(events: Path, as_of: date, out: Path) -> None:
        with TemporaryDirectory(prefix="anew-", dir=out.parent) as folder:
            shutil.copytree(events / "events", Path(folder) / "events", copy_function=os.link)
            shutil.copy(events / LEDGER, folder)
            write_clients(Path(folder), as_of, out)

    return work


def spark() -> Work:
    """Start Spark, and return the work of our engine on it."""
    session, write_clients = _spark_session(), import_module("segmentation.spark.stages").write_clients
    return lambda events, as_of, out: write_clients(session, str(events), as_of, str(out))


def notebook() -> Work:
    """Start Spark, and return the work of the original study."""
    session, clients = _spark_session(), import_module("benchmarks.spark_yardstick").clients
    write = import_module("segmentation.spark.session").write
    return lambda events, as_of, out: write(clients(session, str(events), as_of), str(out))


def _spark_session() -> "SparkSession":
    """Start Spark with all cores and half of the memory."""
    settings = {
        "spark.driver.memory": f"{memory_gb() / 2:.0f}g",
        "spark.sql.shuffle.partitions": PARTITIONS_A_CORE * len(os.sched_getaffinity(0)),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    given = " ".join(f"--conf {name}={value}" for name, value in settings.items())
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"{given} pyspark-shell"
    session: SparkSession = import_module("segmentation.spark.session").session()
    return session


def _glob(events: Path) -> Path:
    return events / "events" / "*" / "*.parquet"


def _by(module: str) -> Callable[[], Work]:
    return lambda: import_module(module).write_clients


CONTESTANTS = {
    "scan": Contestant("DuckDB reads the seven columns used, and no more", lambda: scan),
    "ours": Contestant("`segmentation features`: Ibis on DuckDB, from rollups", _by("segmentation.features.table")),
    "from-events": Contestant("the same, rollups made anew from the events", from_events),
    "yardstick": Contestant("hand-written SQL on DuckDB", lambda: yardstick),
    "polars": Contestant("Polars, lazy, streaming", _by("benchmarks.polars_yardstick"), ("polars",)),
    "pandas": Contestant("pandas, reading pruned and filtered", _by("benchmarks.pandas_yardstick")),
    "spark": Contestant("`segmentation features --engine spark`: Ibis on Spark, from events", spark, ("pyspark",)),
    "notebook": Contestant("PySpark, as the original study", notebook, ("pyspark",)),
}


def memory_gb() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3


def peak_gb(pid: int | str = "self", mark: str = "VmHWM") -> float:
    """Return a process's largest memory so far (or with `VmRSS` its present one); 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{mark}:")) / 1024**2


def cpu_s(pid: int) -> float:
    """Return the processor time of a process so far, of all its threads; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(name: str, events: str, out: str) -> None:
    work = CONTESTANTS[name].start()
    began, worked = time.perf_counter(), time.process_time()
    work(Path(events), AS_OF, Path(out))
    took = {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - worked, "peak_gb": peak_gb()}
    print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
