"""How long Spark takes for the client table, beside DuckDB and beside the way of a notebook, on 5 million events.

Run it with `python -m benchmarks.spark`, in an environment with PySpark and Java (`make spark`); the events, made once,
stay in benchmarks/out/spark/. Where one machine is enough, DuckDB is; the figures say by how much.
"""

import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from importlib import import_module
from pathlib import Path

import pyarrow as pa

from segmentation import spark, spark_stages
from segmentation.features import read_clients, write_clients

OUT = Path(__file__).parent / "out" / "spark"
INGESTED = OUT / "ingested"
AS_OF = date(2020, 4, 30)
CLIENTS = 24_600  # of the simulated shop, and its visitors: 5 million events
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SETTINGS = "--driver-memory 3g --conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=8"


def make_events() -> None:
    """Simulate and ingest 5 million events, once."""
    if (INGESTED / "ingest.json").exists():
        return
    command = [sys.executable, "-m", "segmentation"]
    raw = str(OUT / "raw")
    if not Path(raw).exists():
        simulate = ["simulate", raw, "--clients", str(CLIENTS), "--seed", "1", "--format", "parquet"]
        subprocess.run([*command, *simulate], check=True)
    subprocess.run([*command, "ingest", "--events", raw, "--out", str(INGESTED)], check=True)


def by_duckdb() -> None:
    write_clients(INGESTED, AS_OF, OUT / "duckdb")


def by_spark() -> None:
    spark_stages.write_clients(spark.session(), str(INGESTED), AS_OF, str(OUT / "spark"))


def by_notebook() -> None:
    yardstick = import_module("benchmarks.spark_yardstick")
    spark.write(yardstick.clients(spark.session(), str(INGESTED), AS_OF), str(OUT / "notebook"))


CONTESTANTS = {"duckdb": by_duckdb, "spark": by_spark, "notebook": by_notebook}


def measure(name: str) -> list[float]:
    """Return seconds of the work, of the whole process, of processors, and the peak memory in GB, children included."""
    began = time.perf_counter()
    environment = os.environ | {"PYSPARK_SUBMIT_ARGS": f"{SETTINGS} pyspark-shell"}
    command = [sys.executable, "-m", "benchmarks.spark", name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    peak, ticks = 0, dict[int, int]()
    while process.poll() is None:
        used = dict(usage(process.pid))
        peak = max(peak, sum(pages for pages, _ in used.values()))
        ticks |= {pid: spent for pid, (_, spent) in used.items()}
        time.sleep(0.1)
    whole = time.perf_counter() - began
    said, _ = process.communicate()
    if process.returncode:
        sys.exit(f"{shlex.join(command)} ended with {process.returncode}")
    processors = sum(ticks.values()) / os.sysconf("SC_CLK_TCK")
    return [float(said.split()[-1]), whole, processors, peak * os.sysconf("SC_PAGE_SIZE") / 2**30]


def usage(pid: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield a process and all that it started, each with its pages of memory and its ticks of processors until now."""
    process = Path(f"/proc/{pid}")
    try:
        spent = (process / "stat").read_text().rpartition(")")[2].split()
        yield pid, (int((process / "statm").read_text().split()[1]), int(spent[11]) + int(spent[12]))
        children = [child for task in (process / "task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return
    for child in children:
        yield from usage(int(child))


def work(name: str) -> None:
    """Do one contestant's work in this process, and print its seconds, without the start of Spark."""
    if name != "duckdb":
        spark.session()
    began = time.perf_counter()
    CONTESTANTS[name]()
    print(time.perf_counter() - began)


def differences() -> list[str]:
    """Name the tables and columns in which a table is not DuckDB's, to the last bit."""
    tables: dict[str, pa.Table] = {name: read_clients(OUT / name) for name in CONTESTANTS}
    expected = tables["duckdb"]
    return [
        f"{name}: {column}"
        for name, table in tables.items()
        for column in expected.column_names
        if not table[column].equals(expected[column])
    ]


def main() -> int:
    """Compare the tables, then the times; return 1 when a table is not DuckDB's."""
    make_events()
    taken = {name: [measure(name)] for name in CONTESTANTS}
    if wrong := differences():
        print(f"the tables differ in {', '.join(wrong)}")
        return 1
    for _ in range(ROUNDS - 1):
        for name in CONTESTANTS:
            taken[name].append(measure(name))
    clients = read_clients(OUT / "duckdb").num_rows
    print(f"24 columns of {clients:,} clients, {os.cpu_count()} cores, median of {ROUNDS}; all tables are equal")
    for name, rounds in taken.items():
        seconds, whole, processors, peak = (statistics.median(figures) for figures in zip(*rounds, strict=True))
        print(
            f"  {name:<10} {seconds:6.1f} s  ({whole:6.1f} s with start-up, {processors:6.1f} s of processors)"
            f"  peak {peak:4.2f} GB"
        )
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(sys.argv[1])
    else:
        sys.exit(main())
